/** A worker on a small topic. The test writes the records itself. */
import {Redis} from 'ioredis';
import type {LogLine, WorkerProcess} from '../../stack/worker.js';
import {createTopic, endOffsets, produce, type NewRecord} from './kafka.js';
import {startWorker, type Variables} from './pipeline.js';
import {positions, readModel} from './readModel.js';
import {lineRow, orderRow, rowRecord, type Form, type Row} from './records.js';
import {parseEntry, type QuarantineEntry} from '../../src/redis-model/quarantineEntry.js';
import {testStack} from './stack.js';
import {until} from './until.js';

/** A record of an `orders` row. The default id is 5. */
export function orderRecord(fields: Row = {}, form: Form = 'envelope'): NewRecord {
  const after = orderRow(fields);
  return rowRecord({op: 'c', table: 'orders', after}, String(after['id']), form);
}

/** A record of an `order_items` row. The default is item 71 of order 5. */
export function lineRecord(fields: Row = {}, form: Form = 'envelope'): NewRecord {
  const after = lineRow(fields);
  return rowRecord({op: 'c', table: 'order_items', after}, String(after['order_id']), form);
}

/** What Redis holds after these two records. */
export const ORDER_5 = {
  id: '5',
  user_id: '7',
  total_amount: '45.99',
  items_count: '1',
  items: 'product_id:10,quantity:3',
} as const;

export interface Halt {
  readonly code: number | null;
  /** The last line of the worker's log. */
  readonly line: LogLine;
}

export class HandMade {
  readonly topic: string;
  readonly redis: Redis;
  readonly worker: WorkerProcess;
  readonly #prefix: string;

  private constructor(topic: string, worker: WorkerProcess) {
    this.topic = topic;
    this.worker = worker;
    this.#prefix = `${topic}:`;
    this.redis = new Redis(testStack().env.redis.url);
  }

  /** Creates a topic whose name begins with `name`, and starts its worker. */
  static async open(name: string, partitions = 1, extra: Variables = {}): Promise<HandMade> {
    const topic = `${name}-${Date.now().toString(36)}`;
    await createTopic(topic, {partitions});
    return new HandMade(
      topic,
      startWorker(topic, {KAFKA_TOPIC: topic, PROJECTOR_SUMMARY_INTERVAL_MS: '1000', ...extra}),
    );
  }

  async write(...records: NewRecord[]): Promise<void> {
    await produce(this.topic, records);
  }

  /** Resolves when the stored position is at the end of the topic. */
  async applied(): Promise<void> {
    const ends = await endOffsets(this.topic);
    await until(
      async () => {
        if (!this.worker.isRunning)
          throw new Error(`the worker has ended. Its output: ${this.worker.output}`);
        const reached = await positions(this.redis, this.#prefix);
        return [...ends].every(([partition, end]) => end === (reached.get(partition) ?? 0n));
      },
      () =>
        `the position at the end of ${this.topic}. The end of the worker's output: ${this.worker.output.slice(-1_500)}`,
    );
  }

  /** Resolves when the worker has halted. */
  async halted(): Promise<Halt> {
    await until(
      () => !this.worker.isRunning,
      () => `a halt of the worker. The end of its output: ${this.worker.output.slice(-1_500)}`,
    );
    const {code} = await this.worker.exited;
    return {code, line: this.worker.log.at(-1) ?? {}};
  }

  async order(id: string): Promise<Record<string, string>> {
    return await this.redis.hgetall(`${this.#prefix}order:${id}`);
  }

  /** The quarantined records, in the order of their offsets. */
  async quarantine(): Promise<QuarantineEntry[]> {
    const hash = await this.redis.hgetall(`${this.#prefix}projector:quarantine`);
    return Object.entries(hash)
      .map(([name, text]) => parseEntry(name, text))
      .filter((entry) => entry !== undefined)
      .sort((a, b) => Number(a.offset - b.offset));
  }

  async model(): Promise<Record<string, string>> {
    return Object.fromEntries(await readModel(this.redis, this.#prefix));
  }

  async positions(): Promise<Map<number, bigint>> {
    return await positions(this.redis, this.#prefix);
  }

  async close(): Promise<void> {
    await this.worker.end('SIGTERM');
    this.redis.disconnect();
  }
}
