/**
 * Writes records that cannot be applied into the topic. They belong to orders that do not exist, so Redis lacks nothing
 * when they are quarantined. Their number stays far below the limit at which a worker halts.
 */
import kafkajs from 'kafkajs';
import type {Random} from '../random.js';
import {PARTITIONS} from './orderPartitions.js';

const {Kafka, logLevel, Partitioners} = kafkajs;

/** The key prefix by which the fold of the topic recognizes bad records. */
export const BAD_KEY_PREFIX = 'chaos-';
/** The worker halts at 10 quarantined records within 1,000 offsets. */
const WINDOW_OFFSETS = 1_000;
const IN_WINDOW_MAX = 5;

const row = (table: string, op: string, after: string): string =>
  `{"before":null,"after":${after},"source":{"ts_ms":1,"table":"${table}"},"op":"${op}"}`;

const VALUES: readonly string[] = [
  'not JSON at all',
  '{"before":null,"after":{"id":',
  '[]',
  row('orders', 'x', '{"id":-900}'),
  row('orders', 'c', 'null'),
  row('orders', 'c', '{"id":-900,"user_id":1,"total_amount":"1.2.3"}'),
  row('orders', 'c', '{"id":-900,"user_id":1,"total_amount":"1.00"}'),
  row('order_items', 'c', '{"id":-900,"order_id":-900,"product_id":"x","quantity":1}'),
  '{"hello":"world"}',
];

export class BadRecords {
  readonly #brokers: readonly string[];
  readonly #topic: string;
  /** For each partition, its end offset at each send. Failed sends count too, because the record may have been written. */
  readonly #sent = new Map<number, bigint[]>();
  #count = 0;

  constructor(brokers: readonly string[], topic: string) {
    this.#brokers = brokers;
    this.#topic = topic;
  }

  /** Draws one to three records for one partition. */
  draw(random: Random): {partition: number; values: string[]} {
    const values = Array.from({length: random.int(1, 3)}, () => random.pick(VALUES));
    return {partition: random.int(0, PARTITIONS - 1), values};
  }

  /** Sends the records. Returns false if the partition has enough recent bad records or the send failed. */
  async send({partition, values}: {partition: number; values: readonly string[]}): Promise<boolean> {
    const kafka = new Kafka({
      clientId: 'chaos',
      brokers: [...this.#brokers],
      logLevel: logLevel.NOTHING,
      // A retry could write a record twice, and the limit counts it twice.
      retry: {retries: 0},
    });
    const admin = kafka.admin();
    const producer = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: {retries: 0},
    });
    try {
      await admin.connect();
      const ends = await admin.fetchTopicOffsets(this.#topic);
      const end = BigInt(ends.find((found) => found.partition === partition)?.high ?? '0');
      const recent = (this.#sent.get(partition) ?? []).filter(
        (offset) => offset > end - BigInt(WINDOW_OFFSETS),
      );
      if (recent.length + values.length > IN_WINDOW_MAX) return false;
      this.#sent.set(partition, [...recent, ...values.map(() => end)]);
      await producer.connect();
      await producer.send({
        topic: this.#topic,
        messages: values.map((value) => ({key: `${BAD_KEY_PREFIX}${++this.#count}`, value, partition})),
      });
      return true;
    } catch {
      return false;
    } finally {
      await producer.disconnect().catch(() => undefined);
      await admin.disconnect().catch(() => undefined);
    }
  }
}
