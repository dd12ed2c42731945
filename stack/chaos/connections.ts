/** Direct connections of the chaos run to the servers, without a proxy. */
import {Redis} from 'ioredis';
import {createConnection, type Connection} from 'mysql2/promise';
import type {StackEnv} from '../environment.js';

/** The connection returns numbers and times as MySQL's text. */
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

/** This client retries its commands until Redis has restarted. */
export function connectRedis({redis: {url}}: Pick<StackEnv, 'redis'>): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
  });
  // Commands wait for the reconnection. Without this listener ioredis would print the error.
  redis.on('error', () => undefined);
  return redis;
}
