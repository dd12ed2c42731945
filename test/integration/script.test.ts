/** Runs the apply script on a real Redis, and compares the result with the naive fold of the changes. */
import type {Change} from '../../src/domain/change.js';
import {item, itemGone, order, orderGone} from '../support/changes.js';
import {OrderModel} from '../support/orderModel.js';
import {RedisBench} from '../support/redisBench.js';

let bench: RedisBench;
beforeAll(async () => (bench = await RedisBench.open(5)));
afterAll(async () => await bench.close());
beforeEach(async () => await bench.redis.flushdb());

async function afterChunks(...chunks: Change[][]): Promise<void> {
  await bench.applyAll(chunks);
  expect(await bench.content()).toEqual(OrderModel.of(chunks.flat()).content());
}

test('an order and its line items are stored in the documented form', async () => {
  await bench.applyAll([
    [
      order('5', {user: '7', total: '45.99'}),
      item('5/71', {product: '10'}),
      item('5/72', {product: '15', quantity: '3'}),
    ],
  ]);
  expect(await bench.content()).toEqual({
    'order:5': {
      id: '5',
      user_id: '7',
      total_amount: '45.99',
      items_count: '2',
      items: 'product_id:10,quantity:1;product_id:15,quantity:3',
    },
    'order_lines:5': '71:10:1;72:15:3',
    'product:10:sold': '1',
    'product:15:sold': '3',
    'report:products': {'10': '1', '15': '3'},
    'report:users': {'7': '4599'},
    'report:totals': {orders: '1', units: '4', revenue: '4599'},
  });
});

test('the script writes the position in the same step, byte for byte (I1)', async () => {
  const position = 'v1 124 123 1795426801749 8b1a2c3d 5f3c9a10';
  await expect(bench.apply([order('5')], '', position)).resolves.toEqual({kind: 'applied'});
  await expect(bench.model.positions.read([0, 1])).resolves.toEqual([position, '']);
});

test('a chunk that expects another position is rejected and changes nothing (C1, C2)', async () => {
  await bench.applyAll([[order('5'), item('5/71')]]);
  const before = await bench.snapshot();
  const changes = [order('5', {total: '1.00'}), item('5/71', {quantity: '9'}), order('6')];
  for (const expected of ['', 'v1 0', 'v1 2', 'v1 1 ', 'v1 1.0', 'v1 01']) {
    await expect(bench.apply(changes, expected, 'v1 9')).resolves.toEqual({kind: 'rejected', stored: 'v1 1'});
  }
  expect(await bench.snapshot()).toEqual(before);
});

test('Redis executes two scripts and a read of one connection in the order in which they were sent (S6)', async () => {
  const answers = await Promise.all([
    bench.apply([order('5')], '', 'v1 1'),
    bench.apply([item('5/71')], 'v1 1', 'v1 2'),
    bench.model.positions.read([0]),
  ]);
  expect(answers).toEqual([{kind: 'applied'}, {kind: 'applied'}, ['v1 2']]);
});

test('each partition has its own position', async () => {
  await bench.applyAll([[order('5')]]);
  const outcome = await bench.model.apply(1, {
    expected: '',
    next: 'v1 7',
    reduction: {patches: new Map(), products: new Set(), created: new Set()},
  });
  expect(outcome).toEqual({kind: 'applied'});
  await expect(bench.model.positions.read([0, 1])).resolves.toEqual(['v1 1', 'v1 7']);
});

test('a chunk without changes only moves the position and creates the totals with the value 0', async () => {
  await afterChunks([]);
  await expect(bench.redis.hgetall('report:totals')).resolves.toEqual({
    orders: '0',
    units: '0',
    revenue: '0',
  });
});

describe('line items', () => {
  test('are sorted by their ids as numbers, whatever the length of the ids (I8)', async () => {
    const ids = ['9', '10', '100', '9007199254740992', '9007199254740993', '18446744073709551615', '2'];
    await afterChunks([order('5'), ...ids.map((id, index) => item(`5/${id}`, {product: String(index + 1)}))]);
    await expect(bench.redis.hget('order:5', 'items')).resolves.toBe(
      [7, 1, 2, 3, 4, 5, 6].map((product) => `product_id:${product},quantity:1`).join(';'),
    );
  });

  test('are stored but not counted before their order arrives', async () => {
    await afterChunks([item('5/71', {product: '10'})]);
    await expect(bench.redis.exists('order:5', 'order_lines:5')).resolves.toBe(1);
    await expect(bench.redis.get('order_lines:5')).resolves.toBe('71:10:1');
    await expect(bench.redis.get('product:10:sold')).resolves.toBe('0');
  });

  test('are counted when their order arrives', async () => {
    await afterChunks([item('5/71', {product: '10', quantity: '4'})], [order('5')]);
    await expect(bench.redis.get('product:10:sold')).resolves.toBe('4');
  });

  test('may change their product and quantity', async () => {
    await afterChunks(
      [order('5'), item('5/71', {product: '10', quantity: '4'})],
      [item('5/71', {product: '11', quantity: '2'})],
      [item('5/71', {product: '11', quantity: '3'})],
    );
  });

  test('may move to another order, whether the delete or the create arrives first', async () => {
    const both = [order('5'), order('6'), item('5/71', {product: '10'})];
    await afterChunks(both, [itemGone('5/71')], [item('6/71', {product: '10'})]);
    await bench.redis.flushdb();
    await afterChunks(both, [item('6/71', {product: '10'})], [itemGone('5/71')]);
  });

  test('that do not exist can be deleted', async () => {
    await afterChunks([order('5'), itemGone('5/71')], [itemGone('6/1')]);
    expect(await bench.redis.exists('order_lines:5', 'order_lines:6', 'order:6')).toBe(0);
  });

  test('that are all deleted leave the hash of their order, with items_count 0', async () => {
    await afterChunks([order('5'), item('5/71')], [itemGone('5/71')]);
    await expect(bench.redis.hmget('order:5', 'items_count', 'items')).resolves.toEqual(['0', '']);
    expect(await bench.redis.exists('order_lines:5')).toBe(0);
  });
});

describe('orders', () => {
  const full = [
    order('5', {user: '7', total: '45.99'}),
    item('5/71'),
    item('5/72', {product: '15', quantity: '3'}),
  ];

  test.each([
    ['alone', [orderGone('5')]],
    ['after their line items', [itemGone('5/71'), itemGone('5/72'), orderGone('5')]],
    ['before their line items', [orderGone('5'), itemGone('5/71'), itemGone('5/72')]],
  ])('that are deleted %s leave only counters at 0 (S4)', async (_name, deletes) => {
    await afterChunks(full, deletes);
    expect(await bench.content()).toEqual({
      'product:10:sold': '0',
      'product:15:sold': '0',
      'report:totals': {orders: '0', units: '0', revenue: '0'},
    });
    await bench.redis.flushdb();
    await afterChunks(full, ...deletes.map((change) => [change]));
  });

  test('that do not exist can be deleted without an effect', async () => {
    await afterChunks([orderGone('5')]);
  });

  test('that are deleted and created again end in the same state in one chunk and in several', async () => {
    const again = [orderGone('5'), order('5', {user: '8', total: '1.00'}), item('5/90', {product: '10'})];
    await afterChunks(full, again);
    const inOne = await bench.content();
    await bench.redis.flushdb();
    await afterChunks(full, ...again.map((change) => [change]));
    expect(await bench.content()).toEqual(inOne);
  });

  test('may change their user and their amount several times in one chunk', async () => {
    await afterChunks(full, [
      order('5', {user: '8', total: '1.00'}),
      order('5', {user: '9', total: '2.00'}),
      order('6', {user: '9', total: '-2.00'}),
    ]);
    await expect(bench.redis.exists('report:users')).resolves.toBe(0);
  });

  test('may have negative amounts and quantities, and the smallest and largest allowed ones', async () => {
    await afterChunks([
      order('5', {user: '7', total: '-9999999999.99'}),
      order('6', {user: '8', total: '9999999999.99'}),
      order('7', {user: '9', total: '0.00'}),
      item('5/1', {product: '10', quantity: '-9999999999'}),
      item('6/2', {product: '11', quantity: '9999999999'}),
      item('6/3', {product: '12', quantity: '0'}),
    ]);
  });

  test('with ids above 2^53 stay distinct in every key (I8)', async () => {
    const [a, b] = ['9007199254740992', '9007199254740993'];
    await afterChunks([
      order(a, {user: a}),
      order(b, {user: b}),
      item(`${a}/${a}`, {product: a}),
      item(`${b}/${b}`, {product: b, quantity: '2'}),
    ]);
  });
});

test('3,000 line items can be created, changed and deleted, each in one chunk', async () => {
  const ids = Array.from({length: 3_000}, (_, index) => String(1_000_000 + index * 7));
  const set = (quantity: string): Change[] =>
    ids.map((id, index) => item(`5/${id}`, {product: String(index % 1_500), quantity}));
  await afterChunks([order('5'), ...set('1')], set('2'));
  const most = ids.slice(0, 2_500);
  await bench.applyAll([most.map((id) => itemGone(`5/${id}`))]);
  expect((await bench.redis.get('order_lines:5'))?.split(';')).toHaveLength(500);
  await bench.applyAll([[orderGone('5'), ...set('3')], [orderGone('5')]]);
  expect(await bench.redis.exists('order:5', 'order_lines:5')).toBe(0);
  await expect(bench.redis.hget('report:totals', 'units')).resolves.toBe('0');
});

test('every key begins with the prefix', async () => {
  const shop = await RedisBench.open(5, {prefix: 'shop:'});
  await shop.applyAll([[order('5'), item('5/71')]]);
  const keys = await shop.redis.keys('*');
  expect(keys.filter((key) => !key.startsWith('shop:'))).toEqual([]);
  expect(await shop.content()).toEqual(OrderModel.of([order('5'), item('5/71')]).content('shop:'));
  await shop.close();
});

describe('extra columns', () => {
  const columns = ['status', 'created_at'];
  let shop: RedisBench;
  beforeAll(async () => (shop = await RedisBench.open(5, {extraColumns: columns})));
  afterAll(async () => await shop.close());

  test.each([
    ['a text', ['paid', '2026-11-23 08:32:40']],
    ['an empty text', ['', '+']],
    ['NULL', [null, null]],
  ])('%s replaces another value, and is stored in an order that is created again', async (_name, extra) => {
    for (const before of [
      [null, 'x'],
      ['new', null],
    ]) {
      await shop.redis.flushdb();
      const changes = [order('5', {extra: before}), order('5', {extra}), orderGone('6'), order('6', {extra})];
      await shop.applyAll(changes.map((change) => [change]));
      expect(await shop.content()).toEqual(OrderModel.of(changes).content('', columns));
    }
  });
});
