/** The door to Redis: what is asked of it and how its answers are read. The connection below is redisConnection.ts. */
import type {ChainableCommander, Redis} from 'ioredis';
import {assert} from '../../runtime/assert.js';
import {ProjectorError} from '../../runtime/errors.js';
import {RedisConnection, type RedisSettings} from './connection.js';

/** Keys that one SCAN looks at. */
const KEYS_PAGE = 1_000;

/** A script with one key; every client of this class knows it by its name. */
export interface Script {
  readonly name: string;
  readonly lua: string;
}

const MAY_ASK_SETTINGS: Script = {
  name: 'projectorMayAskSettings',
  lua: `return redis.acl_check_cmd and redis.acl_check_cmd('CONFIG', 'GET', 'save') and 1 or 0`,
};

export class RedisClient {
  readonly #connection: RedisConnection;
  readonly #redis: Redis;
  readonly #scripts = new Map<string, ScriptCall>();

  constructor(settings: RedisSettings) {
    this.#connection = new RedisConnection(settings);
    this.#redis = this.#connection.redis;
  }

  /** Address without user and password, for messages. */
  get address(): string {
    return this.#connection.address;
  }

  /** Opens the connection; one try, then ioredis goes on trying in the background. Rejects with a ProjectorError. */
  async connect(): Promise<void> {
    await this.#connection.connect();
  }

  /** Closes the connection at once; whatever is in flight rejects. */
  close(): void {
    this.#connection.close();
  }

  /** Runs a script on one key. A rejection leaves open whether it ran. Loads the script where it is not known yet. */
  async run(script: Script, key: string, args: readonly string[]): Promise<unknown> {
    return await this.#connection.guarded(async () => await this.#callOf(script)([key, ...args]));
  }

  /** The strings under these keys, null where there is none; on the scripts' connection, so after their effects. */
  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    return await this.#connection.guarded(async () => await this.#redis.mget([...keys]));
  }

  /** Members of a sorted set with the highest scores, highest first; scores as text. */
  async highest(key: string, limit: number): Promise<{member: string; score: string}[]> {
    if (limit <= 0) return [];
    const flat = await this.#connection.guarded(
      async () => await this.#redis.zrevrange(key, 0, limit - 1, 'WITHSCORES'),
    );
    const rows: {member: string; score: string}[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) rows.push({member: flat[i] ?? '', score: flat[i + 1] ?? ''});
    return rows;
  }

  async hashFields(key: string): Promise<string[]> {
    return await this.#connection.guarded(async () => await this.#redis.hkeys(key));
  }

  async hash(key: string): Promise<Record<string, string>> {
    return await this.#connection.guarded(async () => await this.#redis.hgetall(key));
  }

  /** Each hash, sent in one go: no field where the key is absent, undefined where it is no hash. */
  async hashes(keys: readonly string[]): Promise<(Readonly<Record<string, string>> | undefined)[]> {
    return await this.#each(keys, (pipeline, key) => pipeline.hgetall(key));
  }

  /** Null where the key is absent, undefined where it is no string. */
  async texts(keys: readonly string[]): Promise<(string | null | undefined)[]> {
    return await this.#each(keys, (pipeline, key) => pipeline.get(key));
  }

  /** What is under each key: `string`, `hash`, ..., `none`. */
  async types(keys: readonly string[]): Promise<string[]> {
    return await this.#connection.guarded(
      async () => await Promise.all(keys.map(async (key) => await this.#redis.type(key))),
    );
  }

  /** The scores of members as text, null where there is none. */
  async scores(key: string, members: readonly string[]): Promise<(string | null)[]> {
    if (members.length === 0) return [];
    return await this.#connection.guarded(async () => await this.#redis.zmscore(key, ...members));
  }

  /** All members of a sorted set, page by page; one may come twice while others are written. */
  async *members(key: string): AsyncGenerator<string[]> {
    const pages = this.#pages(async (cursor) => {
      const [next, flat] = await this.#redis.zscan(key, cursor, 'COUNT', KEYS_PAGE);
      return [next, flat.filter((_, index) => index % 2 === 0)];
    });
    yield* pages;
  }

  /**
   * One step over all keys of the database, from cursor '0' until it is '0' again. `count` bounds how long Redis is held
   * up, not exactly how many keys come. A key may come twice; one that is there all the time comes at least once.
   */
  async scan(
    cursor: string,
    {match, count}: {readonly match: string; readonly count: number},
  ): Promise<{cursor: string; keys: string[]}> {
    const [next, keys] = await this.#connection.guarded(
      async () => await this.#redis.scan(cursor, 'MATCH', match, 'COUNT', count),
    );
    return {cursor: next, keys};
  }

  /** All keys of the database, page by page. */
  async *keys(): AsyncGenerator<string[]> {
    yield* this.#pages(async (cursor) => await this.#redis.scan(cursor, 'COUNT', KEYS_PAGE));
  }

  /** These fields of each hash, sent in one go; null where a field or the key is absent, undefined where the key is no hash. */
  async fieldsOfEach(
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<((string | null)[] | undefined)[]> {
    return await this.#each(keys, (pipeline, key) => pipeline.hmget(key, ...fields));
  }

  /**
   * Throws `redis-evicts` when the server may drop keys of the read model to free memory (S7), `redis-clustered` when it
   * spreads keys over nodes, where no script reaches all keys of an order (S6).
   */
  async requireSuitable(): Promise<void> {
    const info = await this.#connection.guarded(async () => await this.#redis.info());
    if (/^cluster_enabled:1/m.test(info)) {
      throw new ProjectorError('redis-clustered', `Redis at ${this.address} runs in cluster mode`);
    }
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy?.startsWith('allkeys-') !== true) return;
    throw new ProjectorError(
      'redis-evicts',
      `Redis at ${this.address} has maxmemory-policy ${policy}: it may drop orders`,
    );
  }

  /** What INFO tells, by field. */
  async info(): Promise<ReadonlyMap<string, string>> {
    const text = await this.#connection.guarded(async () => await this.#redis.info());
    const pairs = [...text.matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)];
    return new Map(pairs.map(([, name = '', value = '']) => [name, value]));
  }

  /**
   * A setting of the server; undefined where this user may not ask, or the server cannot be asked for rights (before 7.0). `ownKey`: any
   * key that this user may use.
   */
  async setting(name: string, ownKey: string): Promise<string | undefined> {
    // Asked first: a command that is refused would stand in the server's log of refusals.
    if ((await this.run(MAY_ASK_SETTINGS, ownKey, [])) !== 1) return undefined;
    const [, value] = await this.#connection.guarded<string[]>(
      async () => await this.#redis.config('GET', name),
    );
    return value;
  }

  /**
   * The pages of a cursor. It is of use on the connection alone that it came from: a server that was started anew, or another one
   * after a failover, has its keys in another order, and some would be passed over. So a connection made anew ends it.
   */
  async *#pages(next: (cursor: string) => Promise<[string, string[]]>): AsyncGenerator<string[]> {
    const {made} = this.#connection;
    let cursor = '0';
    do {
      const at = cursor;
      const [after, page] = await this.#connection.guarded(async () => await next(at));
      if (this.#connection.made !== made) {
        const where = `Redis at ${this.address}`;
        throw new ProjectorError(
          'redis-unreachable',
          `the connection to ${where} broke while keys were listed`,
        );
      }
      cursor = after;
      if (page.length > 0) yield page;
    } while (cursor !== '0');
  }

  /** The answer for each key, undefined where it is of another type. */
  async #each<T>(
    keys: readonly string[],
    ask: (pipeline: ChainableCommander, key: string) => unknown,
  ): Promise<(T | undefined)[]> {
    return await this.#connection.guarded(async () => {
      const pipeline = this.#redis.pipeline();
      for (const key of keys) ask(pipeline, key);
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([error, reply]) => {
        if (error === null) return reply as T;
        if (error.message.startsWith('WRONGTYPE')) return undefined;
        throw error;
      });
    });
  }

  #callOf(script: Script): ScriptCall {
    let call = this.#scripts.get(script.name);
    if (call === undefined) {
      this.#redis.defineCommand(script.name, {lua: script.lua, numberOfKeys: 1});
      const commands = this.#redis as unknown as Record<string, ScriptCall>;
      call = commands[script.name]?.bind(this.#redis);
      assert(call !== undefined, 'ioredis defines the command that it was given');
      this.#scripts.set(script.name, call);
    }
    return call;
  }
}

/** The number of the logical database that a URL names. */
export function databaseOf(url: string): number {
  const number = /^\/(\d+)$/.exec(new URL(url).pathname)?.[1];
  return Number(number ?? '0');
}

/** The same server, another logical database. */
export function withDatabase(url: string, database: number): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

type ScriptCall = (keyAndArguments: string[]) => Promise<unknown>;
