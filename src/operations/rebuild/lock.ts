/**
 * The lock of a rebuild: only one rebuild, comparison with the topic or repair can run at a time for each read model. The lease of the
 * audit is another lock of this kind.
 *
 * The lock is a lease, so that a killed process does not block others for longer than LEASE_MS. A frozen process can lose the
 * lease without noticing it. Therefore the scripts compare the lock or the mark again (scripts.ts).
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {COPY_SCRIPT, EXCHANGE_SCRIPT, LOCK_SCRIPT, RENEW_SCRIPT} from './scripts.js';

/** The part of Redis that a lock needs (clients/redis/client.ts). */
export interface LockHost {
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

export interface LockSettings {
  readonly key: string;
  readonly text: string;
  readonly clock: Clock;
  /** What messages call it. */
  readonly name?: string;
  /** Keys in other slots of a cluster that hold the same text while this process holds the lock. Nobody takes the lock there. */
  readonly copies?: readonly string[];
}

/** Six renewal intervals. So a running process does not lose the lock because of a slow reply or one failed renewal. */
const LEASE_MS = 30_000;
const RENEW_MS = 5_000;

export class RebuildLock {
  /** Value of the lock key while this process holds it: id, command and process. Another process shows it to its operator. */
  readonly text: string;
  readonly #redis: LockHost;
  readonly #key: string;
  readonly #copies: readonly string[];
  readonly #clock: Clock;
  readonly #name: string;
  readonly #end = new AbortController();

  constructor(redis: LockHost, {key, text, clock, name = 'rebuild lock', copies = []}: LockSettings) {
    this.#redis = redis;
    this.#name = name;
    this.#key = key;
    this.#copies = copies;
    this.text = text;
    this.#clock = clock;
  }

  /** Takes the lock. Rejects with `rebuild-refused` if another process holds it. */
  async take(): Promise<void> {
    const holder = String(await this.#redis.run(LOCK_SCRIPT, this.#key, [this.text, String(LEASE_MS)]));
    if (holder === this.text) {
      await this.#copy();
      return;
    }
    throw new ProjectorError(
      'rebuild-refused',
      `another run holds the ${this.#name} (${holder}); if that process died, this expires within ${LEASE_MS / 1_000} s`,
    );
  }

  /**
   * Runs `work` while this process holds the lock. If the lock is lost, the signal of `work` aborts with the reason
   * `rebuild-lost`.
   */
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

  /**
   * Renews the lock until `release`. Rejects with `rebuild-lost` if the lock expired before, or if another process holds it.
   */
  async keep(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#clock.sleep(RENEW_MS, this.#end.signal);
      if (this.#hasEnded()) return;
      // A failed renewal does not prove that the lock is lost. The next renewal reads the holder again.
      const holder = await this.#renew().catch(() => this.text);
      if (holder === this.text) continue;
      const who = holder === '' ? 'no other run holds it' : `another run holds it (${holder})`;
      throw new ProjectorError(
        'rebuild-lost',
        `the ${this.#name} of this run expired, and ${who}: this process was paused or Redis did not respond for more than ${LEASE_MS / 1_000} s, or a rebuild replaced the content of Redis`,
      );
    }
  }

  async release(): Promise<void> {
    this.#end.abort();
    for (const key of [...this.#copies, this.#key])
      await this.#redis.run(EXCHANGE_SCRIPT, key, [this.text, '']).catch(() => undefined);
  }

  async #copy(): Promise<void> {
    await Promise.all(
      this.#copies.map(async (key) => await this.#redis.run(COPY_SCRIPT, key, [this.text, String(LEASE_MS)])),
    );
  }

  #hasEnded(): boolean {
    return this.#end.signal.aborted;
  }

  async #renew(): Promise<string> {
    const holder = String(await this.#redis.run(RENEW_SCRIPT, this.#key, [this.text, String(LEASE_MS)]));
    if (holder === this.text) await this.#copy();
    return holder;
  }
}

/** The text of a lock: id and command, host and process, start time. */
export function lockTextOf(
  {id, command}: LockHolder,
  {host, pid, sinceMs}: {host: string; pid: number; sinceMs: number},
): string {
  return `${id} ${command} on ${host}, process ${pid}, since ${new Date(sinceMs).toISOString()}`;
}

export interface LockHolder {
  /** Contains no blanks, because the text of the lock is split at them. */
  readonly id: string;
  readonly command: string;
}

/** Parses the text of a lock. Returns undefined if `lockTextOf` did not write it. */
export function parseLockText(text: string): LockHolder | undefined {
  const [, id, command] = /^(\S+) (\S+) on /.exec(text) ?? [];
  return id === undefined || command === undefined ? undefined : {id, command};
}
