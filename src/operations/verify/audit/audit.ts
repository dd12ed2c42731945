/**
 * The audit: passes (pass.ts), again and again, by one process at a time.
 *
 * A process that does not hold the lease stands by, and takes over when the lease expires. A pass begins when its time has come, or at once
 * when the apply script has stored a request (redis-model/audit.ts).
 */
import {
  undecided,
  type AuditCounts,
  type AuditPass,
  type AuditProgress,
  type AuditState,
} from '../../../redis-model/audit.js';
import {ERROR_POLICY} from '../../../runtime/errorPolicy.js';
import {asProjectorError, type ErrorKind, type ProjectorError} from '../../../runtime/errors.js';
import {Backoff, type Clock} from '../../../runtime/lifecycle.js';
import {passStart} from './pass.js';

/** A lease that this process can hold (operations/rebuild/lock.ts). Every instance is used once. */
export interface Lease {
  readonly text: string;
  /** Rejects with `rebuild-refused` if another process holds it. */
  take(): Promise<void>;
  during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export interface AuditDeps {
  /** The time between the starts of two passes, in ms. Null ends the audit after one pass. */
  readonly everyMs: number | null;
  readonly isRepairing: boolean;
  readonly clock: Clock;
  readonly newLease: () => Lease;
  readonly record: {
    read(): Promise<AuditState>;
    save(lease: string, progress: AuditProgress): Promise<void>;
    finish(lease: string, pass: AuditPass, requested: string): Promise<void>;
  };
  /** Runs one pass from this place to its end. */
  readonly pass: (from: AuditProgress, options: PassOptions) => Promise<AuditCounts>;
  readonly notify: (event: AuditEvent) => void;
}

export interface PassOptions {
  readonly signal: AbortSignal;
  readonly save: (progress: AuditProgress) => Promise<void>;
}

export type AuditEvent =
  | {readonly kind: 'pass-begins'; readonly requested: string; readonly isContinued: boolean}
  | {readonly kind: 'pass-ends'; readonly pass: AuditPass}
  /** Another process audits. */
  | {readonly kind: 'stands-by'; readonly holder: string}
  | {readonly kind: 'waits'; readonly error: ProjectorError}
  | {readonly kind: 'recovered'; readonly of: ErrorKind; readonly afterMs: number};

/** How often the state is read between two passes. So a request is answered within this time. */
const POLL_MS = 2_000;
const STAND_BY_MS = 5_000;
/** After a pass that did not decide everything, the next one begins after this pause, or after one as long as the pass. */
const AGAIN_MS = 30_000;

/** Failures that another process or a later attempt removes, in addition to those of servers. */
const PASSING: ReadonlySet<ErrorKind> = new Set([
  'rebuild-refused',
  'rebuild-lost',
  'repair-refused',
  'mysql-behind',
  'verify-behind',
  'cutover-in-progress',
  // In the layout `partitioned`, the topic has no record yet that shows the form of its keys (cli/verification/orderPlaces.ts).
  'verify-halted',
  // The tables were checked at the start. A schema change is under way, or the mapping no longer fits: the log then repeats the reason.
  'config-invalid',
]);

/** Resolves with the result of the pass if `everyMs` is null, and with undefined when the signal aborts. */
export async function audit(deps: AuditDeps, signal: AbortSignal): Promise<AuditPass | undefined> {
  const {clock, everyMs, notify, newLease} = deps;
  const backoff = new Backoff(1_000, 30_000);
  let waiting: {readonly kind: ErrorKind; readonly sinceMs: number} | undefined;
  let isStandingBy = false;
  const isStopping = (): boolean => signal.aborted;
  while (!isStopping()) {
    try {
      const lease = newLease();
      const holder = await holderOf(lease);
      if (holder !== undefined && everyMs !== null) {
        if (!isStandingBy) notify({kind: 'stands-by', holder: holder.detail});
        isStandingBy = true;
        await clock.sleep(STAND_BY_MS, signal);
        continue;
      }
      return await lease.during(signal, async (held) => {
        isStandingBy = false;
        return await passes(deps, {
          lease: lease.text,
          held,
          worked: () => {
            if (waiting !== undefined)
              notify({kind: 'recovered', of: waiting.kind, afterMs: clock.nowMs() - waiting.sinceMs});
            waiting = undefined;
            backoff.reset();
          },
        });
      });
    } catch (error) {
      if (isStopping()) break;
      const failure = asProjectorError(error);
      if (everyMs === null || !isPassing(failure)) throw failure;
      if (waiting === undefined) notify({kind: 'waits', error: failure});
      waiting ??= {kind: failure.kind, sinceMs: clock.nowMs()};
      await clock.sleep(backoff.nextMs(), signal);
    }
  }
  return undefined;
}

/** Takes the lease. Resolves with the reason if another process holds it. */
async function holderOf(lease: Lease): Promise<ProjectorError | undefined> {
  try {
    await lease.take();
    return undefined;
  } catch (error) {
    const failure = asProjectorError(error);
    if (failure.kind === 'rebuild-refused') return failure;
    throw failure;
  }
}

function isPassing({kind}: ProjectorError): boolean {
  return PASSING.has(kind) || ERROR_POLICY[kind].next === 'wait';
}

/** Runs passes while the lease is held. */
async function passes(
  deps: AuditDeps,
  {lease, held, worked}: {lease: string; held: AbortSignal; worked: () => void},
): Promise<AuditPass | undefined> {
  const {clock, everyMs, record, isRepairing, notify} = deps;
  for (let done = 1; ;) {
    held.throwIfAborted();
    const state = await record.read();
    if (everyMs !== null && !isDue(state, {nowMs: clock.nowMs(), everyMs})) {
      worked();
      await clock.sleep(POLL_MS, held);
      continue;
    }
    const from = placeOf(state, clock.nowMs());
    const {requested, startedMs} = from;
    notify({kind: 'pass-begins', requested, isContinued: from === state.current});
    const counts = await deps.pass(from, {
      signal: held,
      save: async (progress) => {
        await record.save(lease, progress);
        worked();
      },
    });
    const pass: AuditPass = {...counts, startedMs, endedMs: clock.nowMs(), everyMs, isRepairing};
    await record.finish(lease, pass, requested);
    worked();
    notify({kind: 'pass-ends', pass});
    // Sums are repaired by a second pass, after the orders (pass.ts).
    if (everyMs === null && (undecided(pass) === 0 || done++ === 2)) return pass;
  }
}

/**
 * A pass is due if one was left unfinished, if none was finished, if one is requested, or if its time has come. Values that the last one
 * did not decide make it due earlier.
 */
function isDue(
  {current, last, requested, answered}: AuditState,
  {nowMs, everyMs}: {nowMs: number; everyMs: number},
): boolean {
  if (current !== null || last === null || requested !== answered) return true;
  // An audit whose clock was ahead may have written a time that has not come yet.
  const isEarlier = nowMs < last.startedMs;
  const pauseMs = Math.max(AGAIN_MS, last.endedMs - last.startedMs);
  const isAgain = undecided(last) > 0 && nowMs - last.endedMs >= pauseMs;
  return isEarlier || isAgain || nowMs - last.startedMs >= everyMs;
}

/** A pass that was left unfinished continues, unless another one was requested since. */
function placeOf({current, requested}: AuditState, nowMs: number): AuditProgress {
  return current !== null && current.requested === requested ? current : passStart(nowMs, requested);
}
