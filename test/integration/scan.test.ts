/**
 * Listings of keys on a real Redis. A listing returns all keys or fails. It never returns only a part because
 * the client has reconnected in between.
 */
import {Redis} from 'ioredis';
import {RedisClient} from '../../src/clients/redis/client.js';
import {ReadRetry, retryingRedis} from '../../src/operations/verify/retry.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: listings of keys. ${whyNot}\n`);

const KEYS = 5_000;

(whyNot === undefined ? describe : describe.skip)('listings of keys and members', () => {
  let own: OwnRedis;
  let redis: RedisClient;

  beforeEach(async () => {
    own = await OwnRedis.open({args: ['--appendonly', 'yes', '--appendfsync', 'always']});
    const writer = new Redis(own.url);
    const names = Array.from({length: KEYS}, (_, i) => `k${i}`);
    await writer.mset(names.flatMap((name) => [name, '1']));
    await writer.zadd('members', ...names.flatMap((name) => ['1', name]));
    await writer.hset('fields', ...names.flatMap((name) => [name, '1']));
    writer.disconnect();
    redis = new RedisClient({url: own.url, timeoutMs: 2_000});
    await redis.connect();
  });
  afterEach(async () => {
    redis.close();
    await own.close();
  });

  const startedAnew = async (): Promise<void> => {
    await own.stop();
    await own.start();
    // The client reconnects automatically.
    await until(
      async () =>
        await redis.getAll(['k1']).then(
          () => true,
          () => false,
        ),
      () => 'the client to reconnect',
    );
  };
  const sources = {
    keys: () => redis.keys(),
    members: () => redis.members('members'),
    keysMatching: () => redis.keysMatching('k*', 10),
    fields: async function* () {
      for await (const page of redis.fields('fields')) yield page.map(([name]) => name);
    },
  };

  test.each(['keys', 'members', 'keysMatching', 'fields'] as const)(
    'listing %s fails if the client has reconnected',
    async (kind) => {
      const seen: string[] = [];
      const read = async (): Promise<void> => {
        let isFirst = true;
        for await (const page of sources[kind]()) {
          seen.push(...page);
          if (isFirst) await startedAnew();
          isFirst = false;
        }
      };
      await expect(read()).rejects.toMatchObject({
        kind: 'redis-unreachable',
        // The next page was requested before Redis stopped. It fails, or it arrives and is rejected because of the reconnect.
        detail: expect.stringMatching(/broke during a scan of the keys|did not respond/) as string,
      });
      expect(seen.length).toBeLessThan(KEYS);
    },
  );

  test('a listing with retries begins again after a reconnect and returns all keys (L11)', async () => {
    const {signal} = new AbortController();
    const notified: string[] = [];
    const retry = new ReadRetry({
      clock: systemClock,
      silentMs: 30_000,
      signal,
      notify: (text) => notified.push(text),
    });
    let seen = new Set<string>();
    let beginnings = 1;
    const again = (): void => {
      beginnings++;
      seen = new Set();
    };
    for await (const page of retryingRedis(redis, retry).keys(again)) {
      for (const key of page) seen.add(key);
      if (beginnings === 1) await startedAnew();
    }
    expect([seen.size, beginnings]).toEqual([KEYS + 2, 2]);
    expect(notified).toEqual([
      expect.stringMatching(/^waiting: /),
      expect.stringMatching(/^recovered: redis-unreachable after /),
    ]);
  });
});
