/**
 * A separate topic for a test, a list of everything written to it, and the workers that the test starts. It checks what must
 * hold after every fault: Redis equals the fold of the topic, the positions are at its end, the counters of the workers
 * balance, and no log contains row values.
 */
import {isDeepStrictEqual} from 'node:util';
import {Redis} from 'ioredis';
import kafkajs, {type CompressionTypes, type Producer} from 'kafkajs';
import type {Change} from '../../src/domain/change.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {item, itemGone, order, orderGone} from './changes.js';
import {createTopic, endOffsets, kafka, partitionOf, type NewRecord, type TopicOptions} from './kafka.js';
import {OrderModel, type Content} from './orderModel.js';
import {startWorker, type Variables} from './pipeline.js';
import {Random} from './random.js';
import {pause} from './pace.js';
import {contentUnder, positions} from './readModel.js';
import {FORMS, recordOf} from './records.js';
import {testStack} from './stack.js';
import {until} from './until.js';

const {Partitioners} = kafkajs;

/** These values are in every row of `orders` and nowhere else. A log that contains one has leaked row values. */
export const SECRET = 'Zq7Secret';
const USER = '770123456789';
const ORDERS = 60;
/** Longer than the longest Kafka outage of a test. */
const WRITE_TIMEOUT_MS = 400_000;

export interface FaultBenchOptions extends TopicOptions {
  /** The Redis of the workers, if it is not that of the stack. The bench closes the connection. */
  readonly redis?: Redis;
  /** The compression of the record batches. Default: none. */
  readonly compression?: CompressionTypes;
  /** Creates the topic in another way. */
  readonly create?: (topic: string) => Promise<void>;
}

export class FaultBench {
  readonly topic: string;
  readonly redis: Redis;
  readonly workers: WorkerProcess[] = [];
  readonly #partitions: number;
  readonly #brokers: readonly string[];
  readonly #compression: CompressionTypes;
  readonly #random: Random;
  readonly #written: {readonly change: Change; readonly partition: number}[] = [];
  #producer: Producer | undefined;

  private constructor(topic: string, options: FaultBenchOptions) {
    const {partitions = 1, brokers, redis, compression = kafkajs.CompressionTypes.None} = options;
    this.topic = topic;
    this.#compression = compression;
    this.#partitions = partitions;
    this.#random = new Random(partitions);
    this.#brokers = brokers ?? testStack().env.kafka.brokers;
    this.redis = redis ?? new Redis(testStack().env.redis.url);
  }

  /** Creates a topic whose name begins with `name`. */
  static async open(name: string, options: FaultBenchOptions = {}): Promise<FaultBench> {
    const topic = `${name}-${Date.now().toString(36)}`;
    await (options.create ?? (async (name) => await createTopic(name, options)))(topic);
    return new FaultBench(topic, options);
  }

  get prefix(): string {
    return `${this.topic}:`;
  }

  get group(): string {
    return this.topic;
  }

  get written(): number {
    return this.#written.length;
  }

  /** Starts another worker of this read model. */
  start(extra: Variables = {}): WorkerProcess {
    const worker = startWorker(this.topic, {
      KAFKA_TOPIC: this.topic,
      KAFKA_BROKERS: this.#brokers.join(','),
      PROJECTOR_SUMMARY_INTERVAL_MS: '1000',
      ...extra,
    });
    this.workers.push(worker);
    return worker;
  }

  /** Random changes. The seed is the number of partitions. */
  changes(count: number): Change[] {
    return Array.from({length: count}, () => this.#change());
  }

  /** Writes changes to the topic, alternating between the record forms. Retries while Kafka is unreachable. */
  async write(changes: readonly Change[] | number): Promise<void> {
    const list = typeof changes === 'number' ? this.changes(changes) : changes;
    await this.writeRecords(list.map((change, i) => recordOf(change, FORMS[i % FORMS.length])));
    this.note(list);
  }

  /** Writes records that are not expected in Redis, for topics that Redis was not built from. */
  async writeOther(count: number): Promise<void> {
    await this.writeRecords(this.changes(count).map((change) => recordOf(change)));
  }

  /** Adds changes that the test wrote by other means to the expected ones. */
  note(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#written.push({change, partition: partitionOf(change.orderId, this.#partitions)});
    }
  }

  /**
   * Retries while Kafka is unreachable. If a response was lost, a retry repeats a sequence of records, which changes
   * nothing in the read model (I3).
   */
  async writeRecords(records: readonly NewRecord[]): Promise<void> {
    const messages = records.map((record) => ({...record}));
    await until(
      async () => {
        try {
          this.#producer ??= await this.#connectProducer();
          await this.#producer.send({topic: this.topic, messages, compression: this.#compression});
          return true;
        } catch {
          await this.#disconnectProducer();
          return false;
        }
      },
      () => `the write of ${messages.length} records to ${this.topic}`,
      WRITE_TIMEOUT_MS,
    );
  }

  /** Writes continuously while `work` runs. */
  async whileWriting(work: () => Promise<void>): Promise<void> {
    const end = new AbortController();
    const writing = (async (): Promise<void> => {
      while (!end.signal.aborted) {
        await this.write(10);
        await pause();
      }
    })();
    const working = work().finally(() => end.abort());
    await Promise.all([working, writing]);
  }

  async positions(): Promise<Map<number, bigint>> {
    return await positions(this.redis, this.prefix);
  }

  /** The number of applied records: the sum of the positions. */
  async progress(): Promise<bigint> {
    return [...(await this.positions()).values()].reduce((sum, next) => sum + next, 0n);
  }

  /** Resolves when more records have been applied. The test must keep writing meanwhile. */
  async advanced(records = 1n): Promise<void> {
    await this.reached((await this.progress()) + records);
  }

  /** Resolves when this number of records has been applied. */
  async reached(records: bigint): Promise<void> {
    await until(
      async () => (await this.progress()) >= records,
      () => `${records} applied records. The end of the workers' output: ${this.#tails()}`,
      90_000,
    );
  }

  /** Resolves when all records of the topic are applied. */
  async applied(timeoutMs = 90_000): Promise<void> {
    const ends = await endOffsets(this.topic, this.#brokers);
    await until(
      async () => {
        if (this.workers.length > 0 && !this.workers.some(({isRunning}) => isRunning))
          throw new Error(`all workers have ended. The end of their output: ${this.#tails()}`);
        const reached = await this.positions();
        return [...ends].every(([partition, end]) => end === (reached.get(partition) ?? 0n));
      },
      () => `the positions at the end of ${this.topic}. The end of the workers' output: ${this.#tails()}`,
      timeoutMs,
    );
  }

  /** Waits until everything is applied, compares Redis, stops the workers, and checks their counters and logs. */
  async expectExact({ends = true}: {ends?: boolean} = {}): Promise<void> {
    if (ends) await this.applied();
    await this.expectFold(this.#written.map(({change}) => change));
    await this.expectStopped();
  }

  /** Expects that Redis holds exactly the records before the positions. For workers that have halted. */
  async expectExactUpToPositions(): Promise<void> {
    const reached = await this.positions();
    const next = new Map<number, bigint>();
    const before = this.#written.filter(({partition}) => {
      const offset = next.get(partition) ?? 0n;
      next.set(partition, offset + 1n);
      return offset < (reached.get(partition) ?? 0n);
    });
    await this.expectFold(before.map(({change}) => change));
    this.expectBooks();
  }

  async expectFold(changes: readonly Change[]): Promise<void> {
    expect(await contentUnder(this.redis, this.prefix)).toEqual(contentOf(changes));
  }

  /** Whether Redis holds what was written. For topics whose last offsets contain no records. */
  async isFolded(): Promise<boolean> {
    const content = await contentUnder(this.redis, this.prefix);
    return isDeepStrictEqual(content, contentOf(this.#written.map(({change}) => change)));
  }

  /** Stops all workers with SIGTERM and expects exit code 0. */
  async expectStopped(): Promise<void> {
    for (const worker of this.workers) {
      // A worker that was started just now may not have its signal handler, so SIGTERM would kill it.
      await until(
        () => !worker.isRunning || worker.log.some(({msg}) => msg === 'worker starts'),
        () => `the start of a worker. The end of its output: ${worker.output.slice(-1_500)}`,
        60_000,
      );
      if (!worker.isRunning) continue;
      expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});
    }
    this.expectBooks();
  }

  /** Expects that the last summary of every worker that was not killed balances, and that no log contains row values. */
  expectBooks(): void {
    for (const worker of this.workers) {
      expect(worker.output).not.toContain(SECRET);
      expect(worker.output).not.toContain(USER);
      const isComplete = worker.log.some(({msg}) => msg === 'worker stopped');
      const summary = worker.log.findLast(({msg}) => msg === 'summary');
      if (!isComplete || summary === undefined) continue;
      const {applied, duplicate, ignored, quarantined} = summary as Record<string, number>;
      expect(summary['consumed']).toBe(applied! + duplicate! + ignored! + quarantined!);
    }
  }

  async close(): Promise<void> {
    for (const worker of this.workers) {
      if (worker.isRunning) worker.send('SIGCONT');
      await worker.end('SIGKILL');
    }
    await this.#disconnectProducer();
    this.redis.disconnect();
  }

  #tails(): string {
    return this.workers.map(({output}) => output.slice(-1_500)).join('\n---\n');
  }

  async #connectProducer(): Promise<Producer> {
    const producer = kafka(this.#brokers).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: {retries: 1, initialRetryTime: 100, maxRetryTime: 500},
    });
    await producer.connect();
    return producer;
  }

  async #disconnectProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => undefined);
  }

  #change(): Change {
    const random = this.#random;
    const id = String(random.int(1, ORDERS));
    const kind = random.int(1, 10);
    if (kind <= 4) {
      const total = `${random.int(0, 999)}.${String(random.int(10, 99))}`;
      return order(id, {user: USER, total, extra: [SECRET]});
    }
    if (kind === 5) return orderGone(id);
    const itemId = `${id}/${id}${random.int(1, 4)}`;
    if (kind === 6) return itemGone(itemId);
    return item(itemId, {product: String(random.int(1, 9)), quantity: String(random.int(1, 9))});
  }
}

function contentOf(changes: readonly Change[]): Content {
  return changes.length === 0 ? {} : OrderModel.of(changes).content();
}
