/**
 * The configuration of the Debezium connector that follows from the settings, so that tables, columns, keys and topic are named in one place.
 * connectors/README.md explains every setting.
 *
 * S2: the key of every record is the order id, so that all events of an order are in one partition.
 *
 * Pure: no clock, no I/O.
 */
import type {SourceSchema} from '../domain/sourceSchema.js';
import type {ConnectorFile} from './connector.js';
import {mappedColumns} from './sourceTables.js';

export type RecordForm = 'envelope' | 'compact';

export interface ConnectorSettings {
  /** The database of the source. */
  readonly database: string;
  readonly schema: SourceSchema;
  /** The topic that the worker reads. */
  readonly topic: string;
  readonly partitions: number;
  /** -1 means the default of the broker. */
  readonly replicationFactor: number;
  readonly form: RecordForm;
}

/** The connector and its task. Values of the form `${env:NAME}` are filled in by Kafka Connect. */
export function connectorOf(settings: ConnectorSettings): ConnectorFile {
  const {database, form} = settings;
  const name = form === 'envelope' ? `${database}-orders` : `${database}-orders-compact`;
  return {
    name,
    config: {
      ...connection(name),
      ...source(settings),
      ...VALUES,
      ...behaviour(form),
      ...transforms(settings),
      ...topics(settings),
    },
  };
}

function connection(name: string): Record<string, string> {
  return {
    'connector.class': 'io.debezium.connector.mysql.MySqlConnector',
    'tasks.max': '1',
    'database.hostname': '${env:MYSQL_HOST}',
    'database.port': '${env:MYSQL_PORT}',
    'database.user': '${env:DEBEZIUM_USER}',
    'database.password': '${env:DEBEZIUM_PASSWORD}',
    'database.server.id': String(serverId(name)),
    'database.ssl.mode': '${env:MYSQL_SSL_MODE}',
    'driver.allowPublicKeyRetrieval': 'true',
  };
}

/** MySQL disconnects a replica whose server id another one uses. So the id depends on the name. The hash is FNV-1a. */
function serverId(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return 100_000 + ((hash >>> 0) % 900_000);
}

function source({database, schema, form}: ConnectorSettings): Record<string, string> {
  const {orders, items, heartbeatTable} = schema;
  const tables = [orders.table, items.table, heartbeatTable].map((table) => `${database}.${table}`);
  const keys = [
    `${tables[0]}:${orders.id}`,
    `${tables[1]}:${[...new Set([items.orderId, ...items.id])].join(',')}`,
  ];
  return {
    'topic.prefix': database,
    'database.include.list': pattern(database),
    'table.include.list': tables.map(pattern).join(','),
    'column.include.list': columns(database, schema).join(','),
    'message.key.columns': keys.map(pattern).join(';'),
    'schema.history.internal.kafka.topic': `${database}.schema-history${form === 'compact' ? '-compact' : ''}`,
    'signal.data.collection': `${database}.debezium_signal`,
    'heartbeat.action.query': `INSERT INTO ${heartbeat(database, heartbeatTable)} (id, ts) VALUES (1, CURRENT_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE ts = VALUES(ts)`,
  };
}

function heartbeat(database: string, table: string): string {
  const isPlain = /^[a-z_]\w*$/i;
  return [database, table].map((name) => (isPlain.test(name) ? name : `\`${name}\``)).join('.');
}

/**
 * Only the columns that the worker reads. A value in another column can stop the connector (a TIME of 26 hours), and a wide row makes every
 * record larger.
 */
function columns(database: string, schema: SourceSchema): string[] {
  const {orders, items, heartbeatTable} = schema;
  const of = (table: string, names: readonly string[]): string[] =>
    [...new Set(names)].map((name) => pattern(`${database}.${table}.${name}`));
  const mapped = mappedColumns(schema);
  return [
    ...of(orders.table, mapped.orders),
    ...of(items.table, mapped.items),
    ...of(heartbeatTable, ['id', 'ts']),
    ...of('debezium_signal', ['id', 'type', 'data']),
  ];
}

/** A name in a list of regular expressions of Debezium. A dot in it matches only the dot that is there, because no name contains one. */
function pattern(name: string): string {
  return name.replaceAll('$', '\\$');
}

const VALUES = {
  'tombstones.on.delete': 'false',
  'skipped.operations': 'none',
  'snapshot.mode': 'initial',
  'snapshot.locking.mode': 'minimal',
  'snapshot.max.threads': '1',
  // While the connector waits for the global read lock, MySQL lets no other client write.
  'snapshot.lock.timeout.ms': '5000',
  // Without that lock it would lock each table for the whole snapshot, for which it has no right. Instead it begins again.
  'internal.custom.retriable.exception':
    "(?s).*('LOCK TABLES' privilege|Access denied for user \\S+ to database).*",
  'decimal.handling.mode': 'string',
  'time.precision.mode': 'isostring',
  'bigint.unsigned.handling.mode': 'long',
  'binary.handling.mode': 'hex',
  'event.converting.failure.handling.mode': 'fail',
  'event.processing.failure.handling.mode': 'fail',
  'inconsistent.schema.handling.mode': 'fail',
  'include.schema.changes': 'true',
  'provide.transaction.metadata': 'false',
  'extended.headers.enabled': 'false',
  'heartbeat.interval.ms': '5000',
  'connect.keep.alive.interval.ms': '12500',
  'poll.interval.ms': '10',
  'max.batch.size': '2048',
  'max.queue.size': '8192',
  'max.queue.size.in.bytes': '67108864',
} as const;

function behaviour(form: RecordForm): Record<string, string> {
  return {
    'schema.history.internal.kafka.bootstrap.servers': '${env:KAFKA_BOOTSTRAP_SERVERS}',
    'schema.history.internal.store.only.captured.tables.ddl': 'true',
    'schema.history.internal.store.only.captured.databases.ddl': 'true',
    'signal.enabled.channels': 'source',
    'incremental.snapshot.chunk.size': '4096',
    'incremental.snapshot.watermarking.strategy': 'insert_delete',
    'notification.enabled.channels': 'log',
    'errors.max.retries': '-1',
    'errors.tolerance': 'none',
    'errors.log.enable': 'true',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'value.converter.replace.null.with.default': 'false',
    transforms:
      form === 'compact' ? 'unwrap,rowKey,itemKey,heartbeatKey,route' : 'rowKey,itemKey,heartbeatKey,route',
    ...(form === 'compact' ? UNWRAP : {}),
  };
}

/** Makes a record of the row alone, with the fields of the envelope that the worker and its commands read. */
const UNWRAP = {
  'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
  'transforms.unwrap.delete.tombstone.handling.mode': 'rewrite',
  'transforms.unwrap.add.fields': 'op,table,source.db,source.ts_ms,source.gtid',
} as const;

/** Each table has its own key field, and `ExtractField` fails on a key without its field. So each has a predicate. */
function transforms({database, schema, topic}: ConnectorSettings): Record<string, string> {
  const {orders, items, heartbeatTable} = schema;
  const prefix = escaped(database);
  const topicOf = (table: string): string => `${prefix}\\.${prefix}\\.${escaped(table)}`;
  const routed = [orders.table, items.table, heartbeatTable].map(escaped).join('|');
  const key = (name: string, field: string, table: string): Record<string, string> => ({
    [`transforms.${name}Key.type`]: 'org.apache.kafka.connect.transforms.ExtractField$Key',
    [`transforms.${name}Key.field`]: field,
    [`transforms.${name}Key.predicate`]: `is${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    [`predicates.is${name.charAt(0).toUpperCase()}${name.slice(1)}.type`]:
      'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
    [`predicates.is${name.charAt(0).toUpperCase()}${name.slice(1)}.pattern`]: topicOf(table),
  });
  return {
    ...key('row', orders.id, orders.table),
    ...key('item', items.orderId, items.table),
    ...key('heartbeat', 'id', heartbeatTable),
    'transforms.route.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    // RegexRouter replaces the first part of the name that matches. Without anchors, the table `order` would match in `order_items`.
    // The topic without a table is that of schema changes.
    'transforms.route.regex': `^${prefix}(\\.${prefix}\\.(${routed}))?$`,
    'transforms.route.replacement': topic,
    predicates: 'isRow,isItem,isHeartbeat',
  };
}

/** A name in a regular expression of Java. Debezium replaces characters that a topic name cannot contain by `_`. */
function escaped(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_').replaceAll('.', '\\.');
}

function topics({topic, partitions, replicationFactor}: ConnectorSettings): Record<string, string> {
  return {
    'topic.creation.default.replication.factor': String(replicationFactor),
    'topic.creation.default.partitions': '1',
    'topic.creation.groups': 'events',
    'topic.creation.events.include': escaped(topic),
    'topic.creation.events.partitions': String(partitions),
    'topic.creation.events.replication.factor': String(replicationFactor),
    'topic.creation.events.cleanup.policy': 'delete',
    'topic.creation.events.retention.ms': '-1',
    'producer.override.enable.idempotence': 'true',
    'producer.override.compression.type': 'gzip',
    'producer.override.linger.ms': '5',
    'producer.override.batch.size': '131072',
    'producer.override.max.request.size': '4194304',
  };
}
