/** KafkaLog replaces a Kafka client that stays silent without ending, which happens with kafkajs. */
import {randomUUID} from 'node:crypto';
import type {Consumer, RetryOptions} from 'kafkajs';
import {KafkaLog} from '../../src/clients/kafka/topicLog.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {createTopic, produce} from '../support/kafka.js';
import {kafkaLogSettings} from '../support/logUnderTest.js';
import {until} from '../support/until.js';

/** A KafkaLog whose first client delivers nothing and never finishes disconnecting. */
class FirstMute extends KafkaLog {
  clients = 0;

  protected override newConsumer(retry: RetryOptions): Consumer {
    const consumer = super.newConsumer(retry);
    if (++this.clients > 1) return consumer;
    const nothing = (): Promise<void> => Promise.resolve();
    const never = (): Promise<void> => new Promise(() => undefined);
    return {...consumer, connect: nothing, subscribe: nothing, run: nothing, disconnect: never};
  }
}

test('a Kafka client that stays silent is replaced, and the new client reads the records (F46)', async () => {
  const topic = `silent-client-${randomUUID()}`;
  await createTopic(topic);
  await produce(topic, [{key: '1', value: 'one'}]);
  const settings = {...kafkaLogSettings(topic), rebalanceTimeoutMs: 1_000, requestTimeoutMs: 1_000};
  const notified: string[] = [];
  const log = new FirstMute(settings, ({message}) => notified.push(message), systemClock);
  const records: LogRecord[] = [];
  const states: string[] = [];
  try {
    await log.start({
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
  } finally {
    await log.stop();
  }
  expect(log.clients).toBe(2);
  expect(notified.filter((line) => line.startsWith('no response from Kafka'))).toHaveLength(1);
  expect(states).toEqual([
    expect.stringMatching(/^down: no response from Kafka for \d+ ms/),
    'up: joined the group',
  ]);
});
