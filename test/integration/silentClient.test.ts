/** A Kafka client that neither says anything nor ends, as kafkajs can: another one takes its place. */
import {randomUUID} from 'node:crypto';
import type {Consumer, RetryOptions} from 'kafkajs';
import {KafkaLog} from '../../src/clients/kafka/topicLog.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {createTopic, produce} from '../support/kafka.js';
import {kafkaLogSettings} from '../support/logUnderTest.js';
import {until} from '../support/until.js';

/** Its first client is mute, and takes for ever to say goodbye. */
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

test('a client of which nothing is heard is replaced, and what was written is read (F46)', async () => {
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
      connection: (state, reason) => states.push(`${state}: ${reason}`),
      failed: (error) => states.push(`failed: ${error.message}`),
    });
    await until(
      () => records.length === 1,
      () => `the record: ${states.join()}`,
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
