/** KafkaLog replaces a Kafka client that stays silent without ending, which happens with kafkajs. */
import {randomUUID} from 'node:crypto';
import type {Consumer, RetryOptions} from 'kafkajs';
import {createKafka, type KafkaLogSink} from '../../src/clients/kafka/admin.js';
import {ConsumerLife} from '../../src/clients/kafka/consumerLife.js';
import {KafkaLog} from '../../src/clients/kafka/topicLog.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {freePorts} from '../../stack/ports.js';
import {createTopic, produce, withAdmin} from '../support/kafka.js';
import {kafkaLogSettings} from '../support/logUnderTest.js';
import {until} from '../support/until.js';

type Replacement = (consumer: Consumer) => Partial<Consumer>;

/** A KafkaLog whose first client has other methods. */
class FirstReplaced extends KafkaLog {
  clients = 0;
  readonly #replacement: Replacement;

  constructor(topic: string, notify: KafkaLogSink, replacement: Replacement) {
    const settings = {...kafkaLogSettings(topic), rebalanceTimeoutMs: 1_000, requestTimeoutMs: 1_000};
    super(settings, notify, systemClock);
    this.#replacement = replacement;
  }

  protected override newConsumer(retry: RetryOptions): Consumer {
    const consumer = super.newConsumer(retry);
    return ++this.clients > 1 ? consumer : {...consumer, ...this.#replacement(consumer)};
  }
}

interface Begun {
  readonly log: FirstReplaced;
  readonly topic: string;
  /** Resolves when the start of the first client has ended. */
  readonly started: Promise<void>;
  readonly notified: readonly string[];
  readonly states: readonly string[];
}

/** Reads a topic with one record. Resolves when the second client has read it. */
async function begin(replacement: Replacement): Promise<Begun> {
  const topic = `silent-client-${randomUUID()}`;
  await createTopic(topic);
  await produce(topic, [{key: '1', value: 'one'}]);
  const notified: string[] = [];
  const log = new FirstReplaced(topic, ({message}) => notified.push(message), replacement);
  const records: LogRecord[] = [];
  const states: string[] = [];
  const started = log.start({
    assigned: (partitions) => partitions.forEach((partition) => log.readFrom(partition, 0n)),
    batch: (batch) => Promise.resolve(void records.push(...batch.records)),
    recheck: () => undefined,
    unreadable: () => undefined,
    connection: (state, reason) => states.push(`${state}: ${reason}`),
    failed: (error) => states.push(`failed: ${error.message}`),
  });
  await until(
    () => records.length === 1,
    () => `the record, connection states: ${states.join()}`,
  );
  return {log, topic, started, notified, states};
}

async function membersOf(topic: string): Promise<number> {
  const {groupId} = kafkaLogSettings(topic);
  const {groups} = await withAdmin(async (admin) => await admin.describeGroups([groupId]));
  return groups[0]?.members.length ?? 0;
}

const nothing = (): Promise<void> => Promise.resolve();
const never = (): Promise<void> => new Promise(() => undefined);

test('a Kafka client that stays silent is replaced, and the new client reads the records (F46)', async () => {
  const {log, notified, states} = await begin(() => ({
    connect: nothing,
    subscribe: nothing,
    run: nothing,
    disconnect: never,
  }));
  await log.stop();
  expect(log.clients).toBe(2);
  expect(notified.filter((line) => line.startsWith('no response from Kafka'))).toHaveLength(1);
  expect(states).toEqual([
    expect.stringMatching(/^down: no response from Kafka for \d+ ms/),
    'up: joined the group',
  ]);
});

test.each([['connects'], ['joins its group']] as const)(
  'a Kafka client that is replaced while it %s is no member of the group afterwards (F46)',
  async (when) => {
    const kafka = {responds: false};
    const response = async (): Promise<boolean> =>
      await until(
        () => kafka.responds,
        () => 'a response of Kafka',
      );
    const {log, topic, started} = await begin((consumer) => ({
      connect: async () => {
        if (when === 'connects') await response();
        await consumer.connect();
      },
      run: async (config) => {
        await response();
        await consumer.run(config);
      },
    }));
    try {
      expect(log.clients).toBe(2);
      // Kafka responds to the first client again.
      kafka.responds = true;
      await started;
      await until(
        async () => (await membersOf(topic)) === 1,
        () => 'a group of one member',
      );
    } finally {
      await log.stop();
    }
  },
);

test('a Kafka client that is replaced while Kafka is down does not try again', async () => {
  const [port] = await freePorts(1);
  const attempts: string[] = [];
  const settings = {...kafkaLogSettings('any'), brokers: [`127.0.0.1:${port}`]};
  const life = new ConsumerLife((retry) =>
    createKafka(settings, ({message}) => attempts.push(message), retry).consumer({groupId: 'any', retry}),
  );
  const started = life.start('any', {});
  await until(
    () => attempts.length > 2,
    () => 'two attempts to connect',
  );
  await life.close();
  await expect(started).resolves.toBeUndefined();
});
