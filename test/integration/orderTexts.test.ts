/** The script that compares many orders at a time finds every difference that the comparison of single orders finds. */
import type {RedisClient} from '../../src/clients/redis/client.js';
import type {ExpectedOrder} from '../../src/operations/verify/expected.js';
import {compareOrders, type OrderHost} from '../../src/operations/verify/orders.js';
import {ORDER_TEXTS, unequalOrders} from '../../src/operations/verify/orderTexts.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {orderTexts} from '../support/orderTexts.js';
import {RedisBench} from '../support/redisBench.js';

const keys = keysWithPrefix('shop:');

let bench: RedisBench;
beforeAll(async () => (bench = await RedisBench.open(11)));
beforeEach(async () => await bench.redis.flushdb());
afterAll(async () => await bench.close());

function order(id: string, extra: Record<string, string> = {}): ExpectedOrder {
  const hash = {id, user_id: '5', total_amount: '1.50', items_count: '1', items: 'product_id:7,quantity:2'};
  return {order: {...hash, ...extra}, items: `${id}0:7:2`, fault: undefined};
}

const NOTHING: ExpectedOrder = {order: {}, items: '', fault: undefined};

/** Orders 1 to 120. Order 2 is hidden, so that it has line items only. Order 3 is deleted. */
async function stored(): Promise<Map<string, ExpectedOrder>> {
  const orders = new Map(Array.from({length: 120}, (_, i) => [String(i + 1), order(String(i + 1))]));
  orders.set('2', {...NOTHING, items: '20:7:2'});
  orders.set('3', NOTHING);
  orders.set('4', order('4', {note: 'ä ☕', status: 'paid'}));
  orders.set('5', order('5', {status: 'new'}));
  for (const [id, {order: hash, items}] of orders) {
    if (Object.keys(hash).length > 0) await bench.redis.hset(keys.order(id), hash);
    if (items !== '') await bench.redis.set(keys.orderLines(id), items);
  }
  return orders;
}

function hostOf(client: RedisClient): OrderHost {
  return {
    run: async (script, key, args) => await client.run(script, key, args),
    hashes: async (names) => await client.hashes(names),
    texts: async (names) => await client.texts(names),
  };
}

async function unequal(orders: ReadonlyMap<string, ExpectedOrder>): Promise<string[]> {
  const found = await unequalOrders(bench.client, orders, keys);
  const comparison = await compareOrders(bench.client, orders, keys);
  const differing = [...comparison].filter(([, findings]) => findings.length > 0).map(([id]) => id);
  // A value that contains the separator moves all parts after it. Then the orders of one script are compared one by one.
  if (found.size < 50) expect([...found].sort()).toEqual(differing.sort());
  expect(differing.filter((id) => !found.has(id))).toEqual([]);
  // Without the script, a comparison of single orders finds the same.
  const blind = {...hostOf(bench.client), run: async () => await Promise.resolve('')};
  expect(await compareOrders(blind, orders, keys)).toEqual(comparison);
  expect([...comparison.keys()]).toEqual([...orders.keys()]);
  return differing;
}

test('equal orders are equal, whatever the order of the fields is', async () => {
  const orders = await stored();
  expect(await unequal(orders)).toEqual([]);
  await bench.redis.del(keys.order('1'));
  const {id = '', ...others} = orders.get('1')?.order ?? {};
  await bench.redis.hset(keys.order('1'), others);
  await bench.redis.hset(keys.order('1'), {id});
  expect(await unequal(orders)).toEqual([]);
});

test.each<[string, (redis: RedisBench['redis']) => Promise<unknown>]>([
  ['a field differs', async (redis) => await redis.hset(keys.order('1'), 'user_id', '6')],
  ['a field is absent', async (redis) => await redis.hdel(keys.order('1'), 'user_id')],
  ['a field is surplus', async (redis) => await redis.hset(keys.order('1'), 'x', '')],
  ['a field of other orders is surplus', async (redis) => await redis.hset(keys.order('1'), 'note', '\x01')],
  ['a field is empty', async (redis) => await redis.hset(keys.order('1'), 'items', '')],
  [
    'a field contains the separator',
    async (redis) => await redis.hset(keys.order('1'), 'user_id', '5\x001.50'),
  ],
  ['the hash is absent', async (redis) => await redis.del(keys.order('1'))],
  ['the hash is a string', async (redis) => await redis.set(keys.order('1'), 'x')],
  ['the line items are absent', async (redis) => await redis.del(keys.orderLines('1'))],
  ['the line items differ', async (redis) => await redis.set(keys.orderLines('1'), '10:7:3')],
  [
    'the line items are a hash',
    async (redis) => await redis.call('COPY', keys.order('1'), keys.orderLines('1'), 'REPLACE'),
  ],
])('an order differs if %s', async (_name, change) => {
  const orders = await stored();
  await change(bench.redis);
  expect(await unequal(orders)).toEqual(['1']);
});

test('a hidden order must have no hash, and a deleted one no line items', async () => {
  const orders = await stored();
  await bench.redis.hset(keys.order('2'), 'id', '2');
  await bench.redis.set(keys.orderLines('3'), '30:7:1');
  expect(await unequal(orders)).toEqual(['2', '3']);
  await bench.redis.del(keys.order('2'), keys.orderLines('3'));
  await bench.redis.hset(keys.orderLines('3'), 'x', '1');
  await bench.redis.set(keys.order('3'), '1');
  expect(await unequal(orders)).toEqual(['3']);
});

test('orders that the text cannot hold are compared one by one', async () => {
  const long = {...order('2'), items: `20:7:2;${'21:7:2;'.repeat(10_000)}22:7:2`};
  const orders = new Map([
    ['1', order('1', {note: 'a\0b'})],
    ['2', long],
    ['3', {...NOTHING, fault: 'MySQL: column x'}],
  ]);
  for (const id of ['1', '2']) {
    await bench.redis.hset(keys.order(id), orders.get(id)?.order ?? {});
    await bench.redis.set(keys.orderLines(id), orders.get(id)?.items ?? '');
  }
  expect([...(await unequalOrders(bench.client, orders, keys))]).toEqual(['1', '2', '3']);
  const comparison = await compareOrders(bench.client, orders, keys);
  expect([...comparison].map(([id, findings]) => [id, findings.length])).toEqual([
    ['1', 0],
    ['2', 0],
    ['3', 1],
  ]);
});

test('the script that tests use in its place returns the same text', async () => {
  const orders = await stored();
  await bench.redis.set(keys.order('6'), 'x');
  await bench.redis.call('COPY', keys.order('1'), keys.orderLines('6'), 'REPLACE');
  const ids = [...orders.keys()];
  const hashes = await bench.client.hashes(ids.map((id) => keys.order(id)));
  const texts = await bench.client.texts(ids.map((id) => keys.orderLines(id)));
  const found = orderTexts(
    (key) => hashes[ids.indexOf(key.slice(keys.order('').length))],
    (key) => texts[ids.indexOf(key.slice(keys.orderLines('').length))],
  );
  const args = [keys.order(''), keys.orderLines(''), '3', 'id', 'note', 'items', ...ids];
  expect(await bench.client.run(ORDER_TEXTS, keys.order('1'), args)).toBe(
    await found(ORDER_TEXTS, keys.order('1'), args),
  );
});
