/** Functions shared by the commands that use the staging database or the lock of rebuilds. */
import {hostname} from 'node:os';
import type {ReadModel} from '../../apply/readModel.js';
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import type {RedisClient} from '../../clients/redis/client.js';
import {databaseOf, withDatabase} from '../../clients/redis/redisUrl.js';
import type {ConfigWith} from '../../config/config.js';
import {ProjectorError} from '../../runtime/errors.js';
import {isRepairLease} from '../../redis-model/audit.js';
import {keySpace, keysWithPrefix, type KeySpace} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import type {LoadModel} from '../../operations/rebuild/baseWriter.js';
import {lockTextOf, RebuildLock, type LockHolder} from '../../operations/rebuild/lock.js';

/** Returns the URL of the staging database. Throws `config-invalid` if it is the live database. */
export function stagingUrl({redisUrl, stagingDatabase}: ConfigWith<'redisUrl'>): string {
  if (databaseOf(redisUrl) !== stagingDatabase) return withDatabase(redisUrl, stagingDatabase);
  throw new ProjectorError(
    'config-invalid',
    `REDIS_STAGING_DATABASE is ${stagingDatabase}, which is also the database of REDIS_URL: set it to another, empty database`,
  );
}

/**
 * Rejects with `rebuild-refused` unless every partition begins at offset 0. A topic without its first records contains only a part
 * of the orders. `instead` is the advice in the error message.
 */
export async function requireWholeTopic(topic: KafkaTopic, instead: string): Promise<void> {
  for (const [partition, {low}] of await topic.ranges()) {
    if (low === 0n) continue;
    throw new ProjectorError(
      'rebuild-refused',
      `${topic.name}[${partition}] no longer begins at offset 0 but at ${low}: ${instead}`,
    );
  }
}

/** True if a running audit repairs the live read model. */
export async function isRepaired(live: RedisClient, prefix: string): Promise<boolean> {
  const [lease] = await live.getAll([keysWithPrefix(prefix).auditLease]);
  return isRepairLease(lease ?? '');
}

/** Creates the lock of rebuilds, with this process as its holder. */
export function newLock(
  redis: RedisClient,
  holder: LockHolder,
  {redisLayout, keyPrefix}: Pick<ConfigWith<'redisUrl'>, 'redisLayout' | 'keyPrefix'>,
): RebuildLock {
  const here = {host: hostname(), pid: process.pid, sinceMs: systemClock.nowMs()};
  const key = keySpace(redisLayout, keyPrefix).shared.rebuildLock;
  return new RebuildLock(redis, {key, text: lockTextOf(holder, here), clock: systemClock});
}

/**
 * Returns the part of an empty read model that the initial load uses. `place` is its keys, or the prefix of a read model in the layout `single`.
 * Partitions that are loaded at the same time share the slots of the model (L1).
 */
export function loadModel(model: ReadModel, redis: RedisClient, place: string | KeySpace): LoadModel {
  const keys = typeof place === 'string' ? keySpace('single', place) : place;
  return {
    apply: async (partition, request) => await model.apply(partition, request),
    load: async (partition, request) => {
      const release = await model.slots.take();
      try {
        return await model.load(partition, request);
      } finally {
        release();
      }
    },
    chunkCount: async (partition) =>
      Number((await redis.hash(keys.partition(partition).chunks))['finished'] ?? '0'),
  };
}
