/** Complete workers on a log in memory and the real Redis. */
import type {ScriptHost} from '../../src/apply/readModel.js';
import type {MergeHost} from '../../src/apply/reports.js';
import {MERGE_SCRIPT, TAKE_SCRIPT} from '../../src/apply/mergeScript.js';
import {APPLY_SCRIPT} from '../../src/apply/script.js';
import type {Change, Decoded} from '../../src/domain/change.js';
import type {RedisClient} from '../../src/clients/redis/client.js';
import type {RedisSettings} from '../../src/clients/redis/connection.js';
import {decodeRecord} from '../../src/decode/decode.js';
import type {SourceSchema} from '../../src/domain/sourceSchema.js';
import {ERROR_POLICY} from '../../src/runtime/errorPolicy.js';
import {asProjectorError, type ErrorKind, type ProjectorError} from '../../src/runtime/errors.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {noFailpoint} from '../../src/runtime/failpoints.js';
import {systemClock, type Clock} from '../../src/runtime/lifecycle.js';
import {parsePosition} from '../../src/redis-model/position.js';
import {Projector, type ProjectorSettings} from '../../src/worker/projector.js';
import type {HeldPartition} from '../../src/worker/workerView.js';
import {ORDER_EXTRA_COLUMNS} from './arbitraries.js';
import {MemoryLog, MemoryTopic} from './memoryLog.js';
import {OrderModel, type Content} from './orderModel.js';
import {FORMS, HIDING, recordOf, SHOP_TABLES} from './records.js';
import {isWholeNumber} from '../../src/domain/order.js';
import type {SourceTables} from '../../src/upstream/sourceTables.js';
import {RedisBench, TOPIC, type BenchOptions} from './redisBench.js';
import {until} from './until.js';

const PARTITIONS = 3;
/** The merged offsets in the layout `partitioned`. */
const MERGED = '{test}:projector:merged';
const SETTINGS: ProjectorSettings = {
  topic: TOPIC,
  partitions: PARTITIONS,
  quarantineMax: 10,
  quarantineWindow: 1_000,
  chunkOrdersMax: 2,
  chunkRecordsMax: 7,
  queueBytesMax: 4_096,
  commitIntervalMs: 50,
  summaryIntervalMs: 60_000,
  stopTimeoutMs: 10_000,
};

export const BENCH_SCHEMA: SourceSchema = {
  ...HIDING,
  extraColumns: ORDER_EXTRA_COLUMNS.map((name) => ({name, type: 'text'})),
};

export const BENCH_TABLES: SourceTables = {
  ...SHOP_TABLES,
  schema: BENCH_SCHEMA,
  // The orders of the benches have whole numbers and texts as ids.
  kinds: {order: 'text', product: 'text', user: 'text'},
  columns: {...SHOP_TABLES.columns, orders: [...SHOP_TABLES.columns.orders, 'status']},
};

export interface WorkerOptions {
  readonly settings?: Partial<ProjectorSettings>;
  readonly clock?: Clock;
  /** Another URL of the same Redis. */
  readonly redisUrl?: string;
  /** Other settings of the connection, for example for TLS. */
  readonly redisSettings?: Partial<RedisSettings>;
  readonly timeoutMs?: number;
  /** Applies chunks in parts, as a rebuild does. */
  readonly ordersPerScript?: number;
  /** Builds the read model next to the one of the readers, in the layout `partitioned`. */
  readonly isStaging?: boolean;
  /** Called before and after each script. It may throw, so that the worker gets no reply. */
  readonly onScript?: (when: 'before' | 'after') => void;
  /** In the layout `partitioned`: no merge arrives at Redis, as in a worker that crashes before it. */
  readonly losesMerges?: boolean;
  /** In the layout `partitioned`: awaited before this worker takes the merging of a partition over. */
  readonly beforeTake?: (partition: number) => Promise<void>;
  /** Replaces the decoder, to simulate other settings. */
  readonly decode?: (record: LogRecord) => Decoded;
  /** The partitioner of the producer. Default: the bench writes records into any partition. */
  readonly partitionOf?: (key: Buffer) => number | undefined;
}

export interface Worker {
  readonly log: MemoryLog;
  readonly projector: Projector;
  /** The messages of the worker's log, with the fields as JSON. */
  readonly messages: string[];
  /** Resolves when the worker has ended, with the error that halted it, or undefined. */
  readonly ended: Promise<ProjectorError | undefined>;
  stop(): Promise<ProjectorError | undefined>;
}

export class WorkerBench {
  readonly redis: RedisBench;
  topic = new MemoryTopic(PARTITIONS);
  #changes: Change[] = [];
  #workers: (Worker & {client: RedisClient})[] = [];

  private constructor(redis: RedisBench) {
    this.redis = redis;
  }

  /** `url` is the URL of a Redis outside the stack. */
  static async open(
    database: number,
    url?: string,
    {isPartitioned = false, clusterNodes}: Pick<BenchOptions, 'isPartitioned' | 'clusterNodes'> = {},
  ): Promise<WorkerBench> {
    const options = {
      clusterNodes,
      extraColumns: ORDER_EXTRA_COLUMNS,
      isPartitioned,
      ...(url === undefined ? {} : {url}),
    };
    return new WorkerBench(await RedisBench.open(database, options));
  }

  /** Stops the workers of a test and discards its log and data. */
  async reset(): Promise<void> {
    await this.#stopWorkers();
    await this.redis.flush();
    this.topic = new MemoryTopic(PARTITIONS);
    this.#changes = [];
  }

  async close(): Promise<void> {
    await this.#stopWorkers();
    await this.redis.close();
  }

  partitionOf(orderId: string): number {
    if (isWholeNumber(orderId)) return Number(BigInt(orderId) % BigInt(PARTITIONS));
    return orderId.length % PARTITIONS;
  }

  /** Writes changes to the log, alternating between the record forms. */
  write(changes: readonly Change[]): void {
    changes.forEach((change, index) => {
      this.topic.append(this.partitionOf(change.orderId), recordOf(change, FORMS[index % FORMS.length]));
    });
    this.#changes.push(...changes);
  }

  /** Starts a worker. It has no partitions until the test calls `log.assign`. */
  async worker(options: WorkerOptions = {}): Promise<Worker> {
    const {redisUrl: url = this.redis.url, timeoutMs = 5_000} = options;
    const client = this.redis.newClient(timeoutMs, {url, ...options.redisSettings});
    await client.connect();
    const log = new MemoryLog(this.topic, 20);
    const messages: string[] = [];
    const notify = (fields: object, message: string): void =>
      void messages.push(
        `${message} ${JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
      );
    const projector = new Projector(
      {...SETTINGS, ...options.settings},
      {
        log,
        model:
          options.isStaging === true
            ? this.redis.stagingModelOn(hostOf(client, options))
            : this.redis.modelOn(hostOf(client, options), options.ordersPerScript),
        decode: options.decode ?? ((record) => decodeRecord(record, BENCH_SCHEMA)),
        partitionOf: options.partitionOf ?? (() => undefined),
        clock: options.clock ?? systemClock,
        logger: {info: notify, warn: notify, error: notify},
        failpoint: noFailpoint,
      },
    );
    const ended = projector.run().then(
      () => undefined,
      (error: unknown) => asProjectorError(error),
    );
    const stop = async (): Promise<ProjectorError | undefined> => {
      projector.stop();
      return await ended;
    };
    const worker = {log, projector, messages, ended, stop, client};
    this.#workers.push(worker);
    return worker;
  }

  /** Starts a worker and assigns all partitions to it. */
  async soleWorker(options: WorkerOptions = {}): Promise<Worker> {
    const worker = await this.worker(options);
    worker.log.assign(this.topic.partitions);
    return worker;
  }

  async position(partition: number): Promise<bigint> {
    const text = await this.redis.redis.get(this.redis.model.positions.key(partition));
    return parsePosition(text ?? '')?.nextOffset ?? 0n;
  }

  async positions(): Promise<bigint[]> {
    return await Promise.all(this.topic.partitions.map(async (partition) => await this.position(partition)));
  }

  get ends(): bigint[] {
    return this.topic.partitions.map((partition) => this.topic.range(partition).high);
  }

  /** Waits until the whole log is applied. */
  async caughtUp(timeoutMs = 30_000): Promise<void> {
    await until(
      async () => (await this.positions()).join() === this.ends.join(),
      () =>
        `positions at ${this.ends.join()}; ${this.#workers.flatMap(({messages}) => messages.slice(-3)).join(' | ')}`,
      timeoutMs,
    );
  }

  /** Waits until at least `records` records are applied, but not the whole log. */
  async midway(records: bigint): Promise<void> {
    const sum = (offsets: bigint[]): bigint => offsets.reduce((a, b) => a + b, 0n);
    await until(
      async () => sum(await this.positions()) >= records,
      () => `${records} applied records`,
    );
  }

  /** Waits until counters and reports contain all that was applied. In the layout `single` they do at once. */
  async merged(): Promise<void> {
    const merged = this.redis.model.reports === undefined ? undefined : MERGED;
    if (merged === undefined) return;
    await until(
      async () => {
        const [texts, positions] = [await this.redis.redis.hgetall(merged), await this.positions()];
        return positions.every((next, partition) => (texts[partition] ?? '0 ').startsWith(`${next} `));
      },
      () => 'the reports to contain everything',
      30_000,
    );
  }

  /** Waits until the log is applied, then compares every key with the naive fold of all written changes. */
  async expectExact(): Promise<void> {
    await this.caughtUp();
    await this.merged();
    await this.expectFold(this.#changes);
  }

  /** Expects that Redis holds exactly the changes before the positions, so no chunk is applied in part. No worker may write. */
  async expectExactSoFar(): Promise<void> {
    const left = await this.positions();
    // If all positions are 0, nothing was applied or Redis was flushed. So there are no keys, not even the totals.
    if (left.every((next) => next === 0n)) expect(await this.redis.content()).toEqual({});
    else await this.expectFold(this.#changes.filter(({orderId}) => left[this.partitionOf(orderId)]!-- > 0n));
  }

  /** Waits until the log is applied, then compares the orders alone. */
  async expectExactOrders(): Promise<void> {
    await this.caughtUp();
    const ofOrders = (content: Content): Content =>
      Object.fromEntries(Object.entries(content).filter(([key]) => /^order(?:_lines)?:/.test(key)));
    const wanted = OrderModel.of(this.#changes).content('', ORDER_EXTRA_COLUMNS);
    expect(ofOrders(await this.redis.content())).toEqual(ofOrders(wanted));
  }

  async expectFold(changes: readonly Change[]): Promise<void> {
    expect(await this.redis.content()).toEqual(OrderModel.of(changes).content('', ORDER_EXTRA_COLUMNS));
  }

  async #stopWorkers(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => await worker.stop()));
    for (const {client} of this.#workers) client.close();
    this.#workers = [];
  }
}

/**
 * Expects that the worker ends with this error. If the error concerns one partition, expects that the worker holds partition 0 with it, and
 * stops the worker.
 */
export async function expectHaltOrHold(worker: Worker, kind: ErrorKind, detail: RegExp): Promise<void> {
  const failure = {kind, detail: expect.stringMatching(detail) as string};
  if (ERROR_POLICY[kind].holds !== true) {
    await expect(worker.ended).resolves.toMatchObject(failure);
    return;
  }
  const held = (): HeldPartition | null =>
    worker.projector.view.partitions.find(({partition}) => partition === 0)?.held ?? null;
  await until(
    () => held() !== null,
    () => `partition 0 to be held. Messages: ${worker.messages.join(' | ')}`,
  );
  expect(held()).toEqual(failure);
  expect(worker.messages).toContainEqual(expect.stringMatching(/^partition held: /));
  await expect(worker.stop()).resolves.toBeUndefined();
}

function hostOf(
  client: RedisClient,
  {onScript, losesMerges = false, beforeTake}: WorkerOptions,
): ScriptHost & MergeHost {
  if (onScript === undefined && !losesMerges && beforeTake === undefined) return client;
  return {
    getAll: async (keys) => await client.getAll(keys),
    hashFields: async (key) => await client.hashFields(key),
    hashFieldsOf: async (key, names) => await client.hashFieldsOf(key, names),
    listRange: async (key, from, to) => await client.listRange(key, from, to),
    run: async (script, key, args) => {
      if (losesMerges && script === MERGE_SCRIPT) return await new Promise(() => undefined);
      if (script === TAKE_SCRIPT) await beforeTake?.(Number(args[0]));
      if (script !== APPLY_SCRIPT) return await client.run(script, key, args);
      onScript?.('before');
      const reply = await client.run(script, key, args);
      onScript?.('after');
      return reply;
    },
  };
}
