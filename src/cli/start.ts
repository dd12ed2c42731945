/** Retries until the servers are reachable, up to a timeout. */
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import {asProjectorError, type ProjectorError} from '../runtime/errors.js';
import {Backoff, type Clock} from '../runtime/lifecycle.js';

export interface StartOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Is called when an attempt fails with another kind of error than the attempt before. */
  readonly notify: (error: ProjectorError) => void;
}

/**
 * Retries `attempt` with backoff while its errors are temporary. Rejects with a permanent error at once, and with the last
 * temporary error after `timeoutMs`.
 */
export async function untilReachable<T>(options: StartOptions, attempt: () => Promise<T>): Promise<T> {
  const {clock, timeoutMs, notify} = options;
  const deadlineMs = clock.nowMs() + timeoutMs;
  const backoff = new Backoff(100, 2_000);
  let notified: string | undefined;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const failure = asProjectorError(error);
      if (ERROR_POLICY[failure.kind].next === 'halt' || clock.nowMs() >= deadlineMs) throw failure;
      if (notified !== failure.kind) notify(failure);
      notified = failure.kind;
      await clock.sleep(Math.min(backoff.nextMs(), Math.max(0, deadlineMs - clock.nowMs())));
    }
  }
}
