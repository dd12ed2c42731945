/**
 * The door to Redis: the only file that imports ioredis.
 *
 * I4: nothing is ever sent twice. ioredis resends commands whose reply was lost; `maxRetriesPerRequest: 0` makes it reject
 * them instead, and the apply script compares positions anyway. Source: ioredis 6 README, "Auto-reconnect".
 */
import {Redis, type ChainableCommander, type RedisOptions} from 'ioredis';
import {assert} from '../assert.js';
import {ProjectorError} from '../errors.js';
import {translateRedisError} from './redisErrors.js';
import {cutOff, tlsOptions, type TlsMaterial} from './tls.js';

export interface RedisSettings {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string;
  /** A silent server is cut off after this time. */
  readonly timeoutMs: number;
  /** For `rediss://`; without it, certificates of the public CAs are trusted. */
  readonly tls?: TlsMaterial | undefined;
  /** Who is asked for the master; the host of the URL is its name there. */
  readonly sentinels?: SentinelSettings;
}

export interface SentinelSettings {
  /** `host:port`. */
  readonly places: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Before Sentinels are asked again, when none of them has answered. */
const SENTINEL_PAUSE_MS = 500;
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
  readonly #settings: RedisSettings;
  readonly #redis: Redis;
  readonly #scripts = new Map<string, ScriptCall>();
  #lastConnectionError: Error | undefined;
  /** TLS is up, and no answer came yet. */
  #isUnanswered = false;
  #isClosed = false;
  /** How often a connection was made. */
  #connections = 0;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    const options = {
      lazyConnect: true,
      enableOfflineQueue: false,
      // A server that loads its data answers so to every command; the check would keep that to itself, and us waiting.
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      socketTimeout: settings.timeoutMs,
      connectTimeout: settings.timeoutMs,
      retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
      // After a failover the old primary is a replica: leave it, and do not send the command again.
      reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 1 : false),
      ...(this.#hasTls ? {tls: tlsOptions(settings.tls)} : {}),
      ...sentinelOptions(settings),
    } satisfies RedisOptions;
    this.#redis = new Redis(settings.url, options);
    let isAstray = false;
    this.#redis.on('connect', () => {
      isAstray = false;
      this.#isUnanswered = this.#hasTls;
      this.#connections++;
    });
    this.#redis.on('error', (error: Error) => {
      this.#lastConnectionError = this.#isUnanswered ? cutOff(error) : error;
      isAstray = isRefusedSelect(error);
      // ioredis takes a refused SELECT for no reason to stop, and would write to database 0 from then on.
      if (isAstray) this.#redis.disconnect(true);
    });
    this.#redis.on('end', () => this.#beginAnew());
    this.#redis.on('close', () => (this.#isUnanswered = false));
    this.#redis.on('ready', () => {
      if (settings.sentinels !== undefined) void this.#requireMaster();
      // A server that wants a client certificate says so when TLS is up already; then it is its first answer that counts.
      if (!isAstray && !this.#hasTls) this.#lastConnectionError = undefined;
    });
  }

  /** Address without user and password, for messages. */
  get address(): string {
    return redisAddress(this.#settings.url);
  }

  /** By Sentinels ioredis gives up for good when none of them answers, or a failover comes while it asks them. */
  #beginAnew(): void {
    if (this.#isClosed || this.#settings.sentinels === undefined) return;
    setTimeout(() => {
      if (!this.#isClosed && this.#redis.status === 'end') this.#redis.connect().catch(() => undefined);
    }, SENTINEL_PAUSE_MS);
  }

  /** A Sentinel may name a server that was master a moment ago. What is asked meanwhile is refused by it, or by positions. */
  async #requireMaster(): Promise<void> {
    const info = await this.#redis.info('replication').catch(() => 'role:master');
    if (/^role:master/m.test(info)) return;
    this.#lastConnectionError = new Error('the Sentinels name a server that is no master');
    this.#redis.disconnect(true);
  }

  get #hasTls(): boolean {
    return this.#settings.url.startsWith('rediss:');
  }

  /** Opens the connection; one try, then ioredis goes on trying in the background. Rejects with a ProjectorError. */
  async connect(): Promise<void> {
    await this.#guarded(async () => {
      if (this.#redis.status === 'wait' || this.#redis.status === 'end') await this.#redis.connect();
      await this.#redis.ping();
    });
  }

  /** Runs a script on one key. A rejection leaves open whether it ran. Loads the script where it is not known yet. */
  async run(script: Script, key: string, args: readonly string[]): Promise<unknown> {
    return await this.#guarded(async () => await this.#callOf(script)([key, ...args]));
  }

  /** The strings under these keys, null where there is none; on the scripts' connection, so after their effects. */
  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    return await this.#guarded(async () => await this.#redis.mget([...keys]));
  }

  /** Members of a sorted set with the highest scores, highest first; scores as text. */
  async highest(key: string, limit: number): Promise<{member: string; score: string}[]> {
    if (limit <= 0) return [];
    const flat = await this.#guarded(
      async () => await this.#redis.zrevrange(key, 0, limit - 1, 'WITHSCORES'),
    );
    const rows: {member: string; score: string}[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) rows.push({member: flat[i] ?? '', score: flat[i + 1] ?? ''});
    return rows;
  }

  async hashFields(key: string): Promise<string[]> {
    return await this.#guarded(async () => await this.#redis.hkeys(key));
  }

  async hash(key: string): Promise<Record<string, string>> {
    return await this.#guarded(async () => await this.#redis.hgetall(key));
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
    return await this.#guarded(
      async () => await Promise.all(keys.map(async (key) => await this.#redis.type(key))),
    );
  }

  /** The scores of members as text, null where there is none. */
  async scores(key: string, members: readonly string[]): Promise<(string | null)[]> {
    if (members.length === 0) return [];
    return await this.#guarded(async () => await this.#redis.zmscore(key, ...members));
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
    const [next, keys] = await this.#guarded(
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
    const info = await this.#guarded(async () => await this.#redis.info());
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
    const text = await this.#guarded(async () => await this.#redis.info());
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
    const [, value] = await this.#guarded<string[]>(async () => await this.#redis.config('GET', name));
    return value;
  }

  /** Closes the connection at once; whatever is in flight rejects. */
  close(): void {
    this.#isClosed = true;
    this.#redis.disconnect();
  }

  /**
   * The pages of a cursor. It is of use on the connection alone that it came from: a server that was started anew, or another one
   * after a failover, has its keys in another order, and some would be passed over. So a connection made anew ends it.
   */
  async *#pages(next: (cursor: string) => Promise<[string, string[]]>): AsyncGenerator<string[]> {
    const connection = this.#connections;
    let cursor = '0';
    do {
      const at = cursor;
      const [after, page] = await this.#guarded(async () => await next(at));
      if (this.#connections !== connection) {
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
    return await this.#guarded(async () => {
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

  async #guarded<T>(command: () => Promise<T>): Promise<T> {
    try {
      const reply = await command();
      if (this.#isUnanswered) this.#lastConnectionError = undefined;
      this.#isUnanswered = false;
      return reply;
    } catch (error) {
      throw translateRedisError(error, `Redis at ${this.address}`, this.#lastConnectionError);
    }
  }
}

/** With the trouble of ours: one try for each connection, so that somebody hears of it. */
function sentinelOptions({url, tls, sentinels}: RedisSettings) {
  if (sentinels === undefined) return {};
  const {places, username, password} = sentinels;
  const hasTls = url.startsWith('rediss:');
  return {
    sentinels: places.map((place) => {
      const [host = '', port] = place.split(':');
      return {host, port: Number(port)};
    }),
    name: decodeURIComponent(new URL(url).hostname),
    role: 'master' as const,
    sentinelRetryStrategy: () => null,
    // They tell of a failover; a master that is cut off would be written to for longer otherwise.
    failoverDetector: true,
    ...(username === undefined ? {} : {sentinelUsername: username}),
    ...(password === undefined ? {} : {sentinelPassword: password}),
    ...(hasTls ? {enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls)} : {}),
  };
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

/** ReplyErrors of ioredis carry their command. */
function isRefusedSelect(error: Error): boolean {
  const {command} = error as {command?: {name?: unknown}};
  return command?.name === 'select';
}

type ScriptCall = (keyAndArguments: string[]) => Promise<unknown>;

function redisAddress(url: string): string {
  try {
    const {protocol, host, pathname} = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return '(unreadable REDIS_URL)';
  }
}
