/** Direct access to Kafka for tests: it creates topics, and writes and reads records without the worker. */
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

/** A client. Here and below, the default broker is that of the stack. */
export function kafka(brokers: readonly string[] = testStack().env.kafka.brokers): Kafka {
  return new KafkaClient({
    clientId: 'tests',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
  });
}

/** The partition that Kafka's default partitioner chooses for this key. */
export function partitionOf(key: string | Buffer, partitions: number): number {
  const partitionMetadata = Array.from({length: partitions}, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  return Partitioners.DefaultPartitioner()({topic: 'any', partitionMetadata, message: {key, value: null}});
}

/** Runs `work` with an admin client. */
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

/**
 * Creates a topic and waits until each partition has a leader. kafkajs can wait too, but it gives up if the
 * broker does not know the topic yet, which happens when a topic of this name was deleted just before.
 */
export async function createTopic(
  topic: string,
  {partitions = 1, config = {}, brokers}: TopicOptions = {},
): Promise<void> {
  const configEntries = Object.entries({'cleanup.policy': 'delete', 'retention.ms': '-1', ...config});
  await withAdmin(
    async (admin) =>
      await admin.createTopics({
        waitForLeaders: false,
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
  await endOffsets(topic, brokers);
}

/** The end offset of each partition. Retries while a partition has no leader, which can happen briefly under load. */
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
    () => `the end offsets of ${topic}. The last error: ${reason}`,
  );
  return new Map(offsets.map(({partition, high}) => [partition, BigInt(high)]));
}

/** Writes records. Within each partition the order is kept. */
export async function produce(topic: string, records: readonly NewRecord[]): Promise<void> {
  // A slow broker can answer too late, and kafkajs sends the records again. Idempotent, it appends them once.
  const producer = kafka().producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    await producer.send({topic, messages: records.map((record): Message => ({...record}))});
  } finally {
    await producer.disconnect();
  }
}

/** Reads a topic continuously from its beginning. */
export class TopicReader {
  readonly records: TopicRecord[] = [];
  readonly #topic: string;
  readonly #consumer: Consumer;
  readonly #next = new Map<number, bigint>();
  #failure: Error | undefined;

  private constructor(topic: string) {
    this.#topic = topic;
    // maxWaitTimeInMs is short, because a disconnecting consumer waits for the fetch in flight.
    this.#consumer = kafka().consumer({
      groupId: `reader-${process.pid}-${process.hrtime.bigint()}`,
      // After a restart the coordinator is loading for longer than the default number of retries lasts.
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

  /** Resolves when all records that the topic contains now have been read. */
  async caughtUp(): Promise<readonly TopicRecord[]> {
    const ends = await endOffsets(this.#topic);
    const isPresent = (): boolean => {
      if (this.#failure !== undefined) throw this.#failure;
      return [...ends].every(([partition, end]) => end <= (this.#next.get(partition) ?? 0n));
    };
    // A long topic on a slow machine takes time, so the timeout applies to the next record and not to the whole topic.
    for (let before = -1; !isPresent(); before = this.records.length) {
      await until(
        () => isPresent() || this.records.length > before,
        () => `the end of ${this.#topic} (${this.records.length} records read)`,
      );
    }
    return this.records;
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect();
  }

  async #start(): Promise<void> {
    const consumer = this.#consumer;
    // kafkajs ignores `retry` when it joins the group. It then emits CRASH and restarts by itself.
    consumer.on(consumer.events.CRASH, ({payload}) => {
      if (!payload.restart) this.#failure = payload.error;
    });
    await consumer.connect();
    await consumer.subscribe({topic: this.#topic, fromBeginning: true});
    await consumer.run({
      autoCommit: false,
      // eachBatch is used, because eachMessage would take half a minute for a long topic.
      eachBatch: async ({batch: {partition, messages}}) => {
        for (const {offset, key, value, headers = {}} of messages) {
          // Keys and values are slices of a shared fetch buffer, so they are copied.
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

/** All records that the topic contains now. Within each partition they are in offset order. */
export async function readTopic(topic: string): Promise<readonly TopicRecord[]> {
  const reader = await TopicReader.open(topic);
  try {
    return await reader.caughtUp();
  } finally {
    await reader.close();
  }
}
