/**
 * Lets a kafkajs client read a topic of which some partitions have no leader, for example because the only broker with their replica is
 * down. kafkajs 2.2.4 rejects the metadata of a whole topic because of one such partition, and requests it again without a limit. Until
 * that partition has a leader, no partition is read.
 *
 * With this change, kafkajs fetches the other partitions. It requests the metadata every second, so that it notices the new leader soon.
 */
import type {Kafka} from 'kafkajs';
import {onEachCluster, replaceCalls, type Cluster, type MakeCall, type Metadata} from '../cluster.js';

const METADATA_API = 3;
const NO_LEADER = -1;
const REFRESH_MS = 1_000;
/**
 * The offset of a partition without a leader, for which kafkajs asks if the group has committed none. It has no effect: the partition is
 * paused until `readFrom` sets its offset (eventLog.ts).
 */
const ANY_OFFSET = '0';

/** Changes every client that `kafka` creates after the call. Returns `kafka`. */
export function acceptLeaderless(kafka: Kafka): Kafka {
  onEachCluster(kafka, (cluster) => {
    replaceCalls(cluster, METADATA_API, withoutPartitionErrors);
    refreshSoon(cluster);
    const fetchTopicsOffset = cluster.fetchTopicsOffset.bind(cluster);
    cluster.fetchTopicsOffset = async (topics) => {
      const led = topics.map((question) => ({
        ...question,
        partitions: question.partitions.filter(({partition}) =>
          hasLeader(cluster, question.topic, partition),
        ),
      }));
      const answers = new Map(
        (await fetchTopicsOffset(led)).map(({topic, partitions}) => [topic, partitions]),
      );
      return topics.map(({topic, partitions}) => ({
        topic,
        partitions: partitions.map(
          ({partition}) =>
            answers.get(topic)?.find((answer) => answer.partition === partition) ?? {
              partition,
              offset: ANY_OFFSET,
            },
        ),
      }));
    };
  });
  return kafka;
}

/** Whether the partition has a leader, by the metadata that the client has. */
function hasLeader(cluster: Cluster, topic: string, partition: number): boolean {
  return cluster
    .findTopicPartitionMetadata(topic)
    .some(({partitionId, leader}) => partitionId === partition && leader >= 0);
}

function withoutPartitionErrors(make: MakeCall): MakeCall {
  return (args) => {
    const call = make(args);
    const {response} = call;
    const parse = async (answer: unknown): Promise<unknown> =>
      await response.parse(accepted(answer as Metadata));
    return {...call, response: {...response, parse}};
  };
}

/** The metadata without errors of single partitions. Such a partition has no leader, whatever the error is. */
function accepted(metadata: Metadata): Metadata {
  const topicMetadata = metadata.topicMetadata.map((topic) => ({
    ...topic,
    partitionMetadata: topic.partitionMetadata.map((partition) =>
      partition.partitionErrorCode === 0
        ? partition
        : {...partition, partitionErrorCode: 0, leader: NO_LEADER},
    ),
  }));
  return {...metadata, topicMetadata};
}

function refreshSoon({brokerPool}: Cluster): void {
  const refresh = brokerPool.refreshMetadata.bind(brokerPool);
  brokerPool.refreshMetadata = async (topics) => {
    await refresh(topics);
    const {metadata, metadataExpireAt, metadataMaxAge} = brokerPool;
    const partitions = metadata?.topicMetadata.flatMap((topic) => topic.partitionMetadata) ?? [];
    if (metadataExpireAt !== null && partitions.some(({leader}) => leader < 0))
      brokerPool.metadataExpireAt = metadataExpireAt - metadataMaxAge + REFRESH_MS;
  };
}
