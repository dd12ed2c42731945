/**
 * Records that nobody can apply, written into the topic now and then. They name orders that do not exist, so nothing is
 * missing in Redis when they are set aside; and they stay far below the limit at which a worker halts.
 */
import kafkajs from 'kafkajs';
import type {Random} from '../random.js';
import {PARTITIONS} from './markers.js';

const {Kafka, logLevel, Partitioners} = kafkajs;

/** By this key the fold of the log knows them. */
export const BAD_KEY_PREFIX = 'chaos-';
/** The worker's limit is 10 within 1,000 offsets. */
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
  /** By partition: the end of the log when a record was sent; also of records that perhaps did not get there. */
  readonly #sent = new Map<number, bigint[]>();
  #count = 0;

  constructor(brokers: readonly string[], topic: string) {
    this.#brokers = brokers;
    this.#topic = topic;
  }

  /** One to three records for one partition; returns what is to be sent. */
  draw(random: Random): {partition: number; values: string[]} {
    const values = Array.from({length: random.int(1, 3)}, () => random.pick(VALUES));
    return {partition: random.int(0, PARTITIONS - 1), values};
  }

  /** False when the partition has its share, or Kafka did not take them. */
  async send({partition, values}: {partition: number; values: readonly string[]}): Promise<boolean> {
    const kafka = new Kafka({
      clientId: 'chaos',
      brokers: [...this.#brokers],
      logLevel: logLevel.NOTHING,
      // A record sent twice would count twice.
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
