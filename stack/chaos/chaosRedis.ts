/**
 * The Redis of a chaos run: one server with the layout `single` or `partitioned`, or a Redis Cluster. The oracle knows the keys of the
 * layout `single` only. So the keys of the layout `partitioned` are copied under these names, and each must be in the right partition.
 */
import {Cluster, type Redis} from 'ioredis';
import type {StackEnv} from '../environment.js';
import {RedisCluster} from '../native/redisCluster.js';
import type {RedisKind} from '../stackState.js';
import {until} from '../until.js';
import {connectRedis} from './connections.js';
import {PARTITIONS, partitionOf} from './orderPartitions.js';

/** REDIS_KEY_PREFIX without the colon, for the workers of the run, and for the worker of the rebuild. */
const LIVE = 'chaos';
const REBUILT = 'rebuilt';
/** Logical databases of the stack's own Redis. */
const REBUILT_DB = 1;
const COPY_DBS = {[LIVE]: 2, [REBUILT]: 3} as const;
const MERGE_TIMEOUT_MS = 60_000;

type Name = keyof typeof COPY_DBS;

/** A read model in the form of the layout `single`, and what is wrong with its keys. */
export interface Readable {
  readonly redis: Redis;
  readonly differences: readonly string[];
}

export class ChaosRedis {
  readonly kind: RedisKind;
  /** The stack's own Redis, directly. In a run on a cluster it holds only the copies. */
  readonly own: Redis;
  readonly cluster: RedisCluster | undefined;
  readonly #env: StackEnv;
  /** Reads orders on the cluster. */
  readonly #reader: Cluster | undefined;
  readonly #databases = new Map<number, Redis>();

  private constructor(kind: RedisKind, env: StackEnv, cluster: RedisCluster | undefined) {
    this.kind = kind;
    this.#env = env;
    this.own = connectRedis(env);
    this.cluster = cluster;
    this.#reader = cluster === undefined ? undefined : readerOf(cluster);
  }

  static async open(kind: RedisKind, env: StackEnv): Promise<ChaosRedis> {
    return new ChaosRedis(
      kind,
      env,
      kind === 'cluster' ? await RedisCluster.open({hasLines: true}) : undefined,
    );
  }

  /** The addresses for the workers of the run. */
  get live(): StackEnv {
    return this.kind === 'single' ? this.#env : this.#partitioned(LIVE);
  }

  /** The addresses for the worker of a rebuild. */
  get rebuilt(): StackEnv {
    return this.kind === 'single'
      ? {...this.#env, redis: {url: this.#url(REBUILT_DB)}}
      : this.#partitioned(REBUILT);
  }

  /** A field of a stored order. Null if there is none. */
  async orderField(id: number, field: string): Promise<string | null> {
    if (this.kind === 'single') return await this.own.hget(`order:${id}`, field);
    return await (this.#reader ?? this.own).hget(`${prefixOf(LIVE, partitionOf(id))}order:${id}`, field);
  }

  /** Resolves when counters and reports contain everything that is in the orders. */
  async merged(check: () => void): Promise<void> {
    if (this.kind === 'single') return;
    const redis = this.#reader ?? this.own;
    let behind: string[] = [];
    const isMerged = async (): Promise<boolean> => {
      check();
      const merged = await redis.hgetall(`${prefixOf(LIVE)}projector:merged`);
      behind = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const key = `${prefixOf(LIVE, partition)}projector:position:${this.#env.topic}:${partition}`;
        const next = (await redis.get(key))?.split(' ')[1] ?? '0';
        const [offset = '0'] = (merged[partition] ?? '').split(' ');
        if (offset !== next) behind.push(`partition ${partition}: orders at ${next}, reports at ${offset}`);
      }
      return behind.length === 0;
    };
    await until(isMerged, () => `counters and reports to be merged (${behind.join('; ')})`, MERGE_TIMEOUT_MS);
  }

  /** The read model of the workers, or of the rebuild, as the oracle can read it. Nothing may write meanwhile. */
  async readable(which: 'live' | 'rebuilt'): Promise<Readable> {
    if (this.kind === 'single')
      return {redis: which === 'live' ? this.own : this.#database(REBUILT_DB), differences: []};
    const name = which === 'live' ? LIVE : REBUILT;
    const redis = this.#database(COPY_DBS[name]);
    await redis.flushdb();
    const differences: string[] = [];
    for (const node of await this.#masters()) {
      for await (const keys of pagesOf(node, name))
        differences.push(...(await copyKeys(keys, {name, from: node, to: redis})));
    }
    return {redis, differences};
  }

  /** Removes the read model of a rebuild. */
  async removeRebuilt(): Promise<void> {
    if (this.kind === 'single') await this.#database(REBUILT_DB).flushdb();
    else
      for (const node of await this.#masters())
        for await (const keys of pagesOf(node, REBUILT)) for (const key of keys) await node.unlink(key);
  }

  async close(): Promise<void> {
    this.#reader?.disconnect();
    for (const redis of [this.own, ...this.#databases.values()]) redis.disconnect();
    await this.cluster?.close();
  }

  #partitioned(name: Name): StackEnv {
    const {cluster} = this;
    const keyPrefix = `${name}:`;
    const redis =
      cluster === undefined
        ? {url: this.#env.redis.url, partitioned: {keyPrefix}}
        : {url: cluster.url, partitioned: {keyPrefix, clusterNodes: cluster.places}};
    return {...this.#env, redis};
  }

  async #masters(): Promise<Redis[]> {
    const {cluster} = this;
    return cluster === undefined ? [this.own] : (await cluster.masters()).map((node) => cluster.on(node));
  }

  #url(database: number): string {
    const url = new URL(this.#env.redis.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  #database(number: number): Redis {
    const redis = this.#databases.get(number) ?? connectRedis({redis: {url: this.#url(number)}});
    this.#databases.set(number, redis);
    return redis;
  }
}

/** The prefix of the keys of a partition, or of counters and reports. The braces decide the slot. */
export function prefixOf(name: string, partition?: number): string {
  return partition === undefined ? `{${name}}:` : `{${name}:${partition}}:`;
}

/** A key in the slot of a partition of the run, or in the slot of its reports. */
export function keyOf(partition: number | undefined): string {
  return prefixOf(LIVE, partition);
}

/** A client that avoids the proxies in front of the nodes. */
function readerOf(cluster: RedisCluster): Cluster {
  const natMap = Object.fromEntries(
    cluster.nodes.map((node) => [`127.0.0.1:${cluster.portOf(node)}`, {host: '127.0.0.1', port: node.port}]),
  );
  const reader = new Cluster(
    cluster.nodes.map(({port}) => ({host: '127.0.0.1', port})),
    {
      natMap,
      clusterRetryStrategy: () => 100,
      slotsRefreshTimeout: 1_000,
      slotsRefreshInterval: 1_000,
      redisOptions: {commandTimeout: 2_000},
    },
  );
  reader.on('error', () => undefined);
  return reader;
}

async function* pagesOf(redis: Redis, name: Name): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `{${name}*`, 'COUNT', 1_000);
    if (keys.length > 0) yield keys;
    cursor = next;
  } while (cursor !== '0');
}

/** Copies keys under the names of the layout `single`. Returns one line for each key that must not be there. */
async function copyKeys(
  keys: readonly string[],
  {name, from, to}: {name: Name; from: Redis; to: Redis},
): Promise<string[]> {
  const differences: string[] = [];
  const texts = from.pipeline();
  const copied: string[] = [];
  for (const key of new Set(keys)) {
    const place = new RegExp(`^\\{${name}(?::(\\d+))?\\}:(.+)$`).exec(key);
    const [, partition, rest = ''] = place ?? [];
    if (rest === 'projector:quarantine') await to.hset(rest, await from.hgetall(key));
    else if (rest.startsWith('projector:')) continue;
    else if (belongs(rest, partition)) {
      copied.push(rest);
      texts.dumpBuffer(key);
    } else differences.push(`${key} is not a key of the layout partitioned, or is in the wrong partition`);
  }
  const dumps = (await texts.exec()) ?? [];
  const writes = to.pipeline();
  // Without REPLACE: an order in two partitions is an error.
  copied.forEach((key, index) => writes.restore(key, 0, dumps[index]?.[1] as Buffer));
  for (const [index, [error]] of ((await writes.exec()) ?? []).entries())
    if (error !== null) differences.push(`${copied[index] ?? ''} could not be copied: ${error.message}`);
  return differences;
}

function belongs(rest: string, partition: string | undefined): boolean {
  const [, id] = /^(?:order|order_lines):(-?\d+)$/.exec(rest) ?? [];
  if (id !== undefined) return partition === String(partitionOf(Number(id)));
  return partition === undefined && /^(?:product:.+:sold|report:(?:products|users|totals))$/.test(rest);
}
