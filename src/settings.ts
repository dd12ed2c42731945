/**
 * Every setting, as data: its variable, kind, default, bounds, and the reason for them. The table is the manual:
 * `projector config` and the README print it, and config.ts reads the environment by it.
 */
import {KAFKA_SECURITY, MYSQL_SECURITY, REDIS_SECURITY} from './securitySettings.js';
import {
  brokers,
  extraColumns,
  failpointPlan,
  keyPrefix,
  oneOf,
  portOrOff,
  text,
  url,
  whole,
  yesNo,
  type Kind,
} from './settingKinds.js';
import {SOURCE_SETTINGS} from './sourceSettings.js';

export interface Setting<T> {
  readonly env: string;
  readonly schema: Kind<T>;
  /** As it would be written in the environment; undefined means that the setting may be absent or must be given. */
  readonly default?: string;
  readonly example: string;
  readonly desc: string;
  readonly secret?: boolean;
  /** A text that one keeps in a file: `NAME_FILE` is the usual way, and the example a path. */
  readonly inFile?: boolean;
  /** On the first page of the manual. */
  readonly basic?: boolean;
}

export const SETTINGS = {
  brokers: {
    env: 'KAFKA_BROKERS',
    schema: brokers,
    example: 'kafka:9092',
    desc: 'Brokers to begin with, host:port.',
    basic: true,
  },
  topic: {
    env: 'KAFKA_TOPIC',
    schema: text,
    default: 'shop.order-events',
    example: 'shop.order-events',
    desc: 'The one topic that holds the events of both tables.',
    basic: true,
  },
  groupId: {
    env: 'KAFKA_GROUP_ID',
    schema: text,
    default: 'order-projector',
    example: 'order-projector',
    desc: 'Consumer group; workers of one read model share it.',
    basic: true,
  },
  redisUrl: {
    env: 'REDIS_URL',
    schema: url('redis', 'rediss'),
    example: 'redis://127.0.0.1:6379/0',
    desc: 'The read model; rediss:// for TLS.',
    secret: true,
    basic: true,
  },
  mysqlUrl: {
    env: 'MYSQL_URL',
    schema: url('mysql'),
    example: 'mysql://user:password@127.0.0.1:3306/shop',
    desc: 'The source: `sync` and `dlq replay` read orders from it, the worker never asks it. `?ssl-mode=VERIFY_IDENTITY` for TLS.',
    secret: true,
    basic: true,
  },
  connectUrl: {
    env: 'CONNECT_URL',
    schema: url('http', 'https'),
    example: 'http://127.0.0.1:8083',
    desc: 'REST address of Kafka Connect. `connector` needs it; `verify --repair` asks whether the connector runs, and so do the metrics of a worker.',
    secret: true,
    basic: true,
  },
  keyPrefix: {
    env: 'KEY_PREFIX',
    schema: keyPrefix,
    default: '',
    example: 'shop:',
    desc: 'Stands before every key in Redis.',
    basic: true,
  },
  extraColumns: {
    env: 'EXTRA_COLUMNS',
    schema: extraColumns,
    example: 'status,created_at:time',
    desc: 'Further columns of an order to keep in its hash; `:time` brings a date or time to the form that MySQL prints.',
    basic: true,
  },
  logLevel: {
    env: 'LOG_LEVEL',
    schema: oneOf(['debug', 'info', 'warn', 'error', 'silent'], 'debug, info, warn, error or silent'),
    default: 'info',
    example: 'info',
    desc: 'There is no line per record on any level.',
    basic: true,
  },
  httpPort: {
    env: 'HTTP_PORT',
    schema: portOrOff,
    default: '9464',
    example: '0',
    desc: 'Probes, metrics and status of a worker; 0 for any free port, off for none.',
    basic: true,
  },
  httpHost: {
    env: 'HTTP_HOST',
    schema: text,
    default: '127.0.0.1',
    example: '0.0.0.0',
    desc: 'Where they are listened for. There is no password: open it to your own network only.',
  },
  hasExporterSeries: {
    env: 'METRICS_KAFKA_EXPORTER',
    schema: yesNo,
    default: 'false',
    example: 'true',
    desc: 'Also kafka_consumergroup_*, as kafka_exporter names them, for dashboards that are there already.',
  },
  liveTimeoutMs: {
    env: 'LIVE_TIMEOUT_MS',
    schema: whole(1_000, 600_000),
    default: '60000',
    example: '60000',
    desc: 'A partition that gets no further for so long, with records to apply, fails /livez.',
  },
  clientId: {
    env: 'KAFKA_CLIENT_ID',
    schema: text,
    default: 'order-projector',
    example: 'order-projector-1',
    desc: 'Name of this client in the logs of the broker.',
  },
  ...KAFKA_SECURITY,
  sessionTimeoutMs: {
    env: 'KAFKA_SESSION_TIMEOUT_MS',
    schema: whole(1_000, 300_000),
    default: '30000',
    example: '30000',
    desc: 'Kafka gives the partitions of a silent worker to others after this time.',
  },
  heartbeatIntervalMs: {
    env: 'KAFKA_HEARTBEAT_INTERVAL_MS',
    schema: whole(100, 100_000),
    default: '3000',
    example: '3000',
    desc: 'At most a third of the session timeout, or one lost heartbeat costs a rebalance.',
  },
  rebalanceTimeoutMs: {
    env: 'KAFKA_REBALANCE_TIMEOUT_MS',
    schema: whole(1_000, 300_000),
    default: '60000',
    example: '60000',
    desc: 'How long a rebalance waits for a member.',
  },
  connectionTimeoutMs: {
    env: 'KAFKA_CONNECTION_TIMEOUT_MS',
    schema: whole(100, 60_000),
    default: '3000',
    example: '3000',
    desc: 'To open a connection to a broker.',
  },
  requestTimeoutMs: {
    env: 'KAFKA_REQUEST_TIMEOUT_MS',
    schema: whole(1_000, 300_000),
    default: '30000',
    example: '30000',
    desc: 'For an answer of a broker.',
  },
  maxWaitMs: {
    env: 'KAFKA_MAX_WAIT_MS',
    schema: whole(10, 5_000),
    default: '500',
    example: '500',
    desc: 'How long a fetch waits for records; also how long a partition rests after a pause.',
  },
  fetchBytesPerPartition: {
    env: 'KAFKA_FETCH_PARTITION_BYTES',
    schema: whole(16_384, 16_777_216),
    default: '65536',
    example: '65536',
    desc: 'Compressed bytes of one partition in one fetch; what it unpacks to is held in memory.',
  },
  fetchBytes: {
    env: 'KAFKA_FETCH_BYTES',
    schema: whole(16_384, 67_108_864),
    default: '262144',
    example: '262144',
    desc: 'Compressed bytes of one fetch.',
  },
  topicPartitions: {
    env: 'KAFKA_TOPIC_PARTITIONS',
    schema: whole(1, 1_000),
    default: '6',
    example: '6',
    desc: 'Partitions when `connector apply` creates the topic; fixed for the life of the topic.',
  },
  topicReplication: {
    env: 'KAFKA_TOPIC_REPLICATION',
    schema: whole(1, 10),
    default: '1',
    example: '3',
    desc: 'Replicas when `connector apply` creates the topic; 3 in production.',
  },
  redisTimeoutMs: {
    env: 'REDIS_TIMEOUT_MS',
    schema: whole(100, 60_000),
    default: '5000',
    example: '5000',
    desc: 'A silent Redis is cut off after this time; well above the longest script.',
  },
  ...REDIS_SECURITY,
  ...MYSQL_SECURITY,
  spareDatabase: {
    env: 'REDIS_SPARE_DATABASE',
    schema: whole(0, 9_999),
    default: '15',
    example: '15',
    desc: 'Empty logical database of the same Redis, in which `rebuild` and `sync` make the read model anew.',
  },
  chunkOrdersMax: {
    env: 'CHUNK_ORDERS_MAX',
    schema: whole(1, 500),
    default: '100',
    example: '200',
    desc: 'Orders in one script: bounds how long Redis is blocked. With 200 a replay is faster by a tenth or two.',
  },
  chunkRecordsMax: {
    env: 'CHUNK_RECORDS_MAX',
    schema: whole(1, 10_000),
    default: '2000',
    example: '2000',
    desc: 'Records in one script.',
  },
  queueBytesMax: {
    env: 'QUEUE_BYTES_MAX',
    schema: whole(65_536, 268_435_456),
    default: '262144',
    example: '262144',
    desc: 'Fetched records that wait in memory, for each partition.',
  },
  quarantineMax: {
    env: 'QUARANTINE_MAX',
    schema: whole(0, 100_000),
    default: '10',
    example: '10',
    desc: 'Bad records that may be set aside within QUARANTINE_WINDOW; one more halts the worker. 0 halts at the first.',
  },
  quarantineWindow: {
    env: 'QUARANTINE_WINDOW',
    schema: whole(1, 1_000_000_000),
    default: '1000',
    example: '1000',
    desc: 'Neighbouring records of a partition that are looked at together.',
  },
  ackIntervalMs: {
    env: 'ACK_INTERVAL_MS',
    schema: whole(100, 60_000),
    default: '5000',
    example: '5000',
    desc: 'How often positions are acked to Kafka for lag tools, and compared with Redis.',
  },
  summaryIntervalMs: {
    env: 'SUMMARY_INTERVAL_MS',
    schema: whole(1_000, 3_600_000),
    default: '30000',
    example: '30000',
    desc: 'One line of counts in the log.',
  },
  startTimeoutMs: {
    env: 'START_TIMEOUT_MS',
    schema: whole(0, 600_000),
    default: '30000',
    example: '30000',
    desc: 'How long a start waits for Kafka, the topic, Redis and Connect.',
  },
  stopTimeoutMs: {
    env: 'STOP_TIMEOUT_MS',
    schema: whole(100, 60_000),
    default: '4500',
    example: '4500',
    desc: 'A stop that takes longer ends without leaving the group; below the kill time of the orchestrator.',
  },
  failpoint: {
    env: 'FAILPOINT',
    schema: failpointPlan,
    example: 'after-apply:kill@3',
    desc: 'For tests of crashes: what happens at which place of the worker (src/failpoints.ts). Never in production.',
  },
  ...SOURCE_SETTINGS,
} as const satisfies Record<string, Setting<unknown>>;

/** Without these no worker starts. */
export const WORKER_SETTINGS = ['brokers', 'redisUrl'] as const satisfies (keyof typeof SETTINGS)[];
