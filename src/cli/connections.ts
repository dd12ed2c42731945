/** What reading commands ask: opened for one piece of work, closed behind it. One try, no waiting. */
import {RedisClient} from '../clients/redis.js';
import type {ConfigWith} from '../config.js';

export async function withRedis<T>(
  config: ConfigWith<'redisUrl'>,
  work: (redis: RedisClient) => Promise<T>,
): Promise<T> {
  const redis = new RedisClient({url: config.redisUrl, timeoutMs: config.redisTimeoutMs});
  try {
    await redis.connect();
    return await work(redis);
  } finally {
    redis.close();
  }
}
