/**
 * Kafka: checks the brokers, the topic, the consumer group and the last records.
 *
 * Pure: no clock, no I/O.
 */
import type {BrokerFacts, GroupFacts, TopicFacts} from '../../clients/kafka/probe.js';
import type {PlacedRecord} from '../../clients/kafka/records.js';
import {decodeRecord} from '../../decode/decode.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {printable} from '../../runtime/escapeControl.js';
import type {KafkaAnswers} from './askKafka.js';
import {again, fail, judged, ok, warn, type Check} from './check.js';
import {counted} from '../../runtime/counted.js';

/** Kafka 2.1 introduced this version of the Fetch API. The projector has not been tested with older brokers. */
const FETCH_VERSION_MIN = 10;

export interface KafkaExpectations {
  readonly topic: string;
  readonly groupId: string;
  readonly schema: SourceSchema;
}

export function kafkaChecks(answers: KafkaAnswers, {topic, groupId, schema}: KafkaExpectations): Check[] {
  return [
    judged('kafka', answers.brokers, judgeBrokers),
    judged('topic', answers.topic, (facts) => judgeTopic(topic, facts)),
    judged('retention', answers.settings, (settings) => judgeRetention(topic, settings)),
    judged('cleanup-policy', again(answers.settings), (settings) => judgeCleanup(topic, settings)),
    judged('group', answers.group, (facts) => judgeGroup(groupId, facts)),
    judged('records', answers.records, (records) => judgeRecords(records, schema)),
  ];
}

export function judgeBrokers({brokers, fetchVersion}: BrokerFacts): Check {
  const detail = `${counted(brokers, 'broker')}, Fetch up to version ${fetchVersion}`;
  if (fetchVersion >= FETCH_VERSION_MIN) return ok('kafka', detail);
  return fail('kafka', `${detail}: Kafka is older than 2.1`, {fix: 'Use Kafka 2.1 or later.'});
}

export function judgeTopic(name: string, {partitions, replicas, leaderless, behind}: TopicFacts): Check {
  const detail = `${name} has ${counted(partitions, 'partition')}, ${counted(replicas, 'replica')}`;
  if (leaderless.length > 0) {
    return fail('topic', `${detail}; partitions without a leader: ${leaderless.join(', ')}`, {
      fix: 'Start the brokers that hold these partitions.',
      exitCode: EXIT.unreachable,
    });
  }
  if (behind.length > 0) {
    const fix =
      'Repair the broker of these replicas. Until they are in sync, one more failure may lose records.';
    return warn('topic', `${detail}; partitions with replicas out of sync: ${behind.join(', ')}`, fix);
  }
  return ok('topic', detail);
}

/** S1: the topic keeps every record. */
export function judgeRetention(topic: string, settings: ReadonlyMap<string, string>): Check {
  const limits = ['retention.ms', 'retention.bytes'].filter((name) => (settings.get(name) ?? '-1') !== '-1');
  if (limits.length === 0) return ok('retention', `${topic} keeps every record`);
  const found = limits.map((name) => `${name}=${settings.get(name) ?? ''}`).join(', ');
  return fail(
    'retention',
    `${topic} has ${found}: Kafka deletes old records, and Redis cannot be rebuilt from the topic`,
    {
      fix: `Set ${limits.map((name) => `${name}=-1`).join(' and ')} on the topic before records are deleted.`,
    },
  );
}

export function judgeCleanup(topic: string, settings: ReadonlyMap<string, string>): Check {
  const policy = settings.get('cleanup.policy') ?? 'delete';
  if (!policy.includes('compact')) return ok('cleanup-policy', `${topic} has cleanup.policy=${policy}`);
  return fail(
    'cleanup-policy',
    `${topic} has cleanup.policy=${policy}: all records of an order have the same key, so compaction would delete records that the worker needs`,
    {
      fix: 'Create a new topic with cleanup.policy=delete (connectors/README.md), and take a new snapshot.',
      exitCode: EXIT.usage,
    },
  );
}

export function judgeGroup(groupId: string, {state, protocolType, members}: GroupFacts): Check {
  if (protocolType !== '' && protocolType !== 'consumer') {
    return fail('group', `${groupId} is a group of protocol type ${protocolType}, not consumer`, {
      fix: 'Set KAFKA_GROUP_ID to a name that no other application uses.',
    });
  }
  if (members === 0) {
    const found = state === 'Dead' ? 'the group does not exist' : `the group is ${state}`;
    return warn('group', `no worker runs in ${groupId}: ${found}`, 'Start one with `projector run`.');
  }
  const detail = `${groupId} is ${state}, ${counted(members, 'worker')}`;
  if (state === 'Stable') return ok('group', detail);
  return warn(
    'group',
    detail,
    'A rebalance takes a few seconds. If the state does not change, look at the logs of the workers.',
  );
}

/**
 * Decodes the last records as a worker does. This finds a wrong converter, a wrong form of the events, and wrong decimals.
 * The result never contains a value of a row (I11).
 */
const TABLES_SHOWN_MAX = 5;

export function judgeRecords(records: readonly PlacedRecord[], schema: SourceSchema): Check {
  if (records.length === 0) {
    return warn(
      'records',
      'the topic holds no records',
      'Start the connector with `projector connector apply`.',
    );
  }
  const others = records.flatMap((record) => {
    const decoded = decodeRecord(record, schema);
    return decoded.kind === 'ignored' && decoded.table !== undefined ? [decoded.table] : [];
  });
  if (others.length > 0) {
    const tables = [...new Set(others)].slice(0, TABLES_SHOWN_MAX).map(printable).join(', ');
    return fail(
      'records',
      `the worker ignores ${others.length} of the last ${counted(records.length, 'record')}: rows of other tables (${tables})`,
      {
        fix: 'Correct SOURCE_DATABASE, ORDERS_TABLE and ORDER_ITEMS_TABLE. If they are right, remove the other tables from table.include.list of the connector.',
      },
    );
  }
  const rejected = records.flatMap((record) => {
    const decoded = decodeRecord(record, schema);
    return decoded.kind === 'rejected' ? [{...record, ...decoded.rejection}] : [];
  });
  const [first] = rejected;
  if (first === undefined)
    return ok('records', `the last ${counted(records.length, 'record')} can be decoded`);
  const {partition, offset, reason} = first;
  return fail(
    'records',
    `${rejected.length} of the last ${counted(records.length, 'record')} cannot be decoded, for example offset ${offset} of partition ${partition}: ${reason}`,
    {
      fix: 'Correct the connector (connectors/README.md) or the setting that the reason names. See `projector dlq list`.',
    },
  );
}
