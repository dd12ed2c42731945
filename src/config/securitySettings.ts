/**
 * The settings for TLS and logins, as data. settings.ts includes them in its table.
 *
 * `NAME_FILE` reads a value from a file. This is the usual form for certificates and keys, because they have several lines.
 */
import type {Setting} from './setting.js';
import {
  brokers,
  certificates,
  hostName,
  oneOf,
  privateKey,
  SASL_MECHANISMS,
  text,
  url,
  yesNo,
} from './valueTypes.js';

export const KAFKA_SECURITY = {
  kafkaSsl: {
    env: 'KAFKA_SSL',
    schema: yesNo,
    default: 'false',
    example: 'true',
    desc: 'If true, connections to the brokers use TLS.',
  },
  kafkaCa: {
    env: 'KAFKA_SSL_CA',
    schema: certificates,
    example: '/etc/projector/ca.pem',
    inFile: true,
    desc: 'CA certificates for the brokers, in PEM format. They replace the CAs that Node.js trusts. `KAFKA_SSL_CA_FILE` names a file.',
  },
  kafkaCert: {
    env: 'KAFKA_SSL_CERT',
    schema: certificates,
    example: '/etc/projector/projector.pem',
    inFile: true,
    desc: 'Client certificate with its chain, in PEM format, if the brokers require one. `KAFKA_SSL_CERT_FILE` names a file.',
  },
  kafkaKey: {
    env: 'KAFKA_SSL_KEY',
    schema: privateKey,
    example: '/etc/projector/projector.key',
    inFile: true,
    desc: 'Private key of KAFKA_SSL_CERT, in PEM format without a passphrase. `KAFKA_SSL_KEY_FILE` names a file.',
    secret: true,
  },
  kafkaServerName: {
    env: 'KAFKA_SSL_SERVER_NAME',
    schema: hostName,
    example: 'kafka.example.com',
    desc: 'Name that the certificates of all brokers contain, if it differs from the host names of the brokers.',
  },
  saslMechanism: {
    env: 'KAFKA_SASL_MECHANISM',
    schema: oneOf(SASL_MECHANISMS, `one of ${SASL_MECHANISMS.join(', ')}`),
    example: 'scram-sha-512',
    desc: 'SASL mechanism. `oauthbearer` requires KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET. The others require KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.',
  },
  saslUsername: {
    env: 'KAFKA_SASL_USERNAME',
    schema: text,
    example: 'projector',
    desc: 'SASL user. Every mechanism except `oauthbearer` requires it.',
  },
  saslPassword: {
    env: 'KAFKA_SASL_PASSWORD',
    schema: text,
    example: '(a secret)',
    desc: 'SASL password. Every mechanism except `oauthbearer` requires it.',
    secret: true,
  },
  oauthTokenUrl: {
    env: 'KAFKA_OAUTH_TOKEN_URL',
    schema: url('http', 'https'),
    example: 'https://login.example.com/oauth2/token',
    desc: 'URL of the token endpoint for `oauthbearer`. The client uses the client credentials grant.',
    secret: true,
  },
  oauthClientId: {
    env: 'KAFKA_OAUTH_CLIENT_ID',
    schema: text,
    example: 'projector',
    desc: 'Client id for the token endpoint.',
  },
  oauthClientSecret: {
    env: 'KAFKA_OAUTH_CLIENT_SECRET',
    schema: text,
    example: '(a secret)',
    desc: 'Client secret for the token endpoint.',
    secret: true,
  },
  oauthScope: {
    env: 'KAFKA_OAUTH_SCOPE',
    schema: text,
    example: 'kafka',
    desc: 'Scope of the requested tokens, if the token endpoint requires one.',
  },
} as const satisfies Record<string, Setting<unknown>>;

export const REDIS_SECURITY = {
  redisSentinels: {
    env: 'REDIS_SENTINELS',
    schema: brokers,
    example: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
    desc: 'Sentinels as host:port, separated by commas. The host in REDIS_URL must then be the name of the master in the Sentinel configuration, without a port.',
  },
  sentinelUsername: {
    env: 'REDIS_SENTINEL_USERNAME',
    schema: text,
    example: 'projector',
    desc: 'User for the Sentinels, if they require one.',
  },
  sentinelPassword: {
    env: 'REDIS_SENTINEL_PASSWORD',
    schema: text,
    example: '(a secret)',
    desc: 'Password for the Sentinels, if they require one.',
    secret: true,
  },
  redisClusterNodes: {
    env: 'REDIS_CLUSTER_NODES',
    schema: brokers,
    example: 'redis-1:6379,redis-2:6379,redis-3:6379',
    desc: 'Nodes of a Redis Cluster as host:port, separated by commas. The client finds the others. The host in REDIS_URL is one more node.',
  },
  redisCa: {
    env: 'REDIS_TLS_CA',
    schema: certificates,
    example: '/etc/projector/ca.pem',
    inFile: true,
    desc: 'CA certificates for Redis, in PEM format. They replace the CAs that Node.js trusts. `REDIS_TLS_CA_FILE` names a file.',
  },
  redisCert: {
    env: 'REDIS_TLS_CERT',
    schema: certificates,
    example: '/etc/projector/projector.pem',
    inFile: true,
    desc: 'Client certificate with its chain, in PEM format, if Redis requires one. `REDIS_TLS_CERT_FILE` names a file.',
  },
  redisKey: {
    env: 'REDIS_TLS_KEY',
    schema: privateKey,
    example: '/etc/projector/projector.key',
    inFile: true,
    desc: 'Private key of REDIS_TLS_CERT, in PEM format without a passphrase. `REDIS_TLS_KEY_FILE` names a file.',
    secret: true,
  },
  redisServerName: {
    env: 'REDIS_TLS_SERVER_NAME',
    schema: hostName,
    example: 'redis.example.com',
    desc: 'Name that the certificate of Redis contains, if it differs from the host in REDIS_URL.',
  },
} as const satisfies Record<string, Setting<unknown>>;

export const MYSQL_SECURITY = {
  mysqlCa: {
    env: 'MYSQL_SSL_CA',
    schema: certificates,
    example: '/etc/projector/ca.pem',
    inFile: true,
    desc: 'CA certificates for MySQL, in PEM format. They replace the CAs that Node.js trusts. `MYSQL_SSL_CA_FILE` names a file.',
  },
  mysqlCert: {
    env: 'MYSQL_SSL_CERT',
    schema: certificates,
    example: '/etc/projector/projector.pem',
    inFile: true,
    desc: 'Client certificate with its chain, in PEM format, if MySQL requires one. `MYSQL_SSL_CERT_FILE` names a file.',
  },
  mysqlKey: {
    env: 'MYSQL_SSL_KEY',
    schema: privateKey,
    example: '/etc/projector/projector.key',
    inFile: true,
    desc: 'Private key of MYSQL_SSL_CERT, in PEM format without a passphrase. `MYSQL_SSL_KEY_FILE` names a file.',
    secret: true,
  },
  mysqlServerName: {
    env: 'MYSQL_SSL_SERVER_NAME',
    schema: hostName,
    example: 'mysql.example.com',
    desc: 'Name that the certificate of MySQL contains, if it differs from the host in MYSQL_URL.',
  },
} as const satisfies Record<string, Setting<unknown>>;
