/** Fills a topic with row events, in the form and with the compression that the connectors use. */
import kafkajs, {type Admin, type Kafka, type Message} from 'kafkajs';
import {partitionOfKey} from '../src/decode/partitioner.js';
import {until} from '../stack/until.js';
import {debeziumValue, type Form} from './debezium.js';
import {rowEvents, type RowEvent, type ShopPlan} from './shop.js';

export const PARTITIONS = 6;
const SENT_AT_ONCE = 4_000;
const SERVER_UUID = 'b0795af4-e74b-11f1-b5ec-02fc00000001';
const FIRST_US = 1_795_444_808_186_281;

export interface FilledTopic {
  readonly name: string;
  readonly form: Form;
  readonly plan: ShopPlan;
}

export function kafkaOf(brokers: readonly string[]): Kafka {
  return new kafkajs.Kafka({clientId: 'bench', brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING});
}

/** The partition into which Kafka Connect puts the event. The worker quarantines a record in another one. */
export function partitionOf({orderId}: RowEvent): number {
  return partitionOfKey(Buffer.from(String(orderId)), PARTITIONS);
}

/** Returns the topic of this plan, and fills it if it does not exist. */
export async function fillTopic(
  brokers: readonly string[],
  form: Form,
  plan: ShopPlan,
): Promise<FilledTopic> {
  const {events, products, users, seed} = plan;
  // Kept servers may hold topics of the first layout, whose records are in other partitions.
  const name = `bench-2-${form}-${events}-${products}-${users}-${seed}`;
  const kafka = kafkaOf(brokers);
  const admin = kafka.admin();
  await admin.connect();
  try {
    if (await isWhole(admin, name, events)) return {name, form, plan};
    await admin.deleteTopics({topics: [name]}).catch(() => undefined);
    await createTopic(admin, name);
    await produceAll(kafka, name, {form, plan});
    return {name, form, plan};
  } finally {
    await admin.disconnect();
  }
}

/** Kafka deletes topics asynchronously, so the creation is retried while the old topic still exists. */
export async function createTopic(admin: Admin, topic: string): Promise<void> {
  const configEntries = [{name: 'retention.ms', value: '-1'}];
  const isCreated = async (): Promise<boolean> =>
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{topic, numPartitions: PARTITIONS, replicationFactor: 1, configEntries}],
    });
  await until(isCreated, () => `the deletion of the old topic ${topic}`);
}

async function isWhole(admin: Admin, topic: string, events: number): Promise<boolean> {
  try {
    const ends = await admin.fetchTopicOffsets(topic);
    return ends.reduce((sum, {high}) => sum + Number(high), 0) === events;
  } catch {
    return false;
  }
}

async function produceAll(
  kafka: Kafka,
  topic: string,
  {form, plan}: {form: Form; plan: ShopPlan},
): Promise<void> {
  const producer = kafka.producer({allowAutoTopicCreation: false});
  await producer.connect();
  try {
    let messages: Message[] = [];
    let sent: Promise<unknown> = Promise.resolve();
    // The next messages are made while the last ones are compressed and sent. Only one send is in flight, so the order stays.
    const flush = async (): Promise<void> => {
      await sent;
      sent = producer.send({topic, messages, compression: kafkajs.CompressionTypes.GZIP});
      // The next flush awaits it and reports its failure.
      sent.catch(() => undefined);
      messages = [];
    };
    let number = 0;
    for (const event of rowEvents(plan)) {
      messages.push(messageOf(form, event, number++));
      if (messages.length === SENT_AT_ONCE) await flush();
    }
    if (messages.length > 0) await flush();
    await sent;
  } finally {
    await producer.disconnect();
  }
}

/** The Kafka message of the event with this number. */
export function messageOf(form: Form, event: RowEvent, number: number): Message {
  const sourceUs = FIRST_US + number * 97;
  const value = debeziumValue(form, event, {
    serverUuid: SERVER_UUID,
    transaction: number + 1,
    file: 'binlog.000002',
    pos: 8_791 + number * 311,
    row: 0,
    thread: 8,
    sourceUs,
    seenNs: BigInt(sourceUs) * 1_000n + 5_532_702n,
  });
  return {key: String(event.orderId), value, partition: partitionOf(event)};
}

/** For each partition, how many of the first `events` events it contains. */
export function endsAfter(plan: ShopPlan): number[] {
  const ends = new Array<number>(PARTITIONS).fill(0);
  for (const event of rowEvents(plan)) ends[partitionOf(event)]!++;
  return ends;
}
