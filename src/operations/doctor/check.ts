/**
 * One check of `projector doctor`, and what it was judged by: answers of servers.
 *
 * Pure: no clock, no I/O.
 */
import {ERROR_POLICY, EXIT} from '../../runtime/errorPolicy.js';
import type {ProjectorError} from '../../runtime/errors.js';

export type Verdict = 'ok' | 'warn' | 'fail' | 'skipped';

export interface Check {
  readonly name: string;
  readonly verdict: Verdict;
  /** What was found, or why nothing was looked at. */
  readonly detail: string;
  /** What to do about it; null where nothing is to be done. */
  readonly fix: string | null;
  /** Of `fail`: the exit code that stands for it; 0 for all others. */
  readonly exitCode: number;
}

export function ok(name: string, detail: string): Check {
  return {name, verdict: 'ok', detail, fix: null, exitCode: EXIT.ok};
}

export function skipped(name: string, why: string): Check {
  return {name, verdict: 'skipped', detail: why, fix: null, exitCode: EXIT.ok};
}

/** Nothing that stops a worker or makes Redis wrong. */
export function warn(name: string, detail: string, fix: string): Check {
  return {name, verdict: 'warn', detail, fix, exitCode: EXIT.ok};
}

/** A worker would halt or wait because of it, or Redis would not stay exact. */
export function fail(
  name: string,
  detail: string,
  {fix, exitCode = EXIT.halted}: {readonly fix: string; readonly exitCode?: number},
): Check {
  return {name, verdict: 'fail', detail, fix, exitCode};
}

export function failedBy(name: string, {kind, detail}: ProjectorError): Check {
  const {advice, exitCode} = ERROR_POLICY[kind];
  return fail(name, detail, {fix: advice, exitCode});
}

/** What became of a question. */
export type Answer<T> =
  | {readonly kind: 'answer'; readonly value: T}
  | {readonly kind: 'error'; readonly error: ProjectorError}
  /** It was not asked. */
  | {readonly kind: 'skipped'; readonly why: string};

export function judged<T>(name: string, answer: Answer<T>, judge: (value: T) => Check): Check {
  switch (answer.kind) {
    case 'answer':
      return judge(answer.value);
    case 'error':
      return failedBy(name, answer.error);
    case 'skipped':
      return skipped(name, answer.why);
  }
}

/** The same answer for one more check: that there is none is told once, by the first. */
export function again<T>(answer: Answer<T>): Answer<T> {
  return answer.kind === 'answer' ? answer : notAsked(answer);
}

/** Both answers, or what keeps them from being there. */
export function both<A, B>(a: Answer<A>, b: Answer<B>): Answer<readonly [A, B]> {
  if (a.kind !== 'answer') return notAsked(a);
  if (b.kind !== 'answer') return notAsked(b);
  return {kind: 'answer', value: [a.value, b.value]};
}

/** For questions that build on one that has no answer: the reason stands with that one. */
function notAsked(answer: Exclude<Answer<unknown>, {kind: 'answer'}>): Answer<never> {
  return answer.kind === 'skipped' ? answer : {kind: 'skipped', why: answer.error.detail};
}

/** The exit code of all of them: settings first, then what is away, then the rest. */
export function exitCodeOf(checks: readonly Check[]): number {
  const codes = checks.filter(({verdict}) => verdict === 'fail').map(({exitCode}) => exitCode);
  return codes.length === 0 ? EXIT.ok : Math.min(...codes);
}
