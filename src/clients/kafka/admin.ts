/**
 * Connections to Kafka, and the administration of a topic: its ranges, its settings and its creation.
 * Only files in clients/kafka/ import kafkajs.
 */
import kafkajs, {type Admin, type Kafka, type KafkaConfig, type LogEntry, type SASLOptions} from 'kafkajs';
import {clusterOf, type Cluster} from './cluster.js';
import type {LogRange, LogRecord, Unavailable} from './eventLog.js';
import {registerCodecs} from './codecs.js';
import {isMissingTopic, isOutOfRange, translateKafkaError, withTokenHint} from './errors.js';
import {gzipCodec} from './gzip.js';
import {readRanges, requireAll} from './ranges.js';
import {recordsBefore} from './records.js';
import {kafkaSocket} from './socket.js';
import {acceptLeaderless} from './wire/leaderless.js';
import {tlsOptions, type TlsMaterial} from '../tls.js';

// kafkajs is a CommonJS module and has no named exports for ES modules.
const {CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka: KafkaClient, logLevel} = kafkajs;

CompressionCodecs[CompressionTypes.GZIP] = () => gzipCodec;
registerCodecs();

export interface KafkaSettings {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** The TLS options. Null means that the connection uses no TLS. */
  readonly tls: TlsMaterial | null;
  readonly sasl: SaslSettings | null;
  readonly connectionTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';

export type SaslSettings =
  | {
      readonly mechanism: Exclude<SaslMechanism, 'oauthbearer'>;
      readonly username: string;
      readonly password: string;
    }
  | {readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string>};

/** Receives the log entries of kafkajs. They are verbose and not written for operators. */
export type KafkaLogSink = (entry: {level: 'error' | 'warn' | 'info' | 'debug'; message: string}) => void;

/** A new client. Two consumers must not share a client, because kafkajs stores committed offsets per client object. */
export function createKafka(settings: KafkaSettings, log: KafkaLogSink, retry: KafkaConfig['retry']): Kafka {
  const config: KafkaConfig = {
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    ssl: settings.tls === null ? false : tlsOptions(settings.tls),
    socketFactory: kafkaSocket,
    connectionTimeout: settings.connectionTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    logLevel: logLevel.INFO,
    logCreator:
      () =>
      ({level, log: {message, ...rest}}: LogEntry) =>
        log({level: LEVEL[level] ?? 'debug', message: withError(message, rest['error'])}),
    ...(settings.sasl === null ? {} : {sasl: saslOptions(settings.sasl)}),
    ...(retry === undefined ? {} : {retry}),
  };
  return acceptLeaderless(new KafkaClient(config));
}

function saslOptions(sasl: SaslSettings): SASLOptions {
  if (sasl.mechanism !== 'oauthbearer') return sasl;
  const {mechanism, token} = sasl;
  return {mechanism, oauthBearerProvider: async () => ({value: await token()})};
}

const LEVEL: Partial<Record<number, 'error' | 'warn' | 'info'>> = {
  [logLevel.ERROR]: 'error',
  [logLevel.WARN]: 'warn',
  [logLevel.INFO]: 'info',
};

function withError(message: string, error: unknown): string {
  return typeof error === 'string' ? `${message}: ${error}` : message;
}

/** The offset that Kafka returns if a group has no committed offset for a partition. */
const NOT_COMMITTED = '-1';

export interface NewTopic {
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** A client that connects at its first use, and again at the first use after `close`. */
class OnDemand<T extends {connect(): Promise<void>; disconnect(): Promise<void>}> {
  readonly #create: () => T;
  #connected: Promise<T> | undefined;

  constructor(create: () => T) {
    this.#create = create;
  }

  async connected(): Promise<T> {
    this.#connected ??= this.#connect();
    return await this.#connected;
  }

  async close(): Promise<void> {
    const connected = this.#connected;
    this.#connected = undefined;
    await connected?.then(async (client) => await client.disconnect()).catch(() => undefined);
  }

  async #connect(): Promise<T> {
    const client = this.#create();
    await client.connect();
    return client;
  }
}

/** The administration of one topic. Each request has at most one retry, so that the caller decides how often to repeat it. */
export class KafkaTopic {
  readonly name: string;
  readonly #settings: KafkaSettings;
  readonly #admin: OnDemand<Admin>;
  readonly #cluster: OnDemand<Cluster>;

  constructor(settings: KafkaSettings, name: string, log: KafkaLogSink = () => undefined) {
    this.name = name;
    this.#settings = settings;
    const client = (): Kafka => createKafka(settings, log, {retries: 1, initialRetryTime: 100});
    this.#admin = new OnDemand(() => client().admin());
    this.#cluster = new OnDemand(() => clusterOf(client()));
  }

  /** The low and the high watermark of every partition. */
  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    return requireAll(await this.availableRanges(), this.#where);
  }

  /** The same, but a partition that cannot be asked does not hide the others. */
  async availableRanges(): Promise<ReadonlyMap<number, LogRange | Unavailable>> {
    return await this.#guarded(async () => await readRanges(await this.#cluster.connected(), this.name));
  }

  /** For each partition the first offset whose record has this timestamp or a later one. It is the end if there is no such record. */
  async offsetsAt(timeMs: number): Promise<ReadonlyMap<number, bigint>> {
    const rows = await this.#ask(
      async (admin) => await admin.fetchTopicOffsetsByTimestamp(this.name, timeMs),
    );
    return new Map(rows.map(({partition, offset}) => [partition, BigInt(offset)]));
  }

  /** The committed offsets of the group. Partitions without one are missing. A group that does not exist has none. */
  async committedOffsets(groupId: string): Promise<ReadonlyMap<number, bigint>> {
    const topics = await this.#ask(async (admin) => await admin.fetchOffsets({groupId, topics: [this.name]}));
    const rows = topics.flatMap(({partitions}) => partitions);
    return new Map(
      rows.flatMap(({partition, offset}) => (offset === NOT_COMMITTED ? [] : [[partition, BigInt(offset)]])),
    );
  }

  /** The number of partitions. Undefined if the topic does not exist. */
  async partitionCount(): Promise<number | undefined> {
    return await this.#guarded(async () => {
      const cluster = await this.#cluster.connected();
      try {
        await cluster.addTargetTopic(this.name);
        await cluster.refreshMetadata();
        return cluster.findTopicPartitionMetadata(this.name).length;
      } catch (error) {
        if (isMissingTopic(error)) return undefined;
        throw error;
      }
    });
  }

  /**
   * The records of the batch with the offset before `end`, up to that offset. Empty if it has only control records. Undefined if the partition
   * begins at `end` or later.
   */
  async recordsBefore(partition: number, end: bigint): Promise<readonly LogRecord[] | undefined> {
    return await this.#guarded(async () => {
      const cluster = await this.#cluster.connected();
      await cluster.addTargetTopic(this.name);
      try {
        return await recordsBefore(cluster, this.name, {partition, end});
      } catch (error) {
        if (isOutOfRange(error)) return undefined;
        throw error;
      }
    });
  }

  /** The value of a topic setting, under its name in Kafka. Undefined if the broker does not return it. */
  async setting(name: string): Promise<string | undefined> {
    return await this.#ask(async (admin) => {
      const {resources} = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{type: ConfigResourceTypes.TOPIC, name: this.name, configNames: [name]}],
      });
      return resources[0]?.configEntries.find((entry) => entry.configName === name)?.configValue;
    });
  }

  /** Creates the topic with unlimited retention and without compaction (S1). */
  async create(topic: NewTopic): Promise<void> {
    await this.#ask(async (admin) => {
      await admin.createTopics({
        waitForLeaders: false,
        topics: [
          {
            topic: this.name,
            numPartitions: topic.partitions,
            replicationFactor: topic.replicationFactor,
            configEntries: [
              {name: 'cleanup.policy', value: 'delete'},
              {name: 'retention.ms', value: '-1'},
              {name: 'retention.bytes', value: '-1'},
            ],
          },
        ],
      });
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#admin.close(), this.#cluster.close()]);
  }

  get #where(): string {
    return `${this.name} on ${this.#settings.brokers.join(',')}`;
  }

  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    return await this.#guarded(async () => await question(await this.#admin.connected()));
  }

  async #guarded<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      // The next request uses new clients, because these can cache the address of a former leader for minutes.
      await this.close();
      const failure = translateKafkaError(error, this.#where);
      throw this.#settings.sasl?.mechanism === 'oauthbearer' ? withTokenHint(failure) : failure;
    }
  }
}
