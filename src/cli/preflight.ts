/** Preflight checks: what every command that writes to the read model checks before its first write. */
import {randomUUID} from 'node:crypto';
import {ReadModel} from '../apply/readModel.js';
import type {KafkaTopic} from '../clients/kafka/admin.js';
import type {RedisClient} from '../clients/redis/client.js';
import type {Config, ConfigWith} from '../config/config.js';
import {layoutSettings, sourceSchema} from '../config/readConfig.js';
import {itemDecimals} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';
import type {Clock} from '../runtime/lifecycle.js';
import {keySpace, stagingSpace} from '../redis-model/keys.js';
import {formatLayout} from '../redis-model/layout.js';
import {requireSuitableTopic} from '../upstream/connector.js';

export interface Reached {
  readonly model: ReadModel;
  readonly partitions: number;
}

/**
 * Resolves with the number of partitions. Rejects with `topic-missing` if the topic does not exist, and with `topic-unsuitable`
 * if it is compacted (S1).
 */
export async function checkTopic(config: ConfigWith<'brokers'>, topic: KafkaTopic): Promise<number> {
  const partitions = await topic.partitionCount();
  if (partitions === undefined) {
    const where = `${config.topic} on ${config.brokers.join(',')}`;
    throw new ProjectorError('topic-missing', `topic ${where} does not exist`);
  }
  await requireSuitableTopic(topic);
  return partitions;
}

/** The layout that follows from these settings. */
export function layoutText(config: Config, partitions: number): string {
  return formatLayout({...layoutSettings(config), partitions});
}

export interface ModelOptions {
  readonly partitions: number;
  /** Names the run that builds this read model. Undefined for a read model with readers. */
  readonly runId?: string;
  readonly isAudited?: boolean;
  /** In the layout `partitioned`: this process merges the chunks that it applies into counters and reports. Only a worker does. */
  readonly mergesReports?: boolean;
}

export function newReadModel(
  config: Config,
  redis: RedisClient,
  {partitions, runId, isAudited = false, mergesReports = false}: ModelOptions,
): ReadModel {
  const {topic, extraColumns = [], keyPrefix: prefix} = config;
  const names = extraColumns.map(({name}) => name);
  const layout = layoutText(config, partitions);
  const decimals = itemDecimals(sourceSchema(config));
  const settings = {
    prefix,
    layout,
    extraColumns: names,
    itemDecimals: decimals,
    isBeingBuilt: runId !== undefined,
    isAudited,
    inParts: runId === undefined ? undefined : {ordersMax: config.chunkOrdersMax, id: runId},
  };
  if (config.redisLayout === 'single') return new ReadModel(redis, topic, settings);
  const merging = mergesReports ? {redis, processId: randomUUID()} : undefined;
  const keys = runId === undefined ? keySpace('partitioned', prefix) : stagingSpace(prefix);
  const sharding = {keys, servers: Math.max(1, redis.shards), merging};
  return new ReadModel(redis, topic, {...settings, sharding});
}

/**
 * Runs all preflight checks once, without a retry. Rejects if the topic, the server, the rights or the layout would not allow a
 * worker to keep Redis equal to MySQL.
 */
export async function checkReadModel(
  config: ConfigWith<'brokers' | 'redisUrl'>,
  {redis, topic}: {redis: RedisClient; topic: KafkaTopic},
  {mergesReports}: Pick<ModelOptions, 'mergesReports'> = {},
): Promise<Reached> {
  const partitions = await checkTopic(config, topic);
  await redis.connect();
  // This comes before the first script, because a cluster would redirect or reject the script (S6) with a less clear error.
  await redis.requireSuitable();
  const model = newReadModel(config, redis, {partitions, mergesReports: mergesReports ?? false});
  await model.requireRights(partitions);
  await model.requireLayout();
  return {model, partitions};
}

const SERVER_CHECK_MS = 60_000;

/**
 * Returns a check that Redis can still be used (S7). It asks the server again after each new connection, because a failover can lead to
 * another server, and once a minute, because `CONFIG SET` can change it.
 */
export function newServerCheck(redis: RedisClient, clock: Pick<Clock, 'nowMs'>): () => Promise<void> {
  let {connections} = redis;
  let checkedMs = clock.nowMs();
  return async () => {
    if (redis.connections === connections && clock.nowMs() - checkedMs < SERVER_CHECK_MS) return;
    const seen = redis.connections;
    await redis.requireSuitable();
    connections = seen;
    checkedMs = clock.nowMs();
  };
}
