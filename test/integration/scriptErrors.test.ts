/** Errors that the apply script detects. It must then write nothing at all (I5, C3). */
import {ReadModel} from '../../src/apply/readModel.js';
import {RedisClient} from '../../src/clients/redis/client.js';
import {reduce} from '../../src/reduce.js';
import {item, order, orderGone} from '../support/changes.js';
import {OrderModel} from '../support/orderModel.js';
import {LAYOUT, RedisBench, TOPIC} from '../support/redisBench.js';

let bench: RedisBench;
beforeAll(async () => (bench = await RedisBench.open(6)));
afterAll(async () => await bench.close());

const BEFORE = [
  order('5', {user: '7', total: '45.99'}),
  item('5/71', {product: '10', quantity: '2'}),
  order('6', {user: '8', total: '1.00'}),
  item('6/80', {product: '11'}),
  item('6/81', {product: '12'}),
];
beforeEach(async () => {
  await bench.redis.flushdb();
  await bench.applyAll([BEFORE]);
});

/** Changes orders 5, 6 and 7, the existing products 10 to 12, and the new products 20 to 39. */
const CHUNK = [
  orderGone('6'),
  order('5', {user: '9', total: '2.00'}),
  item('5/71', {product: '12', quantity: '5'}),
  ...Array.from({length: 20}, (_, index) => item(`5/${100 + index}`, {product: String(20 + index)})),
  order('7'),
];

async function expectCorrupt(message: RegExp): Promise<void> {
  const before = await bench.snapshot();
  const attempt = bench.apply(CHUNK, 'v1 1', 'v1 2');
  await expect(attempt).rejects.toMatchObject({
    kind: 'read-model-corrupt',
    detail: expect.stringMatching(message) as string,
  });
  expect(await bench.snapshot()).toEqual(before);
}

/** Expects that the script names the corrupt order and writes nothing. */
async function expectCorruptOrder(orderId: string, what: string): Promise<void> {
  const before = await bench.snapshot();
  await expect(bench.apply(CHUNK, 'v1 1', 'v1 2')).resolves.toEqual({kind: 'corrupt', orderId, what});
  expect(await bench.snapshot()).toEqual(before);
}

test('the chunk of these tests is applied if no key is foreign', async () => {
  await expect(bench.apply(CHUNK, 'v1 1', 'v1 2')).resolves.toEqual({kind: 'applied'});
  expect(await bench.content()).toEqual(OrderModel.of([...BEFORE, ...CHUNK]).content());
});

describe('a foreign type under a key is an error that names the key, and nothing is written (F38) (I5)', () => {
  test.each([
    ['order:5', '5', 'hash'],
    ['order:6', '6', 'hash'],
    ['order:7', '7', 'hash'],
    ['order_lines:5', '5', 'string'],
    ['order_lines:6', '6', 'string'],
  ])('%s makes its order corrupt', async (key, orderId, type) => {
    await bench.redis.del(key);
    await bench.redis.lpush(key, 'foreign');
    await expectCorruptOrder(orderId, `${key} is not a ${type}`);
  });

  test.each(['projector:position:test.events:0', 'projector:layout', 'projector:chunks'])(
    '%s is reported as WRONGTYPE',
    async (key) => {
      await bench.redis.del(key);
      await bench.redis.lpush(key, 'foreign');
      await expectCorrupt(/WRONGTYPE/);
    },
  );

  test.each([
    ['report:products', 'set', 'zset'],
    ['report:users', 'set', 'zset'],
    ['report:totals', 'set', 'hash'],
    ['projector:quarantine', 'set', 'hash'],
  ])('%s is reported with its type and the expected one', async (key, type, wanted) => {
    await bench.redis.del(key);
    await bench.redis.sadd(key, 'foreign');
    await expectCorrupt(new RegExp(`CORRUPT ${key} is a ${type}, not a ${wanted}`));
  });
});

describe('a foreign value in a product counter is an error, and no byte is written (I5)', () => {
  const products = ['10', '11', '12', ...Array.from({length: 20}, (_, index) => String(20 + index))];

  // Lua iterates over a table in undefined order. So each product is the bad one once, to cover every place.
  test.each(products)('the error names the counter of product %s', async (product) => {
    const key = `product:${product}:sold`;
    await bench.redis.set(key, 'foreign');
    await expectCorrupt(new RegExp(`CORRUPT ${key} is not a whole number`));
  });

  test.each([
    ['a list', async (key: string) => await bench.redis.del(key).then(() => bench.redis.lpush(key, '1'))],
    ['a fraction', async (key: string) => await bench.redis.set(key, '1.5')],
    ['the largest 64-bit integer', async (key: string) => await bench.redis.set(key, '9223372036854775807')],
    ['the largest number of 15 digits', async (key: string) => await bench.redis.set(key, '999999999999999')],
  ])('%s is rejected', async (_name, put) => {
    await put('product:12:sold');
    await expectCorrupt(/CORRUPT product:12:sold is not a whole number/);
  });

  // The tonumber function of Lua accepts some of these texts and rejects others.
  test.each(['7-2', '7,2', ' 7', '7 ', '+7', '007', '-0', '-', '', '0x7', '1e3', 'nan', 'inf'])(
    'the text %j is rejected, whether the counter goes up or down',
    async (text) => {
      for (const product of ['10', '11', '12']) {
        const key = `product:${product}:sold`;
        const before = await bench.redis.getset(key, text);
        await expectCorrupt(new RegExp(`CORRUPT ${key} is not a whole number`));
        await bench.redis.set(key, before ?? '0');
      }
    },
  );
});

describe('a foreign value in the totals or in an order (I5)', () => {
  test.each(['orders', 'units', 'revenue'])('the total %s must be a whole number', async (field) => {
    for (const value of ['foreign', '1.5', '', '-', '007', '99999999999999999999']) {
      await bench.redis.hset('report:totals', field, value);
      await expectCorrupt(/CORRUPT report:totals has a field that is not a whole number/);
    }
  });

  test('an order without its user or its amount is corrupt', async () => {
    for (const field of ['user_id', 'total_amount']) {
      await bench.redis.hdel('order:5', field);
      await expectCorruptOrder('5', 'order:5 lacks user_id or total_amount');
      await bench.redis.hset('order:5', field, '1');
    }
  });

  test.each(['foreign', '', 'nan', 'inf', '1e9', '0x10', '99999999999999999999.99'])(
    'the amount %j makes the order corrupt',
    async (amount) => {
      await bench.redis.hset('order:5', 'total_amount', amount);
      await expectCorruptOrder('5', 'order:5 holds a total_amount that cannot be read');
    },
  );

  test.each([
    ...[
      'foreign',
      '71',
      '71:10',
      ':',
      '71:10:x',
      '71:10:1:2',
      '71:10:9999999999999999',
      '70:10:9999999999999999',
    ],
    ...['71:10:1;', ';71:10:1', '71:10:1;;72:10:1', '71:10:1,72:10:1', '71:10:1;x', '71:10:1 '],
    ...['72:10:1;71:10:1', '71:10:1;71:10:1', '71:10:1;9:10:1', '-3:10:1;-20:10:1'],
  ])('the line items %j make the order corrupt', async (text) => {
    await bench.redis.set('order_lines:5', text);
    await expectCorruptOrder('5', 'order_lines:5 holds a line item that cannot be read');
  });

  test('an unreadable line item without an order is detected, even if the chunk replaces it', async () => {
    await bench.redis.set('order_lines:8', '90:10:9999999999999999');
    const before = await bench.snapshot();
    await expect(bench.apply([item('8/90', {product: '10'})], 'v1 1', 'v1 2')).resolves.toEqual({
      kind: 'corrupt',
      orderId: '8',
      what: 'order_lines:8 holds a line item that cannot be read',
    });
    expect(await bench.snapshot()).toEqual(before);
  });
});

describe('the chunk counter (I5)', () => {
  test('shows that Redis has executed a chunk twice', async () => {
    await bench.redis.hincrby('projector:chunks', 'begun', 1);
    await expectCorrupt(
      /CORRUPT projector:chunks shows that Redis has executed a chunk or a part of it twice/,
    );
  });

  test('starts again at 1 if it was deleted', async () => {
    await bench.redis.del('projector:chunks');
    await expect(bench.apply(CHUNK, 'v1 1', 'v1 2')).resolves.toEqual({kind: 'applied'});
    expect(await bench.redis.hgetall('projector:chunks')).toEqual({begun: '1', finished: '1'});
  });

  test('is rejected if it is not a whole number', async () => {
    await bench.redis.hset('projector:chunks', {begun: 'x', finished: 'x'});
    await expectCorrupt(/CORRUPT projector:chunks has a field that is not a whole number/);
  });
});

describe('a position that was restored without its data (I1, I5)', () => {
  test.each(['report:totals', 'projector:layout'])('is detected if %s is missing', async (key) => {
    await bench.redis.del(key);
    await expectCorrupt(new RegExp(`CORRUPT ${key} is missing, although Redis holds a position`));
  });
});

test('a read model with another layout is rejected (I13)', async () => {
  const before = await bench.snapshot();
  const other = LAYOUT.replace('decimals=2', 'decimals=3');
  const model = new ReadModel(bench.client, TOPIC, {prefix: '', layout: other, extraColumns: []});
  const request = {expected: 'v1 1', next: 'v1 2', reduction: reduce(CHUNK)};
  await expect(model.apply(0, request)).rejects.toMatchObject({kind: 'layout-changed'});
  await expect(model.requireLayout()).rejects.toMatchObject({kind: 'layout-changed'});
  await expect(bench.model.requireLayout()).resolves.toBeUndefined();
  expect(await bench.snapshot()).toEqual(before);
});

test('a fraction as the score of a report member does not stop the script in the middle of a chunk (I5)', async () => {
  await bench.redis.zadd('report:products', '0.5', '10');
  await expect(bench.apply(CHUNK, 'v1 1', 'v1 2')).resolves.toEqual({kind: 'applied'});
  await expect(bench.model.positions.read([0])).resolves.toEqual(['v1 2']);
});

describe('a Redis user without a right that the script needs', () => {
  const user = 'order-projector-test';
  afterEach(async () => await bench.redis.call('ACL', 'DELUSER', user));

  test.each([
    ['mset', 'redis-denied'],
    ['zmscore', 'redis-denied'],
  ])('without the right to %s the error is %s, and nothing is written (I5)', async (command, kind) => {
    await bench.redis.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', '&*', '+@all', `-${command}`);
    const url = new URL(bench.url);
    url.username = user;
    url.password = 'secret';
    const client = new RedisClient({url: url.href, timeoutMs: 5_000});
    await client.connect();
    const before = await bench.snapshot();
    const request = {expected: 'v1 1', next: 'v1 2', reduction: reduce(CHUNK)};
    const failure: unknown = await bench
      .modelOn(client)
      .apply(0, request)
      .catch((error: unknown) => error);
    client.close();
    expect(failure).toMatchObject({kind});
    expect(String(failure)).not.toContain('secret');
    expect(await bench.snapshot()).toEqual(before);
  });
});
