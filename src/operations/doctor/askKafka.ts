/** Asks Kafka for its brokers, the topic, the consumer group and the last records. */
import {KafkaProbe, type BrokerFacts, type GroupFacts, type TopicFacts} from '../../clients/kafka/probe.js';
import type {PlacedRecord} from '../../clients/kafka/records.js';
import {kafkaSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import type {Questions} from './asking.js';
import type {Answer} from './check.js';

export interface KafkaAnswers {
  readonly brokers: Answer<BrokerFacts>;
  readonly topic: Answer<TopicFacts>;
  readonly settings: Answer<ReadonlyMap<string, string>>;
  readonly group: Answer<GroupFacts>;
  readonly ranges: Answer<ReadonlyMap<number, LogRange>>;
  readonly records: Answer<readonly PlacedRecord[]>;
}

export const TOPIC_SETTINGS = ['cleanup.policy', 'retention.ms', 'retention.bytes'] as const;
const RECORDS = 5n;
const KAFKA = {what: 'Kafka', kind: 'kafka-unreachable'} as const;
const TOPIC = {what: 'the topic', kind: 'kafka-unreachable'} as const;

export async function askKafka(
  config: ConfigWith<'brokers'>,
  questions: Questions,
  limitMs: number,
): Promise<KafkaAnswers> {
  const {topic: name, groupId, connectionTimeoutMs, requestTimeoutMs} = config;
  const settings = {
    ...kafkaSettings(config),
    connectionTimeoutMs: Math.min(connectionTimeoutMs, limitMs),
    requestTimeoutMs: Math.min(requestTimeoutMs, limitMs),
  };
  const probe = new KafkaProbe(settings, name);
  try {
    const brokers = await questions.ask(KAFKA, async () => await probe.connect());
    const topic = await questions.after(brokers, KAFKA, async () => {
      const found = await probe.topic();
      if (found !== undefined) return found;
      const detail = `topic ${name} does not exist on ${config.brokers.join(',')}`;
      throw new ProjectorError('topic-missing', detail);
    });
    const onTopic = async <T>(question: () => Promise<T>): Promise<Answer<T>> =>
      await questions.after(topic, TOPIC, question);
    const ranges = onTopic(async () => await probe.ranges());
    const [topicSettings, group, found, records] = await Promise.all([
      onTopic(async () => await probe.settings(TOPIC_SETTINGS)),
      questions.after(brokers, KAFKA, async () => await probe.group(groupId)),
      ranges,
      ranges.then(
        async (range) =>
          await questions.after(range, TOPIC, async (value) => await probe.lastRecords(value, RECORDS)),
      ),
    ]);
    return {brokers, topic, settings: topicSettings, group, ranges: found, records};
  } finally {
    probe.close();
  }
}
