/**
 * Every setting, as data: its variable, kind, default, bounds, and the reason for them. The table is the manual:
 * `projector config` and the README print it, and config.ts reads the environment by it.
 */
import {z} from 'zod';
import {SASL_MECHANISMS} from './clients/kafka.js';
import type {ExtraColumn} from './decode/schema.js';
import {FAILPOINT_ACTIONS, FAILPOINT_NAMES, parseFailpoint, type FailpointPlan} from './failpoints.js';

export interface Setting<T> {
  readonly env: string;
  readonly schema: z.ZodType<T>;
  /** As it would be written in the environment; undefined means that the setting may be absent or must be given. */
  readonly default?: string;
  readonly example: string;
  readonly desc: string;
  readonly secret?: boolean;
  /** On the first page of the manual. */
  readonly basic?: boolean;
}

/** Fields that every order hash has; an extra column of that name would overwrite or delete one. */
const ORDER_FIELDS = ['id', 'user_id', 'total_amount', 'items_count', 'items'];

const text = z.string().min(1, 'a text that is not empty');
const list = z.string().transform((value, context) => {
  const items = value.split(',').map((item) => item.trim());
  if (items.includes(''))
    context.addIssue({code: 'custom', message: 'a comma-separated list without empty places'});
  return items;
});
const columnName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_$]*$/, 'a column or table name');
const yesNo = z.enum(['true', 'false'], 'true or false').transform((value) => value === 'true');
const url = (...protocols: string[]): z.ZodType<string> =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)),
      `a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    );
const whole = (min: number, max: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,15}$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max}`);
const brokers = list.refine(
  (items) => items.every((item) => /^[^\s:/]+:\d{1,5}$/.test(item)),
  'a comma-separated list of host:port',
);
const extraColumns = list
  .transform((items, context): ExtraColumn[] =>
    items.map((item) => {
      const match = /^([A-Za-z_][A-Za-z0-9_$]*)(?::(text|time))?$/.exec(item);
      if (match === null)
        context.addIssue({code: 'custom', message: 'a comma-separated list of column or column:time'});
      return {name: match?.[1] ?? '', type: match?.[2] === 'time' ? 'time' : 'text'};
    }),
  )
  .refine(
    (columns) => {
      const names = [...ORDER_FIELDS, ...columns.map(({name}) => name)];
      return new Set(names).size === names.length;
    },
    `a list of different columns other than ${ORDER_FIELDS.join(', ')}`,
  );

const failpointPlan = z.string().transform((value, context): FailpointPlan => {
  const plan = parseFailpoint(value);
  if (plan !== undefined) return plan;
  const names = `${FAILPOINT_NAMES.join(', ')} with ${FAILPOINT_ACTIONS.join(', ')}`;
  context.addIssue({code: 'custom', message: `name:action or name:action@time, of ${names}`});
  return z.NEVER;
});

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
    desc: 'REST address of Kafka Connect; only `connector` needs it.',
    secret: true,
    basic: true,
  },
  keyPrefix: {
    env: 'KEY_PREFIX',
    schema: z.string().regex(/^[^\s*?[\]\\]*$/, 'text without spaces and glob characters'),
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
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent'], 'debug, info, warn, error or silent'),
    default: 'info',
    example: 'info',
    desc: 'There is no line per record on any level.',
    basic: true,
  },
  clientId: {
    env: 'KAFKA_CLIENT_ID',
    schema: text,
    default: 'order-projector',
    example: 'order-projector-1',
    desc: 'Name of this client in the logs of the broker.',
  },
  kafkaSsl: {env: 'KAFKA_SSL', schema: yesNo, default: 'false', example: 'true', desc: 'TLS to the brokers.'},
  saslMechanism: {
    env: 'KAFKA_SASL_MECHANISM',
    schema: z.enum(SASL_MECHANISMS, SASL_MECHANISMS.join(', ')),
    example: 'scram-sha-512',
    desc: 'SASL; needs user and password.',
  },
  saslUsername: {env: 'KAFKA_SASL_USERNAME', schema: text, example: 'projector', desc: 'User for SASL.'},
  saslPassword: {
    env: 'KAFKA_SASL_PASSWORD',
    schema: text,
    example: '(a secret)',
    desc: 'Password for SASL.',
    secret: true,
  },
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
    default: '1048576',
    example: '1048576',
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
  ordersTable: {
    env: 'ORDERS_TABLE',
    schema: columnName,
    default: 'orders',
    example: 'orders',
    desc: 'Table of the orders.',
  },
  orderIdColumn: {
    env: 'ORDER_ID_COLUMN',
    schema: columnName,
    default: 'id',
    example: 'id',
    desc: 'Its primary key.',
  },
  userIdColumn: {
    env: 'ORDER_USER_ID_COLUMN',
    schema: columnName,
    default: 'user_id',
    example: 'customer_id',
    desc: 'The buyer.',
  },
  totalAmountColumn: {
    env: 'ORDER_TOTAL_AMOUNT_COLUMN',
    schema: columnName,
    default: 'total_amount',
    example: 'total',
    desc: 'The amount, a DECIMAL.',
  },
  moneyDecimals: {
    env: 'MONEY_DECIMALS',
    schema: whole(0, 8),
    default: '2',
    example: '2',
    desc: 'Decimals of that column; sums are kept in its smallest unit.',
  },
  linesTable: {
    env: 'ORDER_ITEMS_TABLE',
    schema: columnName,
    default: 'order_items',
    example: 'order_items',
    desc: 'Table of the lines.',
  },
  lineIdColumn: {
    env: 'ORDER_ITEM_ID_COLUMN',
    schema: columnName,
    default: 'id',
    example: 'id',
    desc: 'Its primary key.',
  },
  lineOrderIdColumn: {
    env: 'ORDER_ITEM_ORDER_ID_COLUMN',
    schema: columnName,
    default: 'order_id',
    example: 'order_id',
    desc: 'The order of a line.',
  },
  productIdColumn: {
    env: 'ORDER_ITEM_PRODUCT_ID_COLUMN',
    schema: columnName,
    default: 'product_id',
    example: 'sku_id',
    desc: 'The product of a line.',
  },
  quantityColumn: {
    env: 'ORDER_ITEM_QUANTITY_COLUMN',
    schema: columnName,
    default: 'quantity',
    example: 'qty',
    desc: 'The units of a line.',
  },
  heartbeatTable: {
    env: 'HEARTBEAT_TABLE',
    schema: columnName,
    default: 'heartbeat',
    example: 'heartbeat',
    desc: 'Table whose events only show that the connector lives.',
  },
} as const satisfies Record<string, Setting<unknown>>;
