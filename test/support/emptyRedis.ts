/** A Redis of its own for the tests of one `describe` block, with a connection to it. */
import {Redis} from 'ioredis';
import {OwnRedis} from './redisServer.js';

export interface EmptyRedis {
  readonly url: string;
  readonly redis: Redis;
}

/** Call it in the block, before its hooks. The fields can be used in hooks and tests. */
export function useEmptyRedis(): EmptyRedis {
  let own: OwnRedis | undefined;
  let redis: Redis | undefined;
  beforeAll(async () => {
    own = await OwnRedis.open();
    redis = new Redis(own.url);
  });
  afterAll(async () => {
    redis?.disconnect();
    await own?.close();
  });
  const started = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the Redis of this block has not been started');
    return part;
  };
  return {
    get url() {
      return started(own).url;
    },
    get redis() {
      return started(redis);
    },
  };
}
