/**
 * The rights that deploy/acl grants to the Redis users are sufficient. A worker detects a missing right
 * before it writes anything.
 */
import {main} from '../../src/cli/program.js';
import {MysqlClient} from '../../src/clients/mysql.js';
import {RedisClient} from '../../src/clients/redis/client.js';
import {reduce} from '../../src/reduce.js';
import {item, order} from '../support/changes.js';
import {RedisBench} from '../support/redisBench.js';
import {redisRules} from '../support/redisRights.js';
import {testStack} from '../support/stack.js';

const USER = 'order-projector-rights';
const PASSWORD = 'secret';

let bench: RedisBench;
beforeAll(async () => {
  bench = await RedisBench.open(9);
});
afterEach(async () => await bench.redis.call('ACL', 'DELUSER', USER));
afterAll(async () => await bench.close());

async function clientWith(...rules: string[]): Promise<RedisClient> {
  await bench.redis.call('ACL', 'SETUSER', USER, ...rules);
  const url = new URL(bench.url);
  url.username = USER;
  url.password = PASSWORD;
  return new RedisClient({url: url.href, timeoutMs: 5_000});
}

test('the rights in deploy/acl are sufficient for a worker and for reports', async () => {
  const client = await clientWith(...redisRules(PASSWORD));
  try {
    await client.connect();
    const model = bench.modelOn(client);
    await model.requireRights();
    const reduction = reduce([
      order('5', {user: '7', total: '1.50'}),
      item('5/71', {product: '10', quantity: '2'}),
    ]);
    await expect(model.apply(0, {expected: '', next: 'v1 1', reduction})).resolves.toEqual({kind: 'applied'});
    await expect(model.positions.read([0])).resolves.toEqual(['v1 1']);
    await expect(client.highest('report:products', 5)).resolves.toEqual([{member: '10', score: '2'}]);
    await expect(client.hash('report:totals')).resolves.toEqual({orders: '1', units: '2', revenue: '150'});
  } finally {
    client.close();
  }
});

test.each([
  [['orders', 'count', '--scan']],
  [['orders', 'list']],
  [['orders', 'show', '5']],
  [['report']],
  [['dlq', 'list']],
])('the rights in deploy/acl are sufficient for %j', async (args) => {
  await bench.redis.flushdb();
  await bench.applyAll([[order('5'), item('5/71')]]);
  await bench.redis.call('ACL', 'LOG', 'RESET');
  (await clientWith(...redisRules(PASSWORD))).close();
  const [lines, notes]: [string[], string[]] = [[], []];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  const url = new URL(bench.url);
  url.username = USER;
  url.password = PASSWORD;
  expect(await main(['node', 'projector', ...args], {REDIS_URL: url.href}, output)).toBe(0);
  expect(notes).toEqual(args[0] === 'dlq' ? ['no record is quarantined'] : []);
  expect(await bench.redis.call('ACL', 'LOG')).toEqual([]);
});

test('the user for reports can run every reading command, and is not allowed to write', async () => {
  await bench.redis.flushdb();
  await bench.applyAll([[order('5'), item('5/71')]]);
  await bench.redis.call('ACL', 'LOG', 'RESET');
  const client = await clientWith(...redisRules(PASSWORD, 'reports'));
  const url = new URL(bench.url);
  Object.assign(url, {username: USER, password: PASSWORD});
  const before = await bench.snapshot();
  const commands = [
    ['report'],
    ['orders', 'count', '--scan'],
    ['orders', 'list'],
    ['orders', 'show', '5'],
    ['dlq', 'list'],
  ];
  const notes: string[] = [];
  const output = {line: () => undefined, note: (text: string) => notes.push(text)};
  for (const args of commands)
    expect({
      code: await main(['node', 'projector', ...args], {REDIS_URL: url.href}, output),
      notes,
    }).toMatchObject({code: 0});
  expect(await bench.redis.call('ACL', 'LOG')).toEqual([]);
  try {
    await client.connect();
    await expect(bench.modelOn(client).requireRights()).rejects.toMatchObject({kind: 'redis-denied'});
  } finally {
    client.close();
  }
  expect(await bench.snapshot()).toEqual(before);
});

test('the MySQL user can read orders and order_items, cannot read other tables, and cannot write', async () => {
  const {host, port, database} = testStack().env.mysql;
  const client = new MysqlClient({url: `mysql://projector:projector@${host}:${port}/${database}`});
  try {
    await client.connect();
    await client.consistentSnapshot(async (ask) => {
      for (const table of ['orders', 'order_items'])
        await expect(ask(`SELECT COUNT(*) AS n FROM ${table}`, [])).resolves.toHaveLength(1);
      for (const refused of ['SELECT * FROM heartbeat', "UPDATE orders SET status = 'x' WHERE id = 0"])
        await expect(ask(refused, [])).rejects.toMatchObject({kind: 'mysql-denied'});
    });
  } finally {
    client.close();
  }
});

test('a missing right to SCAN rejects a scan and names the command; a worker does not need this right', async () => {
  const client = await clientWith(...redisRules(PASSWORD), '-scan');
  try {
    await client.connect();
    await bench.modelOn(client).requireRights();
    await expect(client.keysMatching('order:*', 10).next()).rejects.toMatchObject({
      kind: 'redis-denied',
      detail: expect.stringContaining("'scan'") as string,
    });
  } finally {
    client.close();
  }
});

test.each([
  'hset',
  'hdel',
  'del',
  'set',
  'mset',
  'mget',
  'zadd',
  'zmscore',
  'zrem',
  'hincrby',
  'hmget',
  'type',
  'exists',
])('a missing right to %s is detected at start (I5)', async (command) => {
  const client = await clientWith(...redisRules(PASSWORD), `-${command}`);
  try {
    await client.connect();
    const failure: unknown = await bench
      .modelOn(client)
      .requireRights()
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({kind: 'redis-denied'});
    expect(String(failure)).toContain(
      `NOPERM this user has no permission to run ${command.toUpperCase()} on `,
    );
  } finally {
    client.close();
  }
});

test('a key that the user may not access is detected at start', async () => {
  const rules = redisRules(PASSWORD).filter((rule) => rule !== '~report:*');
  const client = await clientWith(...rules);
  try {
    await client.connect();
    await expect(bench.modelOn(client).requireRights()).rejects.toMatchObject({kind: 'redis-denied'});
  } finally {
    client.close();
  }
});

describe('eviction', () => {
  afterEach(async () => await bench.redis.config('SET', 'maxmemory-policy', 'noeviction'));

  test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])(
    'maxmemory-policy %s is rejected (F33) (S7)',
    async (policy) => {
      await bench.redis.config('SET', 'maxmemory-policy', policy);
      await expect(bench.client.requireSuitable()).rejects.toMatchObject({
        kind: 'redis-evicts',
        detail: expect.stringContaining(`maxmemory-policy ${policy}`) as string,
      });
    },
  );

  test.each(['noeviction', 'volatile-lru'])(
    'maxmemory-policy %s is accepted, because no key of the read model has an expiry (S7)',
    async (policy) => {
      await bench.redis.config('SET', 'maxmemory-policy', policy);
      await expect(bench.client.requireSuitable()).resolves.toBeUndefined();
    },
  );
});
