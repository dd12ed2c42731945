/**
 * The cluster object of kafkajs, with the methods for which kafkajs 2.2.4 has no API: a fetch outside of a group, the API versions of a
 * broker, and the removal of another member from a group. kafkajs creates it under a private symbol. The version is pinned, and tests
 * check these methods with a real Kafka.
 */
import type {Kafka} from 'kafkajs';

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: {nodeId: string}): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(options: {groupId: string}): Promise<Broker>;
}

export interface Broker {
  readonly versions: Readonly<Record<number, {maxVersion: number} | undefined>>;
  fetch(request: object): Promise<{
    responses: {partitions: {partition: number; messages: FetchedMessage[]}[]}[];
  }>;
  leaveGroup(request: {groupId: string; memberId: string}): Promise<unknown>;
}

export interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
}

/** Creates a cluster object with connections of its own. */
export function clusterOf(kafka: Kafka): Cluster {
  const symbol = clusterSymbol(kafka);
  const inner = kafka as unknown as Record<symbol, ((options: object) => Cluster) | undefined>;
  const make = symbol === undefined ? undefined : inner[symbol];
  if (make === undefined) throw new Error('the installed version of kafkajs has other internals');
  return make({metadataMaxAge: 300_000, allowAutoTopicCreation: false});
}

/** The private symbol under which kafkajs stores the function that creates a cluster for its consumers. */
export function clusterSymbol(kafka: Kafka): symbol | undefined {
  return Object.getOwnPropertySymbols(kafka).find(({description = ''}) =>
    description.endsWith('Kafka:createCluster'),
  );
}
