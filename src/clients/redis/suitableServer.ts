/** Whether a server can hold a read model, from the text of its INFO. Pure. */
import {ProjectorError} from '../../runtime/errors.js';

/**
 * Throws `redis-evicts` if the server can evict keys of the read model to free memory (S7). Throws `redis-clustered` if the server
 * distributes keys over nodes and REDIS_CLUSTER_NODES is not set, because one connection cannot access all keys then (S6). Throws
 * `redis-unsupported` for servers that only speak the protocol of Redis, and for a single server if REDIS_CLUSTER_NODES is set.
 */
export function requireSuitableServer(info: string, address: string, isCluster: boolean): void {
  const hasClusterMode = /^cluster_enabled:1/m.test(info);
  if (hasClusterMode && !isCluster)
    throw new ProjectorError('redis-clustered', `Redis at ${address} runs in cluster mode`);
  const unsupported = unsupportedServer(info);
  if (unsupported !== undefined)
    throw new ProjectorError('redis-unsupported', `the server at ${address} is ${unsupported}`);
  if (isCluster && !hasClusterMode) throw new ProjectorError('redis-unsupported', withoutCluster(address));
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy?.startsWith('allkeys-') !== true) return;
  throw new ProjectorError(
    'redis-evicts',
    `Redis at ${address} has maxmemory-policy ${policy}, which can evict orders`,
  );
}

/** The message for a server without cluster mode, if REDIS_CLUSTER_NODES is set. */
export function withoutCluster(address: string): string {
  return `Redis at ${address} does not run in cluster mode, but REDIS_CLUSTER_NODES is set: remove that setting, or name the nodes of a cluster`;
}

/**
 * Names a server that is known not to work, from the text of INFO. Dragonfly runs the scripts of different keys at the same time, and
 * rejects keys that a script does not declare. KeyDB has several writers per server. Redis before 6.2 has no ZMSCORE.
 */
export function unsupportedServer(info: string): string | undefined {
  if (/^dragonfly_version:/m.test(info)) return 'Dragonfly, which is not supported';
  if (/^executable:.*keydb/im.test(info) || /^mvcc_depth:/m.test(info))
    return 'KeyDB, which is not supported';
  const [, version = '', major = '', minor = ''] = /^redis_version:((\d+)\.(\d+)[\d.]*)/m.exec(info) ?? [];
  const isOld = version !== '' && (Number(major) < 6 || (Number(major) === 6 && Number(minor) < 2));
  return isOld ? `Redis ${version}; this program needs 6.2 or later` : undefined;
}
