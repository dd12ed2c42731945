/** The Redis user of deploy/acl has the rights that `projector dlq` needs. */
import {keySpace} from '../../src/redis-model/keys.js';
import {RedisClient} from '../../src/clients/redis/client.js';
import {QuarantineEntries} from '../../src/operations/replay/entries.js';
import {entryName, formatEntry} from '../../src/redis-model/quarantineEntry.js';
import {RedisBench, TOPIC} from '../support/redisBench.js';
import {redisRules} from '../support/redisRights.js';

const USER = 'order-projector-dlq';

let bench: RedisBench;
beforeAll(async () => (bench = await RedisBench.open(13)));
afterAll(async () => {
  await bench.redis.call('ACL', 'DELUSER', USER);
  await bench.close();
});

async function clientWith(...rules: string[]): Promise<RedisClient> {
  await bench.redis.call('ACL', 'SETUSER', USER, 'reset', ...rules);
  const url = new URL(bench.url);
  url.username = USER;
  url.password = 'secret';
  const client = new RedisClient({url: url.href, timeoutMs: 5_000});
  await client.connect();
  return client;
}

test('the rights in deploy/acl are sufficient to list and drop entries; without HDEL nothing is dropped', async () => {
  const name = entryName(TOPIC, 0, 7n);
  const text = formatEntry({
    topic: TOPIC,
    partition: 0,
    offset: 7n,
    timestampMs: '1',
    kind: 'record-undecodable',
    reason: 'x',
    orderId: '5',
    key: null,
    value: null,
    valueBytes: 0,
  });
  await bench.redis.hset('projector:quarantine', name, text);
  const client = await clientWith(...redisRules('secret'), '-hdel');
  try {
    const entries = new QuarantineEntries(client, keySpace('single', ''));
    const seen = await entries.all();
    expect(seen).toMatchObject([{name, text}]);
    await expect(entries.remove(seen)).rejects.toMatchObject({kind: 'redis-denied'});
    expect(await bench.redis.hexists('projector:quarantine', name)).toBe(1);
    await bench.redis.call('ACL', 'SETUSER', USER, '+hdel');
    await expect(entries.remove(seen)).resolves.toEqual([name]);
  } finally {
    client.close();
  }
});
