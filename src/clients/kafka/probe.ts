/**
 * Reads facts about Kafka without joining a group: brokers, topic, group, and the last records of a topic.
 */
import kafkajs, {type Admin} from 'kafkajs';
import type {LogRange} from './eventLog.js';
import {createKafka, type KafkaSettings} from './admin.js';
import {clusterOf, type Cluster} from './cluster.js';
import {translateKafkaError} from './errors.js';
import {readRanges, requireAll} from './ranges.js';
import {recordsFrom, type PlacedRecord} from './records.js';

const {ConfigResourceTypes} = kafkajs;

export interface BrokerFacts {
  readonly brokers: number;
  /** The newest version of the Fetch API that the broker supports. It distinguishes versions of Kafka. */
  readonly fetchVersion: number;
}

export interface TopicFacts {
  readonly partitions: number;
  /** The number of replicas of the partition with the fewest replicas. */
  readonly replicas: number;
  /** Partitions without a leader. `behind` lists those with a replica that is not in sync. */
  readonly leaderless: readonly number[];
  readonly behind: readonly number[];
}

export interface GroupFacts {
  /** `Stable`, `Empty`, `Dead`, ... A group that does not exist is `Dead`. */
  readonly state: string;
  readonly protocolType: string;
  readonly members: number;
}

const FETCH_API = 1;

export class KafkaProbe {
  readonly #where: string;
  readonly #topic: string;
  readonly #admin: Admin;
  readonly #cluster: Cluster;

  constructor(settings: KafkaSettings, topic: string) {
    const kafka = createKafka(settings, () => undefined, {retries: 0});
    this.#where = `${topic} on ${settings.brokers.join(',')}`;
    this.#topic = topic;
    this.#admin = kafka.admin();
    this.#cluster = clusterOf(kafka);
  }

  async connect(): Promise<BrokerFacts> {
    return await this.#guarded(async () => {
      await Promise.all([this.#admin.connect(), this.#cluster.connect()]);
      const {brokers} = await this.#admin.describeCluster();
      await this.#cluster.refreshMetadataIfNecessary();
      const {versions} = await this.#cluster.findControllerBroker();
      return {brokers: brokers.length, fetchVersion: versions[FETCH_API]?.maxVersion ?? 0};
    });
  }

  /** Undefined if the topic does not exist. */
  async topic(): Promise<TopicFacts | undefined> {
    return await this.#guarded(async () => {
      if (!(await this.#admin.listTopics()).includes(this.#topic)) return undefined;
      const {topics} = await this.#admin.fetchTopicMetadata({topics: [this.#topic]});
      const partitions = topics[0]?.partitions ?? [];
      const numbers = (found: typeof partitions): number[] => found.map(({partitionId}) => partitionId);
      return {
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({replicas}) => replicas.length)),
        leaderless: numbers(partitions.filter(({leader}) => leader < 0)),
        behind: numbers(partitions.filter(({isr, replicas}) => isr.length < replicas.length)),
      };
    });
  }

  /** Values of topic settings, by their names in Kafka. */
  async settings(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return await this.#guarded(async () => {
      const resource = {type: ConfigResourceTypes.TOPIC, name: this.#topic, configNames: [...names]};
      const {resources} = await this.#admin.describeConfigs({includeSynonyms: false, resources: [resource]});
      const entries = resources[0]?.configEntries ?? [];
      return new Map(entries.map(({configName, configValue}) => [configName, configValue]));
    });
  }

  async group(groupId: string): Promise<GroupFacts> {
    return await this.#guarded(async () => {
      const {groups} = await this.#admin.describeGroups([groupId]);
      const {state = 'Dead', protocolType = '', members = []} = groups[0] ?? {};
      return {state, protocolType, members: members.length};
    });
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    const found = await this.#guarded(async () => await readRanges(this.#cluster, this.#topic));
    return requireAll(found, this.#where);
  }

  /** The last records of each partition, at most `count`. Records that do not fit into one fetch are missing. */
  async lastRecords(ranges: ReadonlyMap<number, LogRange>, count: bigint): Promise<PlacedRecord[]> {
    const starts = new Map(
      [...ranges].flatMap(([partition, {low, high}]) =>
        high > low ? [[partition, high - low > count ? high - count : low]] : [],
      ),
    );
    if (starts.size === 0) return [];
    return await this.#guarded(async () => {
      await this.#cluster.addTargetTopic(this.#topic);
      return await recordsFrom(this.#cluster, this.#topic, starts);
    });
  }

  /** Closes the connections. It does not wait for a server that does not respond. */
  close(): void {
    void this.#admin.disconnect().catch(() => undefined);
    void this.#cluster.disconnect().catch(() => undefined);
  }

  async #guarded<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw translateKafkaError(error, this.#where);
    }
  }
}
