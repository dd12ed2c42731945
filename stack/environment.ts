/** Addresses and credentials of the servers of one stack, for the demo, the tests and the worker. */
export interface StackEnv {
  mysql: {host: string; port: number; user: string; password: string; database: string};
  kafka: {brokers: string[]};
  connect: {url: string};
  redis: {url: string; partitioned?: PartitionedRedis};
  topic: string;
}

/** What a worker needs to know of the layout `partitioned`. */
export interface PartitionedRedis {
  keyPrefix: string;
  /** The nodes of a Redis Cluster. Undefined for one Redis. */
  clusterNodes?: string[];
}

export interface ServerPorts {
  mysql: number;
  kafka: number;
  connect: number;
  redis: number;
}

/** The parts of the state of a stack that say how it offers Redis. */
export interface RedisForm {
  redisKind?: 'single' | 'partitioned' | 'cluster' | undefined;
  cluster?: {nodes: {port: number}[]} | undefined;
}

/** Users of the development servers on the loopback address. .env and stack/mysql/02-users.sql hold the same values. */
export const SHOP_USER = {user: 'shop', password: 'shop', database: 'shop'} as const;
export const DEBEZIUM_USER = {user: 'debezium', password: 'debezium'} as const;

export const EVENTS_TOPIC = 'shop.order-events';
const GROUP_ID = 'order-projector';

/** The prefix of the keys in the layout `partitioned`. It must be a name with a colon. */
const KEY_PREFIX = 'shop:';

export function stackEnv(ports: ServerPorts, {redisKind, cluster}: RedisForm): StackEnv {
  const clusterNodes = cluster?.nodes.map(({port}) => `127.0.0.1:${port}`);
  const partitioned = {keyPrefix: KEY_PREFIX, ...(clusterNodes === undefined ? {} : {clusterNodes})};
  return {
    mysql: {host: '127.0.0.1', port: ports.mysql, ...SHOP_USER},
    kafka: {brokers: [`127.0.0.1:${ports.kafka}`]},
    connect: {url: `http://127.0.0.1:${ports.connect}`},
    redis: {
      url: `redis://127.0.0.1:${ports.redis}/0`,
      ...(redisKind === undefined || redisKind === 'single' ? {} : {partitioned}),
    },
    topic: EVENTS_TOPIC,
  };
}

/** The variables that the worker reads. */
export function workerVariables(env: StackEnv): Record<string, string> {
  const {user, password, host, port, database} = env.mysql;
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return {
    KAFKA_BROKERS: env.kafka.brokers.join(','),
    KAFKA_TOPIC: env.topic,
    KAFKA_GROUP_ID: GROUP_ID,
    REDIS_URL: env.redis.url,
    ...redisVariables(env.redis.partitioned),
    MYSQL_URL: `mysql://${login}@${host}:${port}/${encodeURIComponent(database)}`,
    CONNECT_URL: env.connect.url,
    // Several workers may run on one machine, so each one chooses a free port. Its log names the port.
    PROJECTOR_HTTP_PORT: '0',
  };
}

function redisVariables(partitioned: PartitionedRedis | undefined): Record<string, string> {
  if (partitioned === undefined) return {};
  const {keyPrefix, clusterNodes} = partitioned;
  const layout = {REDIS_LAYOUT: 'partitioned', REDIS_KEY_PREFIX: keyPrefix};
  return clusterNodes === undefined ? layout : {...layout, REDIS_CLUSTER_NODES: clusterNodes.join(',')};
}

/** For `eval "$(npm run -s stack -- env --shell)"`. */
export function shellExports(env: StackEnv): string {
  return Object.entries(workerVariables(env))
    .map(([name, value]) => `export ${name}=${shellQuoted(value)}`)
    .join('\n');
}

function shellQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
