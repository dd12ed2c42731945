/** Kafka beside the worker: topics made by hand, records written and read by hand. */
import kafkajs, {type Admin, type Consumer, type IHeaders, type Kafka, type Message} from 'kafkajs';
import {testStack} from './stack.js';
import {until} from './until.js';

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

/** By default on the stack's broker, here and below. */
export function kafka(brokers: readonly string[] = testStack().env.kafka.brokers): Kafka {
  return new KafkaClient({
    clientId: 'tests',
    brokers: [...brokers],
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

/** Runs `work` with an administrator's connection. */
export async function withAdmin<T>(
  work: (admin: Admin) => Promise<T>,
  brokers?: readonly string[],
): Promise<T> {
  const admin = kafka(brokers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export interface TopicOptions {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
  readonly brokers?: readonly string[];
}

export async function createTopic(
  topic: string,
  {partitions = 1, config = {}, brokers}: TopicOptions = {},
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
    brokers,
  );
}

/** The offset after the last record, by partition. Waits while a partition has no leader, as it may have for a moment under load. */
export async function endOffsets(topic: string, brokers?: readonly string[]): Promise<Map<number, bigint>> {
  let reason = '';
  const offsets = await until(
    async () => {
      try {
        return await withAdmin(async (admin) => await admin.fetchTopicOffsets(topic), brokers);
      } catch (error) {
        if ((error as {retriable?: boolean}).retriable !== true) throw error;
        reason = String(error);
        return undefined;
      }
    },
    () => `the end of ${topic}: ${reason}`,
  );
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

/** Reads a topic from its beginning, on and on. */
export class TopicReader {
  readonly records: TopicRecord[] = [];
  readonly #topic: string;
  readonly #consumer: Consumer;
  readonly #next = new Map<number, bigint>();
  #failure: Error | undefined;

  private constructor(topic: string) {
    this.#topic = topic;
    // A short wait: a consumer that disconnects sits out the fetch in flight.
    this.#consumer = kafka().consumer({
      groupId: `reader-${process.pid}-${process.hrtime.bigint()}`,
      // After a restart the coordinator answers that it is loading, for longer than the client tries by itself.
      retry: {retries: 30, initialRetryTime: 100, maxRetryTime: 1_000},
      maxWaitTimeInMs: 50,
    });
  }

  static async open(topic: string): Promise<TopicReader> {
    const reader = new TopicReader(topic);
    try {
      await reader.#start();
    } catch (error) {
      await reader.close();
      throw error;
    }
    return reader;
  }

  /** Resolves when everything that the topic holds now is among the records. */
  async caughtUp(): Promise<readonly TopicRecord[]> {
    const ends = await endOffsets(this.#topic);
    const isPresent = (): boolean => {
      if (this.#failure !== undefined) throw this.#failure;
      return [...ends].every(([partition, end]) => end <= (this.#next.get(partition) ?? 0n));
    };
    // At the end of a test run the topic is long, and the machine may be slow: as long as records come, they are waited for.
    for (let before = -1; !isPresent(); before = this.records.length) {
      await until(
        () => isPresent() || this.records.length > before,
        () => `the end of ${this.#topic}, ${this.records.length} records so far`,
      );
    }
    return this.records;
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect();
  }

  async #start(): Promise<void> {
    const consumer = this.#consumer;
    // Joining tries once, whatever `retry` says: the client then crashes, and starts again by itself.
    consumer.on(consumer.events.CRASH, ({payload}) => {
      if (!payload.restart) this.#failure = payload.error;
    });
    await consumer.connect();
    await consumer.subscribe({topic: this.#topic, fromBeginning: true});
    await consumer.run({
      autoCommit: false,
      // By batches: one message at a time would take half a minute for the topic at the end of a test run.
      eachBatch: async ({batch: {partition, messages}}) => {
        for (const {offset, key, value, headers = {}} of messages) {
          // The fetch buffer is shared: keep copies.
          this.records.push({
            partition,
            offset,
            key: key === null ? null : Buffer.from(key),
            value: value === null ? null : Buffer.from(value),
            headers,
          });
        }
        const last = messages.at(-1);
        if (last !== undefined) this.#next.set(partition, BigInt(last.offset) + 1n);
        await Promise.resolve();
      },
    });
  }
}

/** Everything that the topic holds now, in offset order within each partition. */
export async function readTopic(topic: string): Promise<readonly TopicRecord[]> {
  const reader = await TopicReader.open(topic);
  try {
    return await reader.caughtUp();
  } finally {
    await reader.close();
  }
}
