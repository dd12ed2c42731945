/**
 * A comparison goes on when a server is silent for a moment: it only reads, so what was asked is asked again.
 *
 * A cursor of SCAN is of use on the connection alone that it came from, and rows that stream have none; such pages come again from
 * the first one. Whoever reads them looks at places, and a place that is looked at twice is no harm.
 */
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, type ProjectorError} from '../../runtime/errors.js';
import {Backoff, type Clock} from '../../runtime/lifecycle.js';
import type {MysqlHost} from './mysqlSide.js';
import type {RedisHost} from './sides.js';

export interface PatienceSettings {
  readonly clock: Clock;
  /** A server that is silent for longer is given up. */
  readonly silentMs: number;
  readonly signal: AbortSignal;
  /** Told once for each silence, and when it is over. */
  readonly tell: (text: string) => void;
}

/** How often pages begin anew: bounds what a server that breaks off again and again costs. */
const BEGINNINGS_MAX = 20;

export class Patience {
  readonly #settings: PatienceSettings;
  #isWaiting = false;
  #lostMs = 0;

  constructor(settings: PatienceSettings) {
    this.#settings = settings;
  }

  /** The time without the silences: what is given a time to happen cannot happen, or cannot be seen, while a server is silent. */
  get clock(): Clock {
    const {clock} = this.#settings;
    return {
      nowMs: () => clock.nowMs() - this.#lostMs,
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
      },
    };
  }

  /** Rejects with what may not pass, with the last failure of a long silence, or with the reason of the signal. */
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

  /** Pages from the first one again after a failure; `again` is called before. */
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
      if (!this.#isWaiting) this.#settings.tell(`waiting: ${failure.detail}`);
      this.#isWaiting = true;
    });
  }

  #answered(): void {
    if (this.#isWaiting) this.#settings.tell('it answers again; going on');
    this.#isWaiting = false;
  }
}

/** The time since the first failure of a question. */
class Silence {
  readonly #settings: PatienceSettings;
  readonly #backoff = new Backoff(100, 2_000);
  #sinceMs: number | undefined;

  constructor(settings: PatienceSettings) {
    this.#settings = settings;
  }

  /** Resolves when it can be asked again; rejects when there is nothing to wait for any more. */
  async pause(error: unknown, tell: (failure: ProjectorError) => void): Promise<void> {
    const {clock, silentMs, signal} = this.#settings;
    signal.throwIfAborted();
    const failure = asProjectorError(error);
    this.#sinceMs ??= clock.nowMs();
    const isOver = clock.nowMs() - this.#sinceMs >= silentMs;
    if (ERROR_POLICY[failure.kind].next !== 'wait' || isOver) throw failure;
    tell(failure);
    await clock.sleep(this.#backoff.nextMs(), signal);
    signal.throwIfAborted();
  }
}

export function patientRedis(redis: RedisHost, patience: Patience): RedisHost {
  const nothing = (): void => undefined;
  return {
    hashes: async (keys) => await patience.ask(async () => await redis.hashes(keys)),
    texts: async (keys) => await patience.ask(async () => await redis.texts(keys)),
    getAll: async (keys) => await patience.ask(async () => await redis.getAll(keys)),
    scores: async (key, members) => await patience.ask(async () => await redis.scores(key, members)),
    hash: async (key) => await patience.ask(async () => await redis.hash(key)),
    types: async (keys) => await patience.ask(async () => await redis.types(keys)),
    keys: (again = nothing) => patience.pages(() => redis.keys(), again),
    members: (key, again = nothing) => patience.pages(() => redis.members(key), again),
  };
}

/** MySQL's connection does not come back by itself. */
export function patientMysql(
  mysql: MysqlHost & {readonly isConnected: boolean; connect(): Promise<void>},
  patience: Patience,
): MysqlHost {
  const connected = async (): Promise<void> => {
    if (!mysql.isConnected) await mysql.connect();
  };
  return {
    consistentSnapshot: async (work) =>
      await patience.ask(async () => {
        await connected();
        return await mysql.consistentSnapshot(work);
      }),
    stream: (sql, pageRows, again = () => undefined) =>
      patience.pages(async function* () {
        await connected();
        yield* mysql.stream(sql, pageRows);
      }, again),
  };
}
