/**
 * A topic of a test's own, everything that was written to it, and as many workers on it as the test starts. What must hold
 * after every fault is asked here: Redis equals the fold of the log, positions stand at its ends, the books balance, and
 * nothing of a row is in a worker's log.
 */
import {isDeepStrictEqual} from 'node:util';
import {Redis} from 'ioredis';
import kafkajs, {type Producer} from 'kafkajs';
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

/** Stand in every order's row, and nowhere else. */
export const SECRET = 'Zq7Secret';
const USER = '770123456789';
const ORDERS = 60;
/** Above the longest time that a test takes Kafka away. */
const WRITE_TIMEOUT_MS = 400_000;

export interface FaultBenchOptions extends TopicOptions {
  /** Where the test looks, when the workers have another Redis than the stack's; closed by the bench. */
  readonly redis?: Redis;
}

export class FaultBench {
  readonly topic: string;
  readonly redis: Redis;
  readonly workers: WorkerProcess[] = [];
  readonly #partitions: number;
  readonly #brokers: readonly string[];
  readonly #random: Random;
  readonly #written: {readonly change: Change; readonly partition: number}[] = [];
  #producer: Producer | undefined;

  private constructor(topic: string, {partitions = 1, brokers, redis}: FaultBenchOptions) {
    this.topic = topic;
    this.#partitions = partitions;
    this.#random = new Random(partitions);
    this.#brokers = brokers ?? testStack().env.kafka.brokers;
    this.redis = redis ?? new Redis(testStack().env.redis.url);
  }

  /** A new topic whose name begins with `name`. */
  static async open(name: string, options: FaultBenchOptions = {}): Promise<FaultBench> {
    const topic = `${name}-${Date.now().toString(36)}`;
    await createTopic(topic, options);
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

  /** One more worker of this read model. */
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

  /** Random changes, the same for the same number of partitions. */
  changes(count: number): Change[] {
    return Array.from({length: count}, () => this.#change());
  }

  /** Writes changes to the log, by default random ones, in all forms by turns. Goes on trying while Kafka is away. */
  async write(changes: readonly Change[] | number): Promise<void> {
    const list = typeof changes === 'number' ? this.changes(changes) : changes;
    await this.writeRecords(list.map((change, i) => recordOf(change, FORMS[i % FORMS.length])));
    this.note(list);
  }

  /** Records that are no part of the log that Redis was built from. */
  async writeOther(count: number): Promise<void> {
    await this.writeRecords(this.changes(count).map((change) => recordOf(change)));
  }

  /** These changes were written by other means. */
  note(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#written.push({change, partition: partitionOf(change.orderId, this.#partitions)});
    }
  }

  /**
   * Goes on trying while Kafka is away. What is sent again after a lost answer repeats a run of the log, which changes
   * nothing (I3).
   */
  async writeRecords(records: readonly NewRecord[]): Promise<void> {
    const messages = records.map((record) => ({...record}));
    await until(
      async () => {
        try {
          this.#producer ??= await this.#connectProducer();
          await this.#producer.send({topic: this.topic, messages});
          return true;
        } catch {
          await this.#disconnectProducer();
          return false;
        }
      },
      () => `${messages.length} records written to ${this.topic}`,
      WRITE_TIMEOUT_MS,
    );
  }

  /** Writes on and on while `work` runs. */
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

  /** How many records are behind the positions. */
  async progress(): Promise<bigint> {
    return [...(await this.positions()).values()].reduce((sum, next) => sum + next, 0n);
  }

  /** Resolves when some more of the log is applied; something must go on writing meanwhile. */
  async advanced(records = 1n): Promise<void> {
    await this.reached((await this.progress()) + records);
  }

  /** Resolves when so many records are behind the positions. */
  async reached(records: bigint): Promise<void> {
    await until(
      async () => (await this.progress()) >= records,
      () => `${records} records applied: ${this.#tails()}`,
      90_000,
    );
  }

  /** Resolves when the whole log is applied. */
  async applied(timeoutMs = 90_000): Promise<void> {
    const ends = await endOffsets(this.topic, this.#brokers);
    await until(
      async () => {
        if (this.workers.length > 0 && !this.workers.some(({isRunning}) => isRunning))
          throw new Error(`no worker is left: ${this.#tails()}`);
        const reached = await this.positions();
        return [...ends].every(([partition, end]) => end === (reached.get(partition) ?? 0n));
      },
      () => `the ends of ${this.topic}: ${this.#tails()}`,
      timeoutMs,
    );
  }

  /** Everything that must hold when the workers are quiet; then ends them, and looks at their books and logs. */
  async expectExact({ends = true}: {ends?: boolean} = {}): Promise<void> {
    if (ends) await this.applied();
    await this.expectFold(this.#written.map(({change}) => change));
    await this.expectStopped();
  }

  /** Redis holds exactly what stands before the positions. For workers that have halted. */
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

  /** Whether Redis holds what was written. For logs whose last offsets hold no records. */
  async isFolded(): Promise<boolean> {
    const content = await contentUnder(this.redis, this.prefix);
    return isDeepStrictEqual(content, contentOf(this.#written.map(({change}) => change)));
  }

  /** Ends all workers in good order. */
  async expectStopped(): Promise<void> {
    for (const worker of this.workers) {
      // One that was started just now, and found nothing to do, may not listen to signals yet.
      await until(
        () => !worker.isRunning || worker.log.some(({msg}) => msg === 'worker starts'),
        () => `a worker that has started: ${worker.output.slice(-1_500)}`,
        60_000,
      );
      if (!worker.isRunning) continue;
      expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});
    }
    this.expectBooks();
  }

  /** The last summary of every worker that was not killed balances, and no log says what is in a row. */
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
