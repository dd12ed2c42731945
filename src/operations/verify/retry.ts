/**
 * Retries the reads of a comparison when a server does not respond. A retry is safe, because a comparison only reads.
 *
 * Pages cannot continue after a failure, so they start again from the first one:
 *
 * - A SCAN cursor is valid only on the connection that returned it. A restarted server, or another one after a failover, has its
 *   keys in another order, and some would be skipped.
 * - Streamed rows have no cursor.
 *
 * A subject can then be compared twice. This is harmless, because a comparison changes nothing.
 */
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, type ErrorKind, type ProjectorError} from '../../runtime/errors.js';
import {Backoff, type Clock} from '../../runtime/lifecycle.js';
import type {MysqlHost} from './mysqlSide.js';
import type {RedisHost} from './sides.js';

export interface RetrySettings {
  readonly clock: Clock;
  /** The comparison fails if a server does not respond for this time, in ms. */
  readonly silentMs: number;
  readonly signal: AbortSignal;
  /** Receives one message when a server stops responding, and one when it responds again. */
  readonly notify: (text: string) => void;
}

/** How often pages may start from the first one. The limit ends a comparison whose connections break repeatedly. */
const BEGINNINGS_MAX = 20;

export class ReadRetry {
  readonly #settings: RetrySettings;
  /** The failure that was reported, until a server responds again. */
  #outage: {readonly kind: ErrorKind; readonly sinceMs: number} | undefined;
  #lostMs = 0;

  constructor(settings: RetrySettings) {
    this.#settings = settings;
  }

  /**
   * A clock that stands still while `ask` retries. While a server does not respond, an expected change cannot happen or cannot be
   * observed. So this time must not count against a time limit.
   */
  get clock(): Clock {
    const {clock} = this.#settings;
    return {
      nowMs: () => clock.nowMs() - this.#lostMs,
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
      },
    };
  }

  /** Retries until an answer arrives. Rejects with a permanent error, with the last error after `silentMs`, or if the signal aborts. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    const {clock} = this.#settings;
    const silence = new Silence(this.#settings);
    const askedMs = clock.nowMs();
    for (let tries = 1; ; tries++) {
      try {
        const answer = await question();
        if (tries > 1) this.#lostMs += clock.nowMs() - askedMs;
        this.#answered();
        return answer;
      } catch (error) {
        await this.#wait(silence, error);
      }
    }
  }

  /** Starts from the first page again after a failure, and calls `again` before that. */
  async *pages<T>(open: () => AsyncIterable<T>, again: () => void): AsyncGenerator<T> {
    let silence = new Silence(this.#settings);
    for (let beginnings = 1; ; beginnings++) {
      try {
        for await (const page of open()) {
          this.#answered();
          silence = new Silence(this.#settings);
          yield page;
        }
        return;
      } catch (error) {
        if (beginnings >= BEGINNINGS_MAX) throw error;
        await this.#wait(silence, error);
        again();
      }
    }
  }

  async #wait(silence: Silence, error: unknown): Promise<void> {
    await silence.pause(error, (failure) => {
      if (this.#outage !== undefined) return;
      this.#outage = {kind: failure.kind, sinceMs: this.#settings.clock.nowMs()};
      this.#settings.notify(`waiting: ${failure.detail}`);
    });
  }

  #answered(): void {
    if (this.#outage === undefined) return;
    const {kind, sinceMs} = this.#outage;
    this.#outage = undefined;
    const seconds = (this.#settings.clock.nowMs() - sinceMs) / 1_000;
    this.#settings.notify(`recovered: ${kind} after ${seconds.toFixed(1)} s`);
  }
}

/** The time since the first failed attempt. It ends the retries after `silentMs`. */
class Silence {
  readonly #settings: RetrySettings;
  readonly #backoff = new Backoff(100, 2_000);
  #sinceMs: number | undefined;

  constructor(settings: RetrySettings) {
    this.#settings = settings;
  }

  /** Resolves when the next attempt may start. Rejects if the error is permanent, the time has expired, or the signal aborts. */
  async pause(error: unknown, notify: (failure: ProjectorError) => void): Promise<void> {
    const {clock, silentMs, signal} = this.#settings;
    signal.throwIfAborted();
    const failure = asProjectorError(error);
    this.#sinceMs ??= clock.nowMs();
    const isOver = clock.nowMs() - this.#sinceMs >= silentMs;
    if (ERROR_POLICY[failure.kind].next !== 'wait' || isOver) throw failure;
    notify(failure);
    await clock.sleep(this.#backoff.nextMs(), signal);
    signal.throwIfAborted();
  }
}

export function retryingRedis(redis: RedisHost, retry: ReadRetry): RedisHost {
  const nothing = (): void => undefined;
  return {
    run: async (script, key, args) => await retry.ask(async () => await redis.run(script, key, args)),
    hashes: async (keys) => await retry.ask(async () => await redis.hashes(keys)),
    texts: async (keys) => await retry.ask(async () => await redis.texts(keys)),
    getAll: async (keys) => await retry.ask(async () => await redis.getAll(keys)),
    scores: async (key, members) => await retry.ask(async () => await redis.scores(key, members)),
    hash: async (key) => await retry.ask(async () => await redis.hash(key)),
    types: async (keys) => await retry.ask(async () => await redis.types(keys)),
    memberCount: async (key) => await retry.ask(async () => await redis.memberCount(key)),
    keys: (again = nothing) => retry.pages(() => redis.keys(), again),
    members: (key, again = nothing) => retry.pages(() => redis.members(key), again),
  };
}

/** Connects before each attempt if necessary, because the MySQL client does not reconnect automatically. */
export function retryingMysql(
  mysql: MysqlHost & {readonly isConnected: boolean; connect(): Promise<void>},
  retry: ReadRetry,
): MysqlHost {
  const connected = async (): Promise<void> => {
    if (!mysql.isConnected) await mysql.connect();
  };
  return {
    consistentSnapshot: async (work) =>
      await retry.ask(async () => {
        await connected();
        return await mysql.consistentSnapshot(work);
      }),
    stream: (sql, pageRows, again = () => undefined) =>
      retry.pages(async function* () {
        await connected();
        yield* mysql.stream(sql, pageRows);
      }, again),
  };
}
