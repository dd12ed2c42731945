/** Reads from Redis what the audit has found, every 15 s, so that each worker can show it. The audit itself serves no metrics. */
import {readAudit, type AuditKeys} from '../redis-model/audit.js';
import type {Clock} from '../runtime/lifecycle.js';
import type {AuditView} from '../worker/workerView.js';

export interface AuditWatchDeps {
  /** What the watch uses of the Redis client (clients/redis/client.ts). */
  readonly redis: {
    hash(key: string): Promise<Readonly<Record<string, string>>>;
    getAll(keys: readonly string[]): Promise<(string | null)[]>;
  };
  readonly keys: AuditKeys;
  readonly clock: Clock;
  readonly notify: (audit: AuditView | null) => void;
}

const LOOK_MS = 15_000;

/** Reads the state until the signal aborts. While Redis does not respond, the last answer stays. */
export async function watchAudit(deps: AuditWatchDeps, signal: AbortSignal): Promise<void> {
  const {clock, notify} = deps;
  while (!signal.aborted) {
    const view = await look(deps).catch(() => undefined);
    if (view !== undefined) notify(view);
    await clock.sleep(LOOK_MS, signal);
  }
}

async function look({redis, keys}: AuditWatchDeps): Promise<AuditView | null> {
  const {requested, answered, last, isEmpty} = await readAudit(redis, keys);
  const [lease] = await redis.getAll([keys.auditLease]);
  const isRunning = typeof lease === 'string';
  if (isEmpty && !isRunning) return null;
  return {isRunning, isRequested: requested !== answered, last};
}
