/** What every command that writes to the read model asks of its servers first. */
import {ReadModel} from '../apply/readModel.js';
import type {KafkaTopic} from '../clients/kafka/admin.js';
import type {RedisClient} from '../clients/redis/client.js';
import type {Config, ConfigWith} from '../config/config.js';
import {ProjectorError} from '../runtime/errors.js';
import {formatLayout} from '../redis-model/layout.js';
import {requireSuitableTopic} from '../upstream/connector.js';

export interface Reached {
  readonly model: ReadModel;
  readonly partitions: number;
}

/** Partitions of the topic. Rejects when it is not there, or keeps not every record. */
export async function reachTopic(config: ConfigWith<'brokers'>, topic: KafkaTopic): Promise<number> {
  const partitions = await topic.partitionCount();
  if (partitions === undefined) {
    const where = `${config.topic} on ${config.brokers.join(',')}`;
    throw new ProjectorError('topic-missing', `there is no topic ${where}`);
  }
  await requireSuitableTopic(topic);
  return partitions;
}

/** What the data depends on, by these settings. */
export function layoutText(config: Config, partitions: number): string {
  const {topic, moneyDecimals, extraColumns = []} = config;
  return formatLayout({topic, partitions, moneyDecimals, extraColumns});
}

export function newReadModel(
  config: Config,
  redis: RedisClient,
  {partitions, isBeingMade = false}: {partitions: number; isBeingMade?: boolean},
): ReadModel {
  const {topic, extraColumns = [], keyPrefix: prefix} = config;
  const names = extraColumns.map(({name}) => name);
  const layout = layoutText(config, partitions);
  return new ReadModel(redis, topic, {prefix, layout, extraColumns: names, isBeingMade});
}

/** One try to reach topic and Redis; refuses what nobody could be exact on. */
export async function reachReadModel(
  config: ConfigWith<'brokers' | 'redisUrl'>,
  {redis, topic}: {redis: RedisClient; topic: KafkaTopic},
): Promise<Reached> {
  const partitions = await reachTopic(config, topic);
  const model = newReadModel(config, redis, {partitions});
  await redis.connect();
  // Before the first script: a cluster would send that elsewhere, or nowhere.
  await redis.requireSuitable();
  await model.requireRights();
  await model.requireLayout();
  return {model, partitions};
}
