/**
 * Connections to Kafka, and the administration of a topic: its ranges, its settings and its creation. It translates errors of kafkajs.
 * Only files in clients/kafka/ import kafkajs.
 */
import kafkajs, {type Admin, type Kafka, type KafkaConfig, type LogEntry, type SASLOptions} from 'kafkajs';
import {causesOf, messageOf, ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from './eventLog.js';
import {CodecMissing, registerCodecs} from './codecs.js';
import {gzipCodec} from './gzip.js';
import {kafkaSocket} from './socket.js';
import {tlsError, tlsOptions, type TlsMaterial} from '../tls.js';

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
  return new KafkaClient(config);
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

/** The administration of one topic. Each request has at most one retry, so that the caller decides how often to repeat it. */
export class KafkaTopic {
  readonly name: string;
  readonly #settings: KafkaSettings;
  readonly #log: KafkaLogSink;
  #connected: Promise<Admin> | undefined;

  constructor(settings: KafkaSettings, name: string, log: KafkaLogSink = () => undefined) {
    this.name = name;
    this.#settings = settings;
    this.#log = log;
  }

  /** The low and the high watermark of every partition. */
  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    const rows = await this.#guarded(async (admin) => {
      const {topics} = await admin.fetchTopicMetadata({topics: [this.name]});
      const offsets = await admin.fetchTopicOffsets(this.name);
      if (offsets.length === topics[0]?.partitions.length) return offsets;
      // kafkajs caches the partitions of a topic for minutes, so it can miss added ones. A new client requests them again.
      await this.close();
      return await (await this.#connection()).fetchTopicOffsets(this.name);
    });
    return new Map(rows.map(({partition, low, high}) => [partition, {low: BigInt(low), high: BigInt(high)}]));
  }

  /** For each partition the first offset whose record has this timestamp or a later one. It is the end if there is no such record. */
  async offsetsAt(timeMs: number): Promise<ReadonlyMap<number, bigint>> {
    const rows = await this.#guarded(
      async (admin) => await admin.fetchTopicOffsetsByTimestamp(this.name, timeMs),
    );
    return new Map(rows.map(({partition, offset}) => [partition, BigInt(offset)]));
  }

  /** The committed offsets of the group. Partitions without one are missing. A group that does not exist has none. */
  async committedOffsets(groupId: string): Promise<ReadonlyMap<number, bigint>> {
    const topics = await this.#guarded(
      async (admin) => await admin.fetchOffsets({groupId, topics: [this.name]}),
    );
    const rows = topics.flatMap(({partitions}) => partitions);
    return new Map(
      rows.flatMap(({partition, offset}) => (offset === NOT_COMMITTED ? [] : [[partition, BigInt(offset)]])),
    );
  }

  /** The number of partitions. Undefined if the topic does not exist. */
  async partitionCount(): Promise<number | undefined> {
    return await this.#guarded(async (admin) => {
      if (!(await admin.listTopics()).includes(this.name)) return undefined;
      const {topics} = await admin.fetchTopicMetadata({topics: [this.name]});
      return topics[0]?.partitions.length;
    });
  }

  /** The value of a topic setting, under its name in Kafka. Undefined if the broker does not return it. */
  async setting(name: string): Promise<string | undefined> {
    return await this.#guarded(async (admin) => {
      const {resources} = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{type: ConfigResourceTypes.TOPIC, name: this.name, configNames: [name]}],
      });
      return resources[0]?.configEntries.find((entry) => entry.configName === name)?.configValue;
    });
  }

  /** Creates the topic with unlimited retention and without compaction (S1). */
  async create(topic: NewTopic): Promise<void> {
    await this.#guarded(async (admin) => {
      await admin.createTopics({
        waitForLeaders: true,
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
    const connected = this.#connected;
    this.#connected = undefined;
    await connected?.then(async (admin) => await admin.disconnect()).catch(() => undefined);
  }

  async #guarded<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      return await question(await this.#connection());
    } catch (error) {
      // The next request uses a new client, because this one can cache the address of a former leader for minutes.
      await this.close();
      const failure = translateKafkaError(error, `${this.name} on ${this.#settings.brokers.join(',')}`);
      throw this.#settings.sasl?.mechanism === 'oauthbearer' ? withTokenHint(failure) : failure;
    }
  }

  async #connection(): Promise<Admin> {
    this.#connected ??= this.#connect();
    return await this.#connected;
  }

  async #connect(): Promise<Admin> {
    const admin = createKafka(this.#settings, this.#log, {retries: 1, initialRetryTime: 100}).admin();
    await admin.connect();
    return admin;
  }
}

/** If a broker rejects a token, kafkajs does not read the reason and sees only a closed connection. So the message names this cause. */
function withTokenHint(failure: ProjectorError): ProjectorError {
  if (failure.kind !== 'kafka-unreachable' || /ECONNREFUSED|token endpoint/.test(failure.detail))
    return failure;
  const hint = 'a broker that rejects the OAuth token also closes the connection';
  const detail = `${failure.detail} (${hint}: check the audience, the issuer and the expiry of the token)`;
  return new ProjectorError(failure.kind, detail, {cause: failure});
}

/** Errors of unreachable or moved brokers, and of a lost group membership. A new client can recover from them. */
const PASSING =
  /Connection|RequestTimeout|LockTimeout|NotFound|NotLoaded|NoBroker|REBALANCE|GENERATION|MEMBER_ID|COORDINATOR|LEADER/;

/** Whether a new client should replace a client that stopped with this error. */
export function isPassing(error: unknown): boolean {
  const own = ownOf(error);
  if (own !== undefined) return own.kind === 'kafka-unreachable';
  return namesOf(error).some((name) => PASSING.test(name));
}

/** Translates an error of kafkajs into a ProjectorError. `where` names the topic and the brokers. */
export function translateKafkaError(error: unknown, where: string): ProjectorError {
  const own = ownOf(error);
  if (own !== undefined) return own;
  const names = namesOf(error);
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const message = messageOf(error);
  const refusal = tlsError(error, `Kafka for ${where}`);
  if (refusal !== undefined) return refusal;
  if (has(/SASL|AUTHORIZATION|AUTHENTICATION/)) {
    return new ProjectorError('kafka-denied', `Kafka denied access to ${where}: ${message}`, {cause: error});
  }
  if (has(/UNKNOWN_TOPIC_OR_PARTITION/)) {
    return new ProjectorError('topic-missing', `topic ${where} does not exist`, {cause: error});
  }
  const codec = [...causesOf(error)].find((link) => link instanceof CodecMissing);
  if (codec !== undefined) {
    const detail = `a record batch of ${where} is compressed with ${codec.message}`;
    return new ProjectorError('codec-missing', detail, {cause: error});
  }
  return new ProjectorError('kafka-unreachable', `request to Kafka for ${where} failed: ${message}`, {
    cause: error,
  });
}

/** The error with which the worker stops after its Kafka client has stopped with a permanent error. */
export function crashOf(error: unknown, where: string): ProjectorError {
  const translated = translateKafkaError(error, where);
  if (translated.kind !== 'kafka-unreachable') return translated;
  return new ProjectorError(
    'consumer-crashed',
    `the Kafka client for ${where} stopped: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}

/** An error that this program threw inside a call of kafkajs. kafkajs wraps such an error in one of its own. */
function ownOf(error: unknown): ProjectorError | undefined {
  return [...causesOf(error)].find((link) => link instanceof ProjectorError);
}

/** The name and the protocol error type of an error and of each of its causes. */
function namesOf(error: unknown): string[] {
  return [...causesOf(error)].flatMap((link) =>
    link instanceof Error ? [`${link.name} ${'type' in link ? String(link.type) : ''}`] : [],
  );
}
