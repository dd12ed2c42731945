/**
 * The cluster object of kafkajs, with the methods for which kafkajs 2.2.4 has no API: a fetch outside of a group, the offsets of single
 * partitions, the API versions of a broker, and the removal of another member from a group. kafkajs creates it under a private symbol. The
 * version is pinned, and tests check these methods with a real Kafka.
 */
import type {Kafka} from 'kafkajs';

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  /** Partitions by the node id of their leader. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: {nodeId: string}): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(options: {groupId: string}): Promise<Broker>;
  fetchTopicsOffset(topics: readonly OffsetQuestion[]): Promise<OffsetAnswer[]>;
  readonly brokerPool: BrokerPool;
}

export interface BrokerPool {
  createBroker: (options: object) => Broker;
  refreshMetadata: (topics: readonly string[]) => Promise<void>;
  readonly metadata: Metadata | null;
  readonly metadataMaxAge: number;
  metadataExpireAt: number | null;
}

export interface Metadata {
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly partitionMetadata: readonly PartitionMetadata[];
  }[];
}

export interface PartitionMetadata {
  readonly partitionId: number;
  readonly partitionErrorCode: number;
  /** The node id of the broker that leads the partition. A negative number means that there is none. */
  readonly leader: number;
}

export interface OffsetQuestion {
  readonly topic: string;
  readonly partitions: readonly {readonly partition: number}[];
}

export interface OffsetAnswer {
  readonly topic: string;
  readonly partitions: readonly {readonly partition: number; readonly offset: string}[];
}

export interface Broker {
  readonly versions: Readonly<Record<number, {maxVersion: number} | undefined>>;
  connect: () => Promise<void>;
  /** Returns the function that creates the calls of one API. Each new connection replaces it. */
  lookupRequest: Lookup;
  fetch(request: object): Promise<{
    responses: {partitions: {partition: number; messages: FetchedMessage[]}[]}[];
  }>;
  listOffsets(request: {topics: readonly object[]}): Promise<{responses: readonly OffsetAnswer[]}>;
  leaveGroup(request: {groupId: string; memberId: string}): Promise<unknown>;
}

export type Lookup = (apiKey: number, definition: unknown) => MakeCall;
export type MakeCall = (args: object) => Call;

/** One request and the functions that read its response: `decode` reads the bytes, `parse` rejects the errors in them. */
export interface Call {
  readonly request: {readonly apiKey: number; readonly apiVersion: number};
  readonly response: {
    readonly decode: (answer: Buffer) => Promise<unknown>;
    readonly parse: (answer: unknown) => Promise<unknown>;
  };
}

export interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
}

type MakeCluster = (options: object) => Cluster;

/** Creates a cluster object with connections of its own. */
export function clusterOf(kafka: Kafka): Cluster {
  const make = makerOf(kafka);
  if (make === undefined) throw new Error('the installed version of kafkajs has other internals');
  return make({metadataMaxAge: 300_000, allowAutoTopicCreation: false});
}

/** Calls `change` with every cluster object that this client creates from now on. */
export function onEachCluster(kafka: Kafka, change: (cluster: Cluster) => void): void {
  const make = makerOf(kafka);
  const symbol = clusterSymbol(kafka);
  if (make === undefined || symbol === undefined) return;
  (kafka as unknown as Record<symbol, MakeCluster>)[symbol] = (options) => {
    const cluster = make(options);
    change(cluster);
    return cluster;
  };
}

/** Replaces the calls of one API on every broker of the cluster. */
export function replaceCalls(cluster: Cluster, apiKey: number, change: (make: MakeCall) => MakeCall): void {
  const {brokerPool} = cluster;
  const create = brokerPool.createBroker;
  brokerPool.createBroker = (options) => {
    const broker = create(options);
    const connect = broker.connect.bind(broker);
    let ours: Lookup | undefined;
    broker.connect = async () => {
      await connect();
      const lookup = broker.lookupRequest;
      if (lookup === ours) return;
      ours = (key, definition) => {
        const make = lookup(key, definition);
        return key === apiKey ? change(make) : make;
      };
      broker.lookupRequest = ours;
    };
    return broker;
  };
}

function makerOf(kafka: Kafka): MakeCluster | undefined {
  const symbol = clusterSymbol(kafka);
  if (symbol === undefined) return undefined;
  return (kafka as unknown as Record<symbol, MakeCluster | undefined>)[symbol];
}

/** The private symbol under which kafkajs stores the function that creates a cluster for its consumers. */
function clusterSymbol(kafka: Kafka): symbol | undefined {
  return Object.getOwnPropertySymbols(kafka).find(({description = ''}) =>
    description.endsWith('Kafka:createCluster'),
  );
}
