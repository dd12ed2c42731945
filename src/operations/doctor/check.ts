/**
 * One check of `projector doctor`, and the answers of servers that decide its verdict.
 *
 * Pure: no clock, no I/O.
 */
import {ERROR_POLICY, EXIT} from '../../runtime/errorPolicy.js';
import type {ProjectorError} from '../../runtime/errors.js';

export type Verdict = 'ok' | 'warn' | 'fail' | 'skipped';

export interface Check {
  readonly name: string;
  readonly verdict: Verdict;
  /** What the check found, or why it was skipped. */
  readonly detail: string;
  /** What the operator should do. Null if nothing is necessary. */
  readonly fix: string | null;
  /** The exit code of a check that failed. It is 0 for every other verdict. */
  readonly exitCode: number;
}

export function ok(name: string, detail: string): Check {
  return {name, verdict: 'ok', detail, fix: null, exitCode: EXIT.ok};
}

export function skipped(name: string, why: string): Check {
  return {name, verdict: 'skipped', detail: why, fix: null, exitCode: EXIT.ok};
}

/** For a finding that neither stops a worker nor makes the data in Redis wrong. */
export function warn(name: string, detail: string, fix: string): Check {
  return {name, verdict: 'warn', detail, fix, exitCode: EXIT.ok};
}

/** For a finding that makes a worker halt or wait, or that makes the data in Redis wrong. */
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

/** The outcome of a question. */
export type Answer<T> =
  | {readonly kind: 'answer'; readonly value: T}
  | {readonly kind: 'error'; readonly error: ProjectorError}
  /** The question was not asked. */
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

/** The same answer for another check. If it is an error, only the first check reports it. The other one is skipped. */
export function again<T>(answer: Answer<T>): Answer<T> {
  return answer.kind === 'answer' ? answer : notAsked(answer);
}

/** Both answers. If one of them is missing, the check is skipped with the reason. */
export function both<A, B>(a: Answer<A>, b: Answer<B>): Answer<readonly [A, B]> {
  if (a.kind !== 'answer') return notAsked(a);
  if (b.kind !== 'answer') return notAsked(b);
  return {kind: 'answer', value: [a.value, b.value]};
}

/** Turns an error into `skipped`, because the check that asked this question already reports the error. */
function notAsked(answer: Exclude<Answer<unknown>, {kind: 'answer'}>): Answer<never> {
  return answer.kind === 'skipped' ? answer : {kind: 'skipped', why: answer.error.detail};
}

/** The smallest exit code of the failed checks. So settings (2) come before unreachable servers (4) and other faults (5). */
export function exitCodeOf(checks: readonly Check[]): number {
  const codes = checks.filter(({verdict}) => verdict === 'fail').map(({exitCode}) => exitCode);
  return codes.length === 0 ? EXIT.ok : Math.min(...codes);
}
