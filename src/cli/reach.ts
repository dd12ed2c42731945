/** What every command that writes to the read model asks of its servers first. */
import {ReadModel} from '../apply/readModel.js';
import type {KafkaTopic} from '../clients/kafka.js';
import type {RedisClient} from '../clients/redis.js';
import type {ConfigWith} from '../config.js';
import {ProjectorError} from '../errors.js';
import {formatLayout} from '../layout.js';
import {requireSuitableTopic} from '../upstream/connector.js';

export interface Reached {
  readonly model: ReadModel;
  readonly partitions: number;
}

/** One try to reach topic and Redis; refuses what nobody could be exact on. */
export async function reachReadModel(
  config: ConfigWith<'brokers' | 'redisUrl'>,
  {redis, topic}: {redis: RedisClient; topic: KafkaTopic},
): Promise<Reached> {
  const partitions = await topic.partitionCount();
  if (partitions === undefined) {
    const where = `${config.topic} on ${config.brokers.join(',')}`;
    throw new ProjectorError('topic-missing', `there is no topic ${where}`);
  }
  await requireSuitableTopic(topic);
  const {moneyDecimals, extraColumns = [], keyPrefix: prefix} = config;
  const model = new ReadModel(redis, config.topic, {
    prefix,
    layout: formatLayout({topic: config.topic, partitions, moneyDecimals, extraColumns}),
    extraColumns: extraColumns.map(({name}) => name),
  });
  await redis.connect();
  // Before the first script: a cluster would send that elsewhere, or nowhere.
  await redis.requireSuitable();
  await model.requireRights();
  await model.requireLayout();
  return {model, partitions};
}
