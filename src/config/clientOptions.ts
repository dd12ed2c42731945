/**
 * Derives the options of the Kafka, Redis and MySQL clients from the configuration.
 *
 * It also reports settings for TLS and logins that contradict each other. Otherwise a connection could be less protected than its
 * settings suggest.
 */
import {createPrivateKey, X509Certificate} from 'node:crypto';
import type {KafkaSettings, SaslSettings} from '../clients/kafka/admin.js';
import {TokenSource} from '../clients/kafka/token.js';
import type {MysqlSettings} from '../clients/mysql.js';
import {databaseOf} from '../clients/redis/redisUrl.js';
import type {RedisSettings} from '../clients/redis/connection.js';
import type {TlsMaterial} from '../clients/tls.js';
import type {Config, ConfigWith} from './config.js';
import {systemClock} from '../runtime/lifecycle.js';

export function kafkaSettings(config: ConfigWith<'brokers'>): KafkaSettings {
  return {
    brokers: config.brokers,
    clientId: config.clientId,
    tls: config.kafkaSsl ? kafkaTls(config) : null,
    sasl: saslSettings(config),
    connectionTimeoutMs: config.connectionTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
  };
}

/** `url` can name another database than REDIS_URL, or another Redis server. */
export function redisSettings(config: ConfigWith<'redisUrl'>, url = config.redisUrl): RedisSettings {
  const {redisTimeoutMs: timeoutMs, sentinelUsername: username, sentinelPassword: password} = config;
  // Another database has the same servers, so the Sentinels and the nodes apply. They do not apply to another Redis server (--target).
  const isSame = new URL(url).host === new URL(config.redisUrl).host;
  const places = isSame ? config.redisSentinels : undefined;
  const sentinels = places === undefined ? {} : {sentinels: {places, username, password}};
  const clusterNodes = isSame ? config.redisClusterNodes : undefined;
  const cluster = clusterNodes === undefined ? {} : {clusterNodes};
  return {url, timeoutMs, tls: redisTls(config), ...sentinels, ...cluster};
}

export function mysqlSettings(config: Config, url: string): MysqlSettings {
  return {url, tls: mysqlTls(config)};
}

function kafkaTls({
  kafkaCa: ca,
  kafkaCert: cert,
  kafkaKey: key,
  kafkaServerName: serverName,
}: Config): TlsMaterial {
  return {ca, cert, key, serverName};
}

function redisTls({
  redisCa: ca,
  redisCert: cert,
  redisKey: key,
  redisServerName: serverName,
}: Config): TlsMaterial {
  return {ca, cert, key, serverName};
}

function mysqlTls({
  mysqlCa: ca,
  mysqlCert: cert,
  mysqlKey: key,
  mysqlServerName: serverName,
}: Config): TlsMaterial {
  return {ca, cert, key, serverName};
}

/** The TLS material of one server, with the prefix of its settings, for example `KAFKA_SSL`. */
export type NamedMaterial = readonly [name: string, material: TlsMaterial];

export function tlsMaterials(config: Config): NamedMaterial[] {
  return [
    ['KAFKA_SSL', kafkaTls(config)],
    ['REDIS_TLS', redisTls(config)],
    ['MYSQL_SSL', mysqlTls(config)],
  ];
}

/** Returns one sentence for each contradiction between settings for TLS and logins. */
export function securityFaults(config: Config): string[] {
  const faults = saslFaults(config);
  for (const [name, material] of tlsMaterials(config)) faults.push(...pairFaults(name, material));
  if (!config.kafkaSsl && isGiven(kafkaTls(config)))
    faults.push('KAFKA_SSL_* settings have no effect without KAFKA_SSL=true');
  if (config.redisUrl?.startsWith('redis:') === true && isGiven(redisTls(config))) {
    faults.push(
      'REDIS_TLS_* settings have no effect, because REDIS_URL begins with redis:// (use rediss:// for TLS)',
    );
  }
  faults.push(...sentinelFaults(config), ...clusterFaults(config), ...layoutFaults(config));
  return faults;
}

function clusterFaults({redisUrl, redisSentinels, redisClusterNodes}: Config): string[] {
  if (redisClusterNodes === undefined) return [];
  const faults: string[] = [];
  if (redisSentinels !== undefined) {
    faults.push(
      'REDIS_CLUSTER_NODES and REDIS_SENTINELS must not be set together, because a cluster elects its masters without Sentinels',
    );
  }
  if (redisUrl !== undefined && databaseOf(redisUrl) !== 0) {
    faults.push(
      'REDIS_URL must name database 0, or none, if REDIS_CLUSTER_NODES is set, because a cluster has no other databases',
    );
  }
  return faults;
}

/** A cluster computes the slot of a key from the part in braces, so the prefix must be a name that fits there (redis-model/keys.ts). */
function layoutFaults({redisLayout, keyPrefix, redisClusterNodes}: Config): string[] {
  if (redisLayout === 'single') {
    if (redisClusterNodes === undefined) return [];
    return [
      'REDIS_LAYOUT must be partitioned if REDIS_CLUSTER_NODES is set, because a cluster distributes the keys',
    ];
  }
  if (/^[^{}:]+:$/.test(keyPrefix)) return [];
  return [
    `REDIS_KEY_PREFIX must be a name with a colon at its end and without braces, such as shop:, if REDIS_LAYOUT is partitioned`,
  ];
}

function sentinelFaults({redisUrl, redisSentinels, sentinelUsername, sentinelPassword}: Config): string[] {
  const hasLogin = sentinelUsername !== undefined || sentinelPassword !== undefined;
  if (redisSentinels === undefined) {
    return hasLogin
      ? ['REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD have no effect without REDIS_SENTINELS']
      : [];
  }
  if (redisUrl === undefined || new URL(redisUrl).port === '') return [];
  return [
    'REDIS_URL must not contain a port if REDIS_SENTINELS is set, because its host is the name of the master, for example redis://user:password@mymaster/0',
  ];
}

function isGiven(material: TlsMaterial): boolean {
  return Object.values(material).some((value) => value !== undefined);
}

function pairFaults(name: string, {cert, key}: TlsMaterial): string[] {
  if (cert === undefined && key === undefined) return [];
  if (cert === undefined || key === undefined) return [`${name}_CERT and ${name}_KEY must be set together`];
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return [];
  return [`${name}_KEY is not the private key of the first certificate in ${name}_CERT`];
}

function saslSettings(config: Config): SaslSettings | null {
  const {saslMechanism: mechanism, saslUsername: username, saslPassword: password} = config;
  if (mechanism === 'oauthbearer') {
    const {
      oauthTokenUrl: url,
      oauthClientId: clientId,
      oauthClientSecret: clientSecret,
      oauthScope: scope,
    } = config;
    if (url === undefined || clientId === undefined || clientSecret === undefined) return null;
    const source = new TokenSource({url, clientId, clientSecret, scope}, () => systemClock.nowMs());
    return {mechanism, token: async () => await source.token()};
  }
  if (mechanism === undefined || username === undefined || password === undefined) return null;
  return {mechanism, username, password};
}

function saslFaults(config: Config): string[] {
  const {saslMechanism, saslUsername, saslPassword} = config;
  const {oauthTokenUrl, oauthClientId, oauthClientSecret, oauthScope} = config;
  const login = [saslUsername, saslPassword];
  const oauth = [oauthTokenUrl, oauthClientId, oauthClientSecret];
  const isIn = (value: unknown): boolean => value !== undefined;
  if (saslMechanism === 'oauthbearer') {
    if (oauth.every(isIn) && !login.some(isIn)) return [];
    return [
      'KAFKA_SASL_MECHANISM=oauthbearer requires KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_CLIENT_SECRET, and allows neither KAFKA_SASL_USERNAME nor KAFKA_SASL_PASSWORD',
    ];
  }
  const faults: string[] = [];
  if ([...oauth, oauthScope].some(isIn))
    faults.push('KAFKA_OAUTH_* settings have no effect without KAFKA_SASL_MECHANISM=oauthbearer');
  const given = [saslMechanism, ...login].filter(isIn).length;
  if (given !== 0 && given !== 3) {
    faults.push('KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must be set together');
  }
  return faults;
}
