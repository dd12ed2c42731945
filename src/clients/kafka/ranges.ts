/**
 * Reads the ranges of a topic. A partition that cannot be asked does not hide the ranges of the others.
 *
 * Source: https://kafka.apache.org/protocol#The_Messages_ListOffsets
 */
import {messageOf, ProjectorError} from '../../runtime/errors.js';
import type {Broker, Cluster} from './cluster.js';
import type {LogRange, Unavailable} from './eventLog.js';

/** Timestamps with a special meaning in a ListOffsets request. */
const LATEST = -1;
const EARLIEST = -2;

/** Errors of single partitions: their leader is moving, or cannot read its disk. */
const PARTITION_ERRORS =
  /LEADER_NOT_AVAILABLE|NOT_LEADER|REPLICA_NOT_AVAILABLE|LEADER_EPOCH|OFFSET_NOT_AVAILABLE|KAFKA_STORAGE_ERROR/;

type Offset = bigint | Unavailable;

const NO_ANSWER: Unavailable = {reason: 'the broker did not return its offsets'};

/**
 * The range of every partition, from fresh metadata. The end of a range is before the first open transaction, because kafkajs asks as a
 * reader of committed records. Rejects with an error of kafkajs if no broker responds. `cluster` is one that leaderless.ts has changed.
 */
export async function readRanges(
  cluster: Cluster,
  topic: string,
): Promise<ReadonlyMap<number, LogRange | Unavailable>> {
  await cluster.addTargetTopic(topic);
  await cluster.refreshMetadata();
  const partitions = cluster.findTopicPartitionMetadata(topic).map(({partitionId}) => partitionId);
  const ends = await readOffsets(cluster, {topic, partitions, timestamp: LATEST});
  const starts = await readOffsets(cluster, {topic, partitions, timestamp: EARLIEST});
  return new Map(
    partitions.map((partition) => [partition, rangeOf(starts.get(partition), ends.get(partition))]),
  );
}

function rangeOf(low: Offset = NO_ANSWER, high: Offset = NO_ANSWER): LogRange | Unavailable {
  if (typeof high !== 'bigint') return high;
  return typeof low === 'bigint' ? {low, high} : low;
}

/** The ranges, if every partition has one. Throws `kafka-unreachable` and names the first partition without one. */
export function requireAll(
  ranges: ReadonlyMap<number, LogRange | Unavailable>,
  where: string,
): ReadonlyMap<number, LogRange> {
  return new Map(
    [...ranges].map(([partition, range]) => {
      if (!('reason' in range)) return [partition, range];
      throw new ProjectorError('kafka-unreachable', `partition ${partition} of ${where}: ${range.reason}`);
    }),
  );
}

interface Question {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly timestamp: number;
}

async function readOffsets(cluster: Cluster, question: Question): Promise<Map<number, Offset>> {
  const offsets = new Map<number, Offset>();
  const failures: unknown[] = [];
  let answers = 0;
  const leaders = Object.entries(cluster.findLeaderForPartitions(question.topic, question.partitions));
  const parts = leaders.map(async ([nodeId, partitions]) => {
    try {
      if (Number(nodeId) < 0) throw new Error('the partition has no leader');
      const broker = await cluster.findBroker({nodeId});
      const found = await askBroker(broker, {...question, partitions});
      for (const [partition, offset] of found) offsets.set(partition, offset);
      answers++;
    } catch (error) {
      failures.push(error);
      for (const partition of partitions) offsets.set(partition, {reason: messageOf(error)});
    }
  });
  await Promise.all(parts);
  if (answers === 0 && failures.length > 0) throw failures[0];
  return offsets;
}

/** kafkajs rejects a whole response because of one partition with an error. Then each partition is asked for separately. */
async function askBroker(broker: Broker, question: Question): Promise<Map<number, Offset>> {
  const {topic, partitions, timestamp} = question;
  const topics = [{topic, partitions: partitions.map((partition) => ({partition, timestamp}))}];
  try {
    const {responses} = await broker.listOffsets({topics});
    return new Map(
      responses
        .flatMap((response) => response.partitions)
        .map(({partition, offset}) => [partition, BigInt(offset)]),
    );
  } catch (error) {
    const [only, ...others] = partitions;
    if (only === undefined || !isOfPartition(error)) throw error;
    if (others.length === 0) return new Map([[only, {reason: messageOf(error)}]]);
    const answers = partitions.map(
      async (partition) => await askBroker(broker, {...question, partitions: [partition]}),
    );
    return new Map((await Promise.all(answers)).flatMap((found) => [...found]));
  }
}

function isOfPartition(error: unknown): boolean {
  return error instanceof Error && 'type' in error && PARTITION_ERRORS.test(String(error.type));
}
