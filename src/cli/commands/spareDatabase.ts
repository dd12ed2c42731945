/** What the commands share that make a read model in the spare database, or stand under the same lock. */
import {hostname} from 'node:os';
import type {ReadModel} from '../../apply/readModel.js';
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import {databaseOf, withDatabase, type RedisClient} from '../../clients/redis/client.js';
import type {ConfigWith} from '../../config/config.js';
import {ProjectorError} from '../../runtime/errors.js';
import {keysWithPrefix} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import type {FillModel} from '../../operations/rebuild/initialLoad.js';
import {lockTextOf, RebuildLock, type LockHolder} from '../../operations/rebuild/lock.js';

/** Throws `config-invalid` when it is the database of the living read model. */
export function spareUrl({redisUrl, spareDatabase}: ConfigWith<'redisUrl'>): string {
  if (databaseOf(redisUrl) !== spareDatabase) return withDatabase(redisUrl, spareDatabase);
  throw new ProjectorError(
    'config-invalid',
    `REDIS_SPARE_DATABASE is ${spareDatabase}, which is the database of REDIS_URL: name another one, which is empty`,
  );
}

/** A log without its beginning tells only a part of the orders. `instead` says what to do then. */
export async function requireWholeLog(topic: KafkaTopic, instead: string): Promise<void> {
  for (const [partition, {low}] of await topic.ranges()) {
    if (low === 0n) continue;
    throw new ProjectorError(
      'rebuild-refused',
      `${topic.name}[${partition}] no longer begins at offset 0 but at ${low}: ${instead}`,
    );
  }
}

/** The lock of rebuilds, for this process. */
export function newLock(redis: RedisClient, holder: LockHolder, prefix: string): RebuildLock {
  const here = {host: hostname(), pid: process.pid, sinceMs: systemClock.nowMs()};
  const key = keysWithPrefix(prefix).rebuildLock;
  return new RebuildLock(redis, {key, text: lockTextOf(holder, here), clock: systemClock});
}

/** An empty read model, as it is filled. */
export function fillModel(model: ReadModel, redis: RedisClient, prefix: string): FillModel {
  const {chunks} = keysWithPrefix(prefix);
  return {
    apply: async (partition, request) => await model.apply(partition, request),
    chunkCount: async () => Number((await redis.hash(chunks))['finished'] ?? '0'),
  };
}
