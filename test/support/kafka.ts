/** Kafka beside the worker: topics made by hand, records written and read by hand. */
import kafkajs, {type Admin, type IHeaders, type Kafka, type Message} from 'kafkajs';
import {testStack} from './stack.js';

const {Kafka: KafkaClient, logLevel, Partitioners} = kafkajs;

export interface TopicRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
}

export interface NewRecord {
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly partition?: number;
}

export function kafka(): Kafka {
  return new KafkaClient({
    clientId: 'tests',
    brokers: testStack().env.kafka.brokers,
    logLevel: logLevel.NOTHING,
  });
}

/** The partition that Kafka's producers choose for this key. */
export function partitionOf(key: string, partitions: number): number {
  const partitionMetadata = Array.from({length: partitions}, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  return Partitioners.DefaultPartitioner()({topic: 'any', partitionMetadata, message: {key, value: null}});
}

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export async function createTopic(
  topic: string,
  {partitions = 1, config = {}}: {partitions?: number; config?: Readonly<Record<string, string>>} = {},
): Promise<void> {
  const configEntries = Object.entries({'cleanup.policy': 'delete', 'retention.ms': '-1', ...config});
  await withAdmin(
    async (admin) =>
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic,
            numPartitions: partitions,
            replicationFactor: 1,
            configEntries: configEntries.map(([name, value]) => ({name, value})),
          },
        ],
      }),
  );
}

/** The offset after the last record, by partition. */
export async function endOffsets(topic: string): Promise<Map<number, bigint>> {
  const offsets = await withAdmin(async (admin) => await admin.fetchTopicOffsets(topic));
  return new Map(offsets.map(({partition, high}) => [partition, BigInt(high)]));
}

/** Writes records, in this order within each partition. */
export async function produce(topic: string, records: readonly NewRecord[]): Promise<void> {
  const producer = kafka().producer({createPartitioner: Partitioners.DefaultPartitioner});
  await producer.connect();
  try {
    await producer.send({topic, messages: records.map((record): Message => ({...record}))});
  } finally {
    await producer.disconnect();
  }
}

/** Everything that the topic holds now, in offset order within each partition. */
export async function readTopic(topic: string): Promise<TopicRecord[]> {
  const missing = await endOffsets(topic);
  for (const [partition, end] of missing) if (end === 0n) missing.delete(partition);
  const records: TopicRecord[] = [];
  if (missing.size === 0) return records;
  const consumer = kafka().consumer({groupId: `reader-${process.pid}-${process.hrtime.bigint()}`});
  await consumer.connect();
  try {
    await consumer.subscribe({topic, fromBeginning: true});
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({payload}) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({partition, message: {offset, key, value, headers = {}}}) => {
            const end = missing.get(partition);
            if (end === undefined) {
              await Promise.resolve();
              return;
            }
            // The fetch buffer is shared: keep copies.
            records.push({
              partition,
              offset,
              key: key === null ? null : Buffer.from(key),
              value: value === null ? null : Buffer.from(value),
              headers,
            });
            if (BigInt(offset) + 1n >= end) missing.delete(partition);
            if (missing.size === 0) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}
