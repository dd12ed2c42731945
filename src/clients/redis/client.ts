/** The Redis client: which commands it sends and how it reads the replies. The connection is in connection.ts. */
import type {ChainableCommander, Redis} from 'ioredis';
import {assert} from '../../runtime/assert.js';
import {ProjectorError} from '../../runtime/errors.js';
import {RedisConnection, type RedisSettings} from './connection.js';

/** The COUNT option of SCAN and ZSCAN: how many elements one call examines, approximately. */
/** Quarantined records can be large. */
const FIELDS_PAGE = 100;
const KEYS_PAGE = 1_000;

/** A Lua script with one key. Each client registers it under its name, so a name belongs to one script. */
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

  /** The address without user and password, for messages. */
  get address(): string {
    return this.#connection.address;
  }

  /** Opens the connection. It rejects with a ProjectorError if the first attempt fails. Then ioredis retries in the background. */
  async connect(): Promise<void> {
    await this.#connection.connect();
  }

  /** Closes the connection immediately. Commands in flight reject. */
  close(): void {
    this.#connection.close();
  }

  /** Runs a script on one key, and loads it if Redis has not cached it. After a rejection it is unknown whether the script ran (I4). */
  async run(script: Script, key: string, args: readonly string[]): Promise<unknown> {
    return await this.#connection.guarded(async () => await this.#callOf(script)([key, ...args]));
  }

  /**
   * The strings under these keys. Null if a key is absent. Scripts use the same connection, so the result includes the effects of all
   * scripts that were sent before (S6).
   */
  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    return await this.#connection.guarded(async () => await this.#redis.mget([...keys]));
  }

  /** The members of a sorted set with the highest scores, highest first. Scores are text. */
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

  /** The named fields of a hash. Null if a field is absent. */
  async hashFieldsOf(key: string, names: readonly string[]): Promise<(string | null)[]> {
    if (names.length === 0) return [];
    return await this.#connection.guarded(async () => await this.#redis.hmget(key, ...names));
  }

  /** The elements of a list from one index to another, both included. Negative indexes count from the end. */
  async listRange(key: string, from: number, to: number): Promise<string[]> {
    return await this.#connection.guarded(async () => await this.#redis.lrange(key, from, to));
  }

  async hash(key: string): Promise<Record<string, string>> {
    return await this.#connection.guarded(async () => await this.#redis.hgetall(key));
  }

  /** The hash under each key, read in one pipeline. It has no fields if the key is absent. Undefined if the key is not a hash. */
  async hashes(keys: readonly string[]): Promise<(Readonly<Record<string, string>> | undefined)[]> {
    return await this.#each(keys, (pipeline, key) => pipeline.hgetall(key));
  }

  /** The string under each key, read in one pipeline. Null if the key is absent. Undefined if it is not a string. */
  async texts(keys: readonly string[]): Promise<(string | null | undefined)[]> {
    return await this.#each(keys, (pipeline, key) => pipeline.get(key));
  }

  /** The type of each key, as TYPE returns it: `string`, `hash`, ..., or `none` if the key is absent. */
  async types(keys: readonly string[]): Promise<string[]> {
    return await this.#connection.guarded(
      async () => await Promise.all(keys.map(async (key) => await this.#redis.type(key))),
    );
  }

  /** The scores of members, as text. Null if the sorted set does not contain the member. */
  async scores(key: string, members: readonly string[]): Promise<(string | null)[]> {
    if (members.length === 0) return [];
    return await this.#connection.guarded(async () => await this.#redis.zmscore(key, ...members));
  }

  /** How many members a sorted set has. */
  async memberCount(key: string): Promise<number> {
    return await this.#connection.guarded(async () => await this.#redis.zcard(key));
  }

  /** All members of a sorted set, in pages. A member can be returned twice while other members are written. */
  async *members(key: string): AsyncGenerator<string[]> {
    const pages = this.#pages(async (cursor) => {
      const [next, flat] = await this.#redis.zscan(key, cursor, 'COUNT', KEYS_PAGE);
      return [next, flat.filter((_, index) => index % 2 === 0)];
    });
    yield* pages;
  }

  /**
   * The keys that match a pattern, in pages. `count` limits how long one step blocks Redis; the number of returned keys can differ. A key
   * can be returned twice. A key that exists during the whole iteration is returned at least once.
   */
  async *keysMatching(match: string, count: number): AsyncGenerator<string[]> {
    yield* this.#pages(async (cursor) => await this.#redis.scan(cursor, 'MATCH', match, 'COUNT', count));
  }

  /** All fields of a hash with their values, in pages. A field can be returned twice while the hash is written. */
  async *fields(key: string): AsyncGenerator<[name: string, value: string][]> {
    const flat = this.#pages(async (cursor) => await this.#redis.hscan(key, cursor, 'COUNT', FIELDS_PAGE));
    for await (const page of flat) {
      yield page.flatMap((text, index): [string, string][] =>
        index % 2 === 0 ? [[text, page[index + 1] ?? '']] : [],
      );
    }
  }

  /** All keys of the database, in pages. */
  async *keys(): AsyncGenerator<string[]> {
    yield* this.#pages(async (cursor) => await this.#redis.scan(cursor, 'COUNT', KEYS_PAGE));
  }

  /**
   * The given fields of each hash, read in one pipeline. Null if the field or the key is absent. Undefined if the key is not a hash.
   */
  async fieldsOfEach(
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<((string | null)[] | undefined)[]> {
    return await this.#each(keys, (pipeline, key) => pipeline.hmget(key, ...fields));
  }

  /**
   * Throws `redis-evicts` if the server can evict keys of the read model to free memory (S7). Throws `redis-clustered` if the server
   * distributes keys over nodes, because a script could not access all keys of an order there (S6). Throws `redis-unsupported` for servers
   * that only speak the protocol of Redis.
   */
  async requireSuitable(): Promise<void> {
    const info = await this.#connection.guarded(async () => await this.#redis.info());
    if (/^cluster_enabled:1/m.test(info)) {
      throw new ProjectorError('redis-clustered', `Redis at ${this.address} runs in cluster mode`);
    }
    const unsupported = unsupportedServer(info);
    if (unsupported !== undefined)
      throw new ProjectorError('redis-unsupported', `the server at ${this.address} is ${unsupported}`);
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy?.startsWith('allkeys-') !== true) return;
    throw new ProjectorError(
      'redis-evicts',
      `Redis at ${this.address} has maxmemory-policy ${policy}, which can evict orders`,
    );
  }

  /** How many masters run scripts. */
  get shards(): number {
    return 1;
  }

  /** How many times a connection was established. */
  get connections(): number {
    return this.#connection.made;
  }

  /** The reply of INFO, by field. */
  async info(): Promise<ReadonlyMap<string, string>> {
    const text = await this.#connection.guarded(async () => await this.#redis.info());
    const pairs = [...text.matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)];
    return new Map(pairs.map(([, name = '', value = '']) => [name, value]));
  }

  /**
   * A setting of the server. Undefined if the user has no right to read it. Undefined as well before Redis 7.0, because a script cannot
   * check rights there. `ownKey`: any key that this user may access.
   */
  async setting(name: string, ownKey: string): Promise<string | undefined> {
    // The right is checked first, because Redis would record a denied command in its ACL LOG.
    if ((await this.run(MAY_ASK_SETTINGS, ownKey, [])) !== 1) return undefined;
    const [, value] = await this.#connection.guarded<string[]>(
      async () => await this.#redis.config('GET', name),
    );
    return value;
  }

  /**
   * The pages of a SCAN or ZSCAN cursor. The iteration throws if the client has reconnected, because it could miss keys:
   *
   * 1. The connection breaks during the iteration.
   * 2. The client reconnects to a restarted server, or to another server after a failover. Its keys have another order.
   * 3. The old cursor continues in the new order and skips keys.
   */
  async *#pages(next: (cursor: string) => Promise<[string, string[]]>): AsyncGenerator<string[]> {
    const {made} = this.#connection;
    const ask = (at: string): {answer: Promise<[string, string[]]>} => {
      const answer = this.#connection.guarded(async () => await next(at));
      // If the caller ends the iteration, nobody waits for this page.
      answer.catch(() => undefined);
      return {answer};
    };
    let upcoming = ask('0');
    let cursor: string;
    do {
      const [after, page] = await upcoming.answer;
      if (this.#connection.made !== made) {
        const where = `Redis at ${this.address}`;
        throw new ProjectorError(
          'redis-unreachable',
          `the connection to ${where} broke during a scan of the keys`,
        );
      }
      cursor = after;
      // Redis looks for the next page while the caller works on this one.
      if (cursor !== '0') upcoming = ask(cursor);
      if (page.length > 0) yield page;
    } while (cursor !== '0');
  }

  /** The reply for each key, read in one pipeline. Undefined if the key has another type. */
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
      assert(call !== undefined, 'ioredis defines every command that is passed to defineCommand');
      this.#scripts.set(script.name, call);
    }
    return call;
  }
}

/**
 * Names a server that is known not to work, from the text of INFO. Dragonfly runs the scripts of different keys at the same time, and
 * rejects keys that a script does not declare. KeyDB has several writers per server. Redis before 6.2 has no ZMSCORE.
 */
export function unsupportedServer(info: string): string | undefined {
  if (/^dragonfly_version:/m.test(info)) return 'Dragonfly, which is not supported';
  if (/^executable:.*keydb/im.test(info) || /^mvcc_depth:/m.test(info))
    return 'KeyDB, which is not supported';
  const [, version = '', major = '', minor = ''] = /^redis_version:((\d+)\.(\d+)[\d.]*)/m.exec(info) ?? [];
  const isOld = version !== '' && (Number(major) < 6 || (Number(major) === 6 && Number(minor) < 2));
  return isOld ? `Redis ${version}; this program needs 6.2 or later` : undefined;
}

/** The number of the logical database in a URL. It is 0 if the URL has none. */
export function databaseOf(url: string): number {
  const number = /^\/(\d+)$/.exec(new URL(url).pathname)?.[1];
  return Number(number ?? '0');
}

/** The URL of another logical database on the same server. */
export function withDatabase(url: string, database: number): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

type ScriptCall = (keyAndArguments: string[]) => Promise<unknown>;
