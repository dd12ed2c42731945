/** The chaos run's own connections, past every proxy. */
import {Redis} from 'ioredis';
import {createConnection, type Connection} from 'mysql2/promise';
import type {StackEnv} from '../environment.js';

/** Numbers and times come as the text that MySQL prints. */
export async function connectMysql({mysql}: StackEnv): Promise<Connection> {
  return await createConnection({
    ...mysql,
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
}

/** Waits through every restart of Redis. */
export function connectRedis({redis: {url}}: StackEnv): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
  });
  // Whoever asks waits; without a listener ioredis would print it.
  redis.on('error', () => undefined);
  return redis;
}
