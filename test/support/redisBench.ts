/** A logical database of the test stack's Redis for one test file, and the worker's client for it. */
import {keySpace, stagingSpace} from '../../src/redis-model/keys.js';
import {Cluster, Redis} from 'ioredis';
import {ReadModel, type ScriptHost} from '../../src/apply/readModel.js';
import type {MergeHost} from '../../src/apply/reports.js';
import type {ApplyOutcome} from '../../src/apply/script.js';
import type {Change} from '../../src/domain/change.js';
import {RedisClient} from '../../src/clients/redis/client.js';
import type {RedisSettings} from '../../src/clients/redis/connection.js';
import {reduce} from '../../src/reduce.js';
import type {Content} from './orderModel.js';
import {testStack} from './stack.js';

export const TOPIC = 'test.events';
/** The layout of the read models of the benches. */
export const LAYOUT = 'v1 topic=test.events partitions=3 decimals=2 columns=';

/** The test's own client retries until Redis is reachable, also while a node of a cluster does not respond or starts. */
const CLUSTER = {
  clusterRetryStrategy: () => 100,
  maxRedirections: 100,
  retryDelayOnMoved: 50,
  redisOptions: {maxRetriesPerRequest: 20, socketTimeout: 1_000},
} as const;
const PATIENT = {maxRetriesPerRequest: null, retryStrategy: () => 50} as const;

/** Every key with its serialized value. */
export type Snapshot = readonly (readonly [Buffer, Buffer])[];

/** Scripts, because a worker must not write between their steps. */
const DUMP = `
local flat = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  flat[#flat + 1] = key
  flat[#flat + 1] = redis.call('DUMP', key)
end
return flat`;
const RESTORE = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end
for i = 2, #ARGV, 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end`;

export interface BenchOptions {
  /** A Redis outside the test stack, which may stop at any time. Its owner removes the data. */
  readonly url?: string;
  readonly prefix?: string;
  readonly extraColumns?: readonly string[];
  /** True for the layout `partitioned`. The prefix is then `test:`. */
  readonly isPartitioned?: boolean;
  /** Nodes of a Redis Cluster, each as `host:port`. */
  readonly clusterNodes?: readonly string[] | undefined;
  /** Defined if the amount of an order is the sum over its line items. */
  readonly itemDecimals?: number | undefined;
}

/** Read models that are being built, so that each has an id of its own. */
let builders = 0;
let workers = 0;

export class RedisBench {
  readonly url: string;
  /** The test's own connection. */
  readonly redis: Redis;
  readonly client: RedisClient;
  readonly model: ReadModel;
  readonly #options: BenchOptions;
  readonly #cluster: Cluster | undefined;

  private constructor(database: number, options: BenchOptions) {
    const url = new URL(options.url ?? testStack().env.redis.url);
    url.pathname = `/${database}`;
    this.url = url.href;
    this.#options = options;
    const {clusterNodes} = options;
    if (clusterNodes !== undefined)
      this.#cluster = new Cluster(
        clusterNodes.map((node) => `redis://${node}`),
        CLUSTER,
      );
    // A Cluster has every command that this class and its users send with a key.
    this.redis =
      (this.#cluster as unknown as Redis | undefined) ??
      new Redis(this.url, options.url === undefined ? {} : PATIENT);
    this.redis.on('error', () => undefined);
    this.client = this.newClient(5_000);
    this.model = this.modelOn(this.client);
  }

  /** Each test file uses another database number. The database is flushed. */
  static async open(database: number, options: BenchOptions = {}): Promise<RedisBench> {
    const bench = new RedisBench(database, options);
    await bench.flush();
    await bench.client.connect();
    return bench;
  }

  newClient(timeoutMs: number, settings: Partial<RedisSettings> = {}): RedisClient {
    const {clusterNodes} = this.#options;
    const cluster = clusterNodes === undefined ? {} : {clusterNodes};
    return new RedisClient({url: this.url, timeoutMs, ...cluster, ...settings});
  }

  async flush(): Promise<void> {
    const {clusterNodes} = this.#options;
    if (clusterNodes === undefined) await this.redis.flushdb();
    else await Promise.all(clusterNodes.map(async (node) => await flushMaster(node)));
  }

  /** Every master, because the commands without a key concern one server only. */
  #servers(): readonly Redis[] {
    return this.#cluster?.nodes('master') ?? [this.redis];
  }

  /** The same read model in the layout `partitioned`, for a process that merges nothing, such as a repair. */
  unmergedModel(): ReadModel {
    const {extraColumns = [], itemDecimals} = this.#options;
    const sharding = {keys: keySpace('partitioned', 'test:'), servers: 1};
    return new ReadModel(this.client, TOPIC, {
      prefix: 'test:',
      extraColumns,
      itemDecimals,
      layout: LAYOUT,
      sharding,
    });
  }

  /** In the layout `partitioned`: the read model that a run builds next to this one. */
  stagingModelOn(client: ScriptHost): ReadModel {
    const {extraColumns = [], itemDecimals} = this.#options;
    const sharding = {keys: stagingSpace('test:'), servers: 1};
    const built = {isBeingBuilt: true, inParts: {ordersMax: 3, id: `run${++builders}`}, sharding};
    return new ReadModel(client, TOPIC, {
      prefix: 'test:',
      extraColumns,
      itemDecimals,
      layout: LAYOUT,
      ...built,
    });
  }

  /** `ordersPerScript`: chunks are applied in parts, as in a read model that is being built. */
  modelOn(client: ScriptHost & MergeHost, ordersPerScript?: number): ReadModel {
    const {prefix = '', extraColumns = [], itemDecimals} = this.#options;
    const inParts =
      ordersPerScript === undefined ? undefined : {ordersMax: ordersPerScript, id: `run${++builders}`};
    const settings = {prefix, extraColumns, itemDecimals, layout: LAYOUT, inParts};
    if (this.#options.isPartitioned !== true) return new ReadModel(client, TOPIC, settings);
    const merging = {redis: client, processId: `worker${++workers}`};
    const sharding = {keys: keySpace('partitioned', 'test:'), servers: 1, merging};
    return new ReadModel(client, TOPIC, {...settings, prefix: 'test:', sharding});
  }

  /** Applies changes as one chunk that moves the position of partition 0 from `expected` to `next`. */
  async apply(changes: readonly Change[], expected: string, next: string): Promise<ApplyOutcome> {
    return await this.model.apply(0, {expected, next, reduction: reduce(changes)});
  }

  /** Applies chunks one after the other. The positions are `v1 1`, `v1 2`, ... */
  async applyAll(chunks: readonly (readonly Change[])[]): Promise<void> {
    let expected = (await this.model.positions.read([0]))[0] ?? '';
    for (const chunk of chunks) {
      const next = `v1 ${Number(expected.slice(3)) + 1}`;
      const outcome = await this.apply(chunk, expected, next);
      if (outcome.kind !== 'applied')
        throw new Error(`the chunk was not applied: ${JSON.stringify(outcome)}`);
      expected = next;
    }
  }

  /** The read model: all keys except the worker's own. */
  async content(): Promise<Content> {
    const content: Content = {};
    const internal = `${this.#options.prefix ?? ''}projector:`;
    const keys = await Promise.all(this.#servers().map(async (server) => await server.keys('*')));
    for (const key of keys.flat()) {
      // In the layout `partitioned`, the keys of a partition and the shared ones are one content.
      const name = this.#options.isPartitioned === true ? key.replace(/^\{[^}]*\}:/, '') : key;
      if (!name.startsWith(internal) && !name.startsWith('staging:projector:'))
        content[name] = await this.#read(key);
    }
    return content;
  }

  async #read(key: string): Promise<Content[string]> {
    const type = await this.redis.type(key);
    if (type === 'hash') return await this.redis.hgetall(key);
    if (type === 'string') return (await this.redis.get(key)) ?? '';
    if (type !== 'zset') return `a ${type}`;
    const flat = await this.redis.zrange(key, 0, '-1', 'WITHSCORES');
    const scores: Record<string, string> = {};
    for (let i = 0; i + 1 < flat.length; i += 2) scores[flat[i]!] = BigInt(Number(flat[i + 1])).toString();
    return scores;
  }

  /** All keys that match, including positions, byte for byte, like a backup. */
  async snapshot(match = '*'): Promise<Snapshot> {
    const flat = (await this.redis.callBuffer('EVAL', DUMP, 0, match)) as Buffer[];
    const pairs = flat.flatMap((key, index) => (index % 2 === 0 ? [[key, flat[index + 1]!] as const] : []));
    return pairs.sort(([a], [b]) => a.compare(b));
  }

  /** Restores an older state of all keys that match, atomically. */
  async restore(snapshot: Snapshot, match = '*'): Promise<void> {
    await this.redis.eval(RESTORE, 0, match, ...snapshot.flat());
  }

  async close(): Promise<void> {
    this.client.close();
    if (this.#options.url === undefined) await this.flush();
    this.redis.disconnect();
  }
}

/** Asks each node for its role, because after a failover the client may not know all masters yet. */
async function flushMaster(node: string): Promise<void> {
  const redis = new Redis(`redis://${node}`, {maxRetriesPerRequest: 0});
  redis.on('error', () => undefined);
  try {
    const [role] = (await redis.role()) as [string];
    if (role === 'master') await redis.flushdb();
  } finally {
    redis.disconnect();
  }
}
