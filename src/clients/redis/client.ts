/** The Redis client: which commands it sends and how it reads the replies. The connection is in connection.ts. */
import type {ChainableCommander, Redis} from 'ioredis';
import {assert} from '../../runtime/assert.js';
import {ClusterConnection} from './clusterConnection.js';
import {RedisConnection, type RedisSettings} from './connection.js';
import type {PinnedServer, Route} from './route.js';
import {requireSuitableServer} from './suitableServer.js';

/** The COUNT option of SCAN and ZSCAN: how many elements one call examines, approximately. */
const KEYS_PAGE = 1_000;
/** The same for a hash of quarantined records, which can be large. */
const FIELDS_PAGE = 100;

export interface ServerInfo {
  /** `host:port` of a node of a cluster. Otherwise the address of the server. */
  readonly node: string;
  /** The fields of INFO. */
  readonly fields: ReadonlyMap<string, string>;
}

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
  readonly #connection: Route;
  readonly #isCluster: boolean;
  /** The calls of each script, by connection. In a cluster each node has its own. */
  readonly #scripts = new WeakMap<Redis, Map<string, ScriptCall>>();

  constructor(settings: RedisSettings) {
    this.#isCluster = settings.clusterNodes !== undefined;
    this.#connection = this.#isCluster ? new ClusterConnection(settings) : new RedisConnection(settings);
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
    return await this.#connection.runScript(
      key,
      async (redis) => await this.#callOf(redis, script)([key, ...args]),
    );
  }

  /**
   * The strings under these keys. Null if a key is absent. Scripts use the same connection, so the result includes the effects of all
   * scripts that were sent before (S6). In a cluster this applies to scripts of the same slot.
   */
  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    const texts = keys.map((): string | null => null);
    const read = async (group: readonly number[]): Promise<void> => {
      const wanted = group.map((index) => keys[index] ?? '');
      const replies = await this.#atKey(wanted[0] ?? '', async (redis) => await redis.mget(wanted));
      for (const [at, index] of group.entries()) texts[index] = replies[at] ?? null;
    };
    await Promise.all(this.#connection.groupsOf(keys).map(read));
    return texts;
  }

  /** The members of a sorted set with the highest scores, highest first. Scores are text. */
  async highest(key: string, limit: number): Promise<{member: string; score: string}[]> {
    if (limit <= 0) return [];
    const flat = await this.#atKey(
      key,
      async (redis) => await redis.zrevrange(key, 0, limit - 1, 'WITHSCORES'),
    );
    const rows: {member: string; score: string}[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) rows.push({member: flat[i] ?? '', score: flat[i + 1] ?? ''});
    return rows;
  }

  async hashFields(key: string): Promise<string[]> {
    return await this.#atKey(key, async (redis) => await redis.hkeys(key));
  }

  /** The named fields of a hash. Null if a field is absent. */
  async hashFieldsOf(key: string, names: readonly string[]): Promise<(string | null)[]> {
    if (names.length === 0) return [];
    return await this.#atKey(key, async (redis) => await redis.hmget(key, ...names));
  }

  /** The elements of a list from one index to another, both included. Negative indexes count from the end. */
  async listRange(key: string, from: number, to: number): Promise<string[]> {
    return await this.#atKey(key, async (redis) => await redis.lrange(key, from, to));
  }

  async hash(key: string): Promise<Record<string, string>> {
    return await this.#atKey(key, async (redis) => await redis.hgetall(key));
  }

  /** The hash under each key, read in one pipeline. It has no fields if the key is absent. Undefined if the key is not a hash. */
  async hashes(keys: readonly string[]): Promise<(Readonly<Record<string, string>> | undefined)[]> {
    return (await this.#connection.each(keys, (pipeline, key) => pipeline.hgetall(key))) as (
      Record<string, string> | undefined
    )[];
  }

  /** The string under each key, read in one pipeline. Null if the key is absent. Undefined if it is not a string. */
  async texts(keys: readonly string[]): Promise<(string | null | undefined)[]> {
    return (await this.#connection.each(keys, (pipeline, key) => pipeline.get(key))) as (
      string | null | undefined
    )[];
  }

  /** The type of each key, as TYPE returns it: `string`, `hash`, ..., or `none` if the key is absent. */
  async types(keys: readonly string[]): Promise<string[]> {
    return (await this.#connection.each(keys, (pipeline, key) => pipeline.type(key))) as string[];
  }

  /** The scores of members, as text. Null if the sorted set does not contain the member. */
  async scores(key: string, members: readonly string[]): Promise<(string | null)[]> {
    if (members.length === 0) return [];
    return await this.#atKey(key, async (redis) => await redis.zmscore(key, ...members));
  }

  /** How many members a sorted set has. */
  async memberCount(key: string): Promise<number> {
    return await this.#atKey(key, async (redis) => await redis.zcard(key));
  }

  /** All members of a sorted set, in pages. A member can be returned twice while other members are written. */
  async *members(key: string): AsyncGenerator<string[]> {
    const pages = this.#pages(await this.#connection.serverOf(key), async (redis, cursor) => {
      const [next, flat] = await redis.zscan(key, cursor, 'COUNT', KEYS_PAGE);
      return [next, flat.filter((_, index) => index % 2 === 0)];
    });
    yield* pages;
  }

  /**
   * The keys that match a pattern, in pages. `count` limits how long one step blocks Redis; the number of returned keys can differ. A key
   * can be returned twice. A key that exists during the whole iteration is returned at least once. In a cluster the masters are scanned one
   * after the other.
   */
  async *keysMatching(match: string, count: number): AsyncGenerator<string[]> {
    for await (const server of this.#connection.unchangedServers()) {
      yield* this.#pages(
        server,
        async (redis, cursor) => await redis.scan(cursor, 'MATCH', match, 'COUNT', count),
      );
    }
  }

  /** All fields of a hash with their values, in pages. A field can be returned twice while the hash is written. */
  async *fields(key: string): AsyncGenerator<[name: string, value: string][]> {
    const flat = this.#pages(
      await this.#connection.serverOf(key),
      async (redis, cursor) => await redis.hscan(key, cursor, 'COUNT', FIELDS_PAGE),
    );
    for await (const page of flat) {
      yield page.flatMap((text, index): [string, string][] =>
        index % 2 === 0 ? [[text, page[index + 1] ?? '']] : [],
      );
    }
  }

  /** All keys of the database, in pages. */
  async *keys(): AsyncGenerator<string[]> {
    for await (const server of this.#connection.unchangedServers())
      yield* this.#pages(server, async (redis, cursor) => await redis.scan(cursor, 'COUNT', KEYS_PAGE));
  }

  /**
   * The given fields of each hash, read in one pipeline. Null if the field or the key is absent. Undefined if the key is not a hash.
   */
  async fieldsOfEach(
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<((string | null)[] | undefined)[]> {
    const ask = (pipeline: ChainableCommander, key: string): unknown => pipeline.hmget(key, ...fields);
    return (await this.#connection.each(keys, ask)) as ((string | null)[] | undefined)[];
  }

  /** Checks the server, or every master of a cluster (suitableServer.ts). */
  async requireSuitable(): Promise<void> {
    for (const {address, ask} of await this.#connection.servers())
      requireSuitableServer(await ask(async (redis) => await redis.info()), address, this.#isCluster);
  }

  /** How many times a connection was established. */
  get connections(): number {
    return this.#connection.made;
  }

  /** The number of masters that have keys: 1 for a single server. In a cluster it is 0 before `connect`. */
  get shards(): number {
    return this.#connection.shards;
  }

  /** What INFO says, of the server or of every master of a cluster. */
  async serverInfos(): Promise<ServerInfo[]> {
    const servers = await this.#connection.servers();
    return await Promise.all(
      servers.map(async ({node, ask}) => {
        const text = await ask(async (redis) => await redis.info());
        const pairs = [...text.matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)];
        return {node, fields: new Map(pairs.map(([, name = '', value = '']) => [name, value]))};
      }),
    );
  }

  /** The node that has the slot of this key now, in the form of `ServerInfo`. */
  async nodeOf(key: string): Promise<string> {
    return (await this.#connection.serverOf(key)).node;
  }

  /**
   * A setting, by node in the form of `ServerInfo`. Undefined if the user has no right to read it. Undefined as well before Redis 7.0,
   * because a script cannot check rights there. `ownKey`: any key that this user may access.
   */
  async settings(name: string, ownKey: string): Promise<ReadonlyMap<string, string> | undefined> {
    // The right is checked first, because Redis would record a denied command in its ACL LOG.
    if ((await this.run(MAY_ASK_SETTINGS, ownKey, [])) !== 1) return undefined;
    const values = new Map<string, string>();
    for (const {node, ask} of await this.#connection.servers()) {
      const [, value] = await ask<string[]>(async (redis) => await redis.config('GET', name));
      if (value !== undefined) values.set(node, value);
    }
    return values;
  }

  /**
   * The pages of a SCAN or ZSCAN cursor. The iteration throws if the client has reconnected, because it could miss keys:
   *
   * 1. The connection breaks during the iteration.
   * 2. The client reconnects to a restarted server, or to another server after a failover. Its keys have another order.
   * 3. The old cursor continues in the new order and skips keys.
   */
  async *#pages(
    server: PinnedServer,
    next: (redis: Redis, cursor: string) => Promise<[string, string[]]>,
  ): AsyncGenerator<string[]> {
    const ask = (at: string): {answer: Promise<[string, string[]]>} => {
      const answer = server.ask(async (redis) => await next(redis, at));
      // If the caller ends the iteration, nobody waits for this page.
      answer.catch(() => undefined);
      return {answer};
    };
    let upcoming = ask('0');
    let cursor: string;
    do {
      const [after, page] = await upcoming.answer;
      cursor = after;
      // Redis looks for the next page while the caller works on this one.
      if (cursor !== '0') upcoming = ask(cursor);
      if (page.length > 0) yield page;
    } while (cursor !== '0');
  }

  async #atKey<T>(key: string, command: (redis: Redis) => Promise<T>): Promise<T> {
    return await this.#connection.atKey(key, command);
  }

  #callOf(redis: Redis, script: Script): ScriptCall {
    const known = this.#scripts.get(redis) ?? new Map<string, ScriptCall>();
    this.#scripts.set(redis, known);
    let call = known.get(script.name);
    if (call === undefined) {
      redis.defineCommand(script.name, {lua: script.lua, numberOfKeys: 1});
      const commands = redis as unknown as Record<string, ScriptCall>;
      call = commands[script.name]?.bind(redis);
      assert(call !== undefined, 'ioredis defines every command that is passed to defineCommand');
      known.set(script.name, call);
    }
    return call;
  }
}

type ScriptCall = (keyAndArguments: string[]) => Promise<unknown>;
