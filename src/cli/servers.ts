/** Connections for commands that only read. Each is opened for one task and closed after it. A failed attempt is not retried. */
import {KafkaTopic} from '../clients/kafka/admin.js';
import {RedisClient} from '../clients/redis/client.js';
import {kafkaSettings, redisSettings} from '../config/clientOptions.js';
import type {ConfigWith} from '../config/config.js';
import {ProjectorError} from '../runtime/errors.js';
import {keySpace} from '../redis-model/keys.js';
import {StoredPositions} from '../redis-model/storedPositions.js';

export async function withRedis<T>(
  config: ConfigWith<'redisUrl'>,
  work: (redis: RedisClient) => Promise<T>,
): Promise<T> {
  const redis = new RedisClient(redisSettings(config));
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.close();
  }
}

export interface OpenLog {
  readonly topic: KafkaTopic;
  readonly positions: StoredPositions;
  readonly partitionCount: number;
}

/** Runs `work` with connections to Redis and to the topic. Rejects with `topic-missing` if the topic does not exist. */
export async function withLog<T>(
  config: ConfigWith<'brokers' | 'redisUrl'>,
  work: (log: OpenLog) => Promise<T>,
): Promise<T> {
  return await withRedis(config, async (redis) => {
    const topic = new KafkaTopic(kafkaSettings(config), config.topic);
    try {
      const partitionCount = await topic.partitionCount();
      if (partitionCount === undefined) {
        const where = `${config.topic} on ${config.brokers.join(',')}`;
        throw new ProjectorError('topic-missing', `topic ${where} does not exist`);
      }
      const positions = new StoredPositions(
        redis,
        config.topic,
        keySpace(config.redisLayout, config.keyPrefix),
      );
      return await work({topic, positions, partitionCount});
    } finally {
      await topic.close();
    }
  });
}
