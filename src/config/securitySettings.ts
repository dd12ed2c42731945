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
  kafkaSsl: {env: 'KAFKA_SSL', schema: yesNo, default: 'false', example: 'true', desc: 'TLS to the brokers.'},
  kafkaCa: {
    env: 'KAFKA_SSL_CA',
    schema: certificates,
    example: '/etc/projector/ca.pem',
    inFile: true,
    desc: 'CA of the brokers, PEM, in place of the public ones; `KAFKA_SSL_CA_FILE` names a file.',
  },
  kafkaCert: {
    env: 'KAFKA_SSL_CERT',
    schema: certificates,
    example: '/etc/projector/projector.pem',
    inFile: true,
    desc: 'Client certificate with its chain, PEM, where brokers ask for one; `KAFKA_SSL_CERT_FILE` names a file.',
  },
  kafkaKey: {
    env: 'KAFKA_SSL_KEY',
    schema: privateKey,
    example: '/etc/projector/projector.key',
    inFile: true,
    desc: 'Its key, PEM without a passphrase; `KAFKA_SSL_KEY_FILE` names a file.',
    secret: true,
  },
  kafkaServerName: {
    env: 'KAFKA_SSL_SERVER_NAME',
    schema: hostName,
    example: 'kafka.example.com',
    desc: 'Name that the certificates of all brokers have, where it is not that of their addresses.',
  },
  saslMechanism: {
    env: 'KAFKA_SASL_MECHANISM',
    schema: oneOf(SASL_MECHANISMS, SASL_MECHANISMS.join(', ')),
    example: 'scram-sha-512',
    desc: 'SASL; needs user and password, or for `oauthbearer` the three settings of OAuth.',
  },
  saslUsername: {env: 'KAFKA_SASL_USERNAME', schema: text, example: 'projector', desc: 'User for SASL.'},
  saslPassword: {
    env: 'KAFKA_SASL_PASSWORD',
    schema: text,
    example: '(a secret)',
    desc: 'Password for SASL.',
    secret: true,
  },
  oauthTokenUrl: {
    env: 'KAFKA_OAUTH_TOKEN_URL',
    schema: url('http', 'https'),
    example: 'https://login.example.com/oauth2/token',
    desc: 'Token endpoint for `oauthbearer`, asked by the client credentials grant.',
    secret: true,
  },
  oauthClientId: {
    env: 'KAFKA_OAUTH_CLIENT_ID',
    schema: text,
    example: 'projector',
    desc: 'Client id there.',
  },
  oauthClientSecret: {
    env: 'KAFKA_OAUTH_CLIENT_SECRET',
    schema: text,
    example: '(a secret)',
    desc: 'Client secret there.',
    secret: true,
  },
  oauthScope: {env: 'KAFKA_OAUTH_SCOPE', schema: text, example: 'kafka', desc: 'Scope to ask for.'},
} as const satisfies Record<string, Setting<unknown>>;

export const REDIS_SECURITY = {
  redisSentinels: {
    env: 'REDIS_SENTINELS',
    schema: brokers,
    example: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
    desc: 'Sentinels to ask for the master; the host in REDIS_URL is then the name that they know it by, without a port.',
  },
  sentinelUsername: {
    env: 'REDIS_SENTINEL_USERNAME',
    schema: text,
    example: 'projector',
    desc: 'User for the Sentinels, where they ask for one.',
  },
  sentinelPassword: {
    env: 'REDIS_SENTINEL_PASSWORD',
    schema: text,
    example: '(a secret)',
    desc: 'Password for the Sentinels, where they ask for one.',
    secret: true,
  },
  redisCa: {
    env: 'REDIS_TLS_CA',
    schema: certificates,
    example: '/etc/projector/ca.pem',
    inFile: true,
    desc: 'CA of Redis, PEM, in place of the public ones; `REDIS_TLS_CA_FILE` names a file.',
  },
  redisCert: {
    env: 'REDIS_TLS_CERT',
    schema: certificates,
    example: '/etc/projector/projector.pem',
    inFile: true,
    desc: 'Client certificate with its chain, PEM, where Redis asks for one; `REDIS_TLS_CERT_FILE` names a file.',
  },
  redisKey: {
    env: 'REDIS_TLS_KEY',
    schema: privateKey,
    example: '/etc/projector/projector.key',
    inFile: true,
    desc: 'Its key, PEM without a passphrase; `REDIS_TLS_KEY_FILE` names a file.',
    secret: true,
  },
  redisServerName: {
    env: 'REDIS_TLS_SERVER_NAME',
    schema: hostName,
    example: 'redis.example.com',
    desc: 'Name that the certificate of Redis has, where it is not that of its address.',
  },
} as const satisfies Record<string, Setting<unknown>>;

export const MYSQL_SECURITY = {
  mysqlCa: {
    env: 'MYSQL_SSL_CA',
    schema: certificates,
    example: '/etc/projector/ca.pem',
    inFile: true,
    desc: 'CA of MySQL, PEM, in place of the public ones; `MYSQL_SSL_CA_FILE` names a file.',
  },
  mysqlCert: {
    env: 'MYSQL_SSL_CERT',
    schema: certificates,
    example: '/etc/projector/projector.pem',
    inFile: true,
    desc: 'Client certificate with its chain, PEM, where MySQL asks for one; `MYSQL_SSL_CERT_FILE` names a file.',
  },
  mysqlKey: {
    env: 'MYSQL_SSL_KEY',
    schema: privateKey,
    example: '/etc/projector/projector.key',
    inFile: true,
    desc: 'Its key, PEM without a passphrase; `MYSQL_SSL_KEY_FILE` names a file.',
    secret: true,
  },
  mysqlServerName: {
    env: 'MYSQL_SSL_SERVER_NAME',
    schema: hostName,
    example: 'mysql.example.com',
    desc: 'Name that the certificate of MySQL has, where it is not that of its address.',
  },
} as const satisfies Record<string, Setting<unknown>>;
