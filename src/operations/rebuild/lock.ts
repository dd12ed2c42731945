/**
 * The lock of a rebuild: one at a time for each read model. It is a lease, so that a rebuild that was killed does not keep
 * others out; what it guards is guarded again by the scripts themselves (scripts.ts).
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {EXCHANGE_SCRIPT, LOCK_SCRIPT, RENEW_SCRIPT} from './scripts.js';

/** Redis, as far as a lock needs it (clients/redis/client.ts). */
export interface LockHost {
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

/** Far above any pause between two renewals, so that only a process that is gone loses it. */
const LEASE_MS = 30_000;
const RENEW_MS = 5_000;

export class RebuildLock {
  /** What stands under the key while we hold it: id, command and process, for whoever finds it there. */
  readonly text: string;
  readonly #redis: LockHost;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #end = new AbortController();

  constructor(redis: LockHost, {key, text, clock}: {key: string; text: string; clock: Clock}) {
    this.#redis = redis;
    this.#key = key;
    this.text = text;
    this.#clock = clock;
  }

  /** Rejects with `rebuild-refused` when somebody else holds it. */
  async take(): Promise<void> {
    const holder = String(await this.#redis.run(LOCK_SCRIPT, this.#key, [this.text, String(LEASE_MS)]));
    if (holder === this.text) return;
    throw new ProjectorError(
      'rebuild-refused',
      `another one runs (${holder}); where it was killed, its lock is over within ${LEASE_MS / 1_000} s`,
    );
  }

  /** Runs `work` while it is held; the signal that it gets aborts too when the lock was lost, with `rebuild-lost` as its reason. */
  async during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    await this.take();
    const lost = new AbortController();
    const kept = this.keep().catch((error: unknown) => lost.abort(error));
    try {
      return await work(AbortSignal.any([signal, lost.signal]));
    } finally {
      await this.release();
      await kept;
    }
  }

  /** Renews it until `release`; rejects with `rebuild-lost` when its time was over before. */
  async keep(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#clock.sleep(RENEW_MS, this.#end.signal);
      if (this.#hasEnded()) return;
      // A Redis that is away for a moment has not given it to anybody else.
      const holder = await this.#renew().catch(() => this.text);
      if (holder === this.text) continue;
      const who = holder === '' ? 'nobody holds its lock' : `another one has begun (${holder})`;
      throw new ProjectorError(
        'rebuild-lost',
        `this process stood still, or Redis was away, for more than ${LEASE_MS / 1_000} s, and ${who}`,
      );
    }
  }

  async release(): Promise<void> {
    this.#end.abort();
    await this.#redis.run(EXCHANGE_SCRIPT, this.#key, [this.text, '']).catch(() => undefined);
  }

  #hasEnded(): boolean {
    return this.#end.signal.aborted;
  }

  async #renew(): Promise<string> {
    return String(await this.#redis.run(RENEW_SCRIPT, this.#key, [this.text, String(LEASE_MS)]));
  }
}

/** The text of a lock: who works, in which process, since when. */
export function lockTextOf(
  {id, command}: LockHolder,
  {host, pid, sinceMs}: {host: string; pid: number; sinceMs: number},
): string {
  return `${id} ${command} on ${host}, process ${pid}, since ${new Date(sinceMs).toISOString()}`;
}

export interface LockHolder {
  /** Without blanks. */
  readonly id: string;
  readonly command: string;
}

/** Undefined when it is no text of ours. */
export function parseLockText(text: string): LockHolder | undefined {
  const [, id, command] = /^(\S+) (\S+) on /.exec(text) ?? [];
  return id === undefined || command === undefined ? undefined : {id, command};
}
