/**
 * Each test deletes rows, inserts them again or changes their keys with SQL, and expects the result in
 * Redis.
 */
import {freshId, inTransaction, Pipeline, type PlacedOrder} from '../support/pipeline.js';
import {logsForeignKeyActions} from '../support/shop.js';

let shop: Pipeline;

beforeAll(async () => {
  shop = await Pipeline.open('deletes');
});

afterEach(async () => {
  await shop.applied();
  expect(await shop.differences()).toEqual([]);
});

afterAll(async () => {
  await shop.close();
});

async function expectGone({id, user}: PlacedOrder, products: readonly string[]): Promise<void> {
  expect(await shop.order(id)).toEqual({});
  expect(await shop.lines(id)).toEqual({});
  expect(await shop.reported('users', user)).toBeNull();
  for (const product of products) {
    expect(await shop.sold(product)).toBe('0');
    expect(await shop.reported('products', product)).toBeNull();
  }
}

/** Runs statements that the foreign keys would reject, or would reject in this order. */
async function withoutForeignKeys(work: () => Promise<void>): Promise<void> {
  await shop.sql('SET SESSION foreign_key_checks = 0');
  try {
    await work();
  } finally {
    await shop.sql('SET SESSION foreign_key_checks = 1');
  }
}

test('an order that is deleted after its line items leaves only counters at 0, and nothing is counted twice (C2)', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const order = await shop.placeOrder('8.00', [
    [tea, 2],
    [cup, 3],
  ]);
  await shop.applied();
  await inTransaction(shop.mysql, async () => {
    await shop.sql('DELETE FROM order_items WHERE order_id = ?', [order.id]);
    await shop.sql('DELETE FROM orders WHERE id = ?', [order.id]);
  });
  await shop.applied();

  await expectGone(order, [tea, cup]);
});

test('a deleted order releases all its units, although no event reports the cascade to its line items (S4) (F74a)', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const order = await shop.placeOrder('8.00', [
    [tea, 2],
    [cup, 3],
  ]);
  const other = await shop.placeOrder('1.00', [[tea, 10]]);
  await shop.applied();
  expect(await shop.sold(tea)).toBe('12');
  await shop.sql('DELETE FROM orders WHERE id = ?', [order.id]);
  await shop.applied();

  expect(await shop.order(order.id)).toEqual({});
  expect(await shop.lines(order.id)).toEqual({});
  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['10', '0']);
  expect(await shop.order(other.id)).toMatchObject({items_count: '1'});
});

test('an order whose first line item is deleted keeps the second one and its units', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const {id, lines} = await shop.placeOrder('8.00', [
    [tea, 2],
    [cup, 3],
  ]);
  await shop.sql('DELETE FROM order_items WHERE id = ?', [lines[0]]);
  await shop.applied();

  expect(await shop.order(id)).toMatchObject({items_count: '1', items: `product_id:${cup},quantity:3`});
  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['0', '3']);
});

test('an order that is inserted and deleted in one transaction leaves only counters at 0', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const order = await inTransaction(shop.mysql, async () => {
    const user = freshId();
    const id = await shop.insert('INSERT INTO orders (user_id, total_amount) VALUES (?, 4)', [user]);
    const lines = [await shop.addLine(id, tea, 2), await shop.addLine(id, cup, 1)];
    await shop.sql('DELETE FROM order_items WHERE id = ?', [lines[1]]);
    await shop.sql('DELETE FROM orders WHERE id = ?', [id]);
    return {id, user, lines};
  });
  await shop.applied();

  await expectGone(order, [tea, cup]);
});

test('an order that is recreated with the same id contains only its new data', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const order = await shop.placeOrder('8.00', [[tea, 2]]);
  await shop.applied();
  const user = freshId();
  await shop.sql('DELETE FROM orders WHERE id = ?', [order.id]);
  await shop.sql('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 3)', [order.id, user]);
  const line = await shop.addLine(order.id, cup, 6);
  await shop.applied();

  expect(await shop.order(order.id)).toEqual({
    id: order.id,
    user_id: user,
    total_amount: '3.00',
    items_count: '1',
    items: `product_id:${cup},quantity:6`,
  });
  expect(await shop.lines(order.id)).toEqual({[line]: `${cup}:6`});
  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['0', '6']);
  expect(await shop.reported('users', order.user)).toBeNull();
});

test('REPLACE of an order removes its line items, as in MySQL before 9.6 (S4)', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const order = await shop.placeOrder('8.00', [[tea, 2]]);
  await shop.sql('REPLACE INTO orders (id, user_id, total_amount) VALUES (?, ?, 5)', [order.id, order.user]);
  await shop.addLine(order.id, cup, 1);
  await shop.applied();

  expect(await shop.order(order.id)).toMatchObject({
    total_amount: '5.00',
    items: `product_id:${cup},quantity:1`,
  });
  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['0', '1']);
  // From 9.6 on, MySQL keeps the line items. `ORDER_ITEMS_ON_ORDER_DELETE=keep` fits there (pipeline/orderDeletes).
  const rows = await shop.rows('SELECT id FROM order_items WHERE order_id = ?', [order.id]);
  expect(rows).toHaveLength((await logsForeignKeyActions()) ? 2 : 1);
  if (rows.length > 1) await shop.sql('DELETE FROM orders WHERE id = ?', [order.id]);
});

test('REPLACE of a line item counts it once', async () => {
  const tea = freshId();
  const {id, lines} = await shop.placeOrder('8.00', [[tea, 2]]);
  await shop.applied();
  await shop.sql(
    'REPLACE INTO order_items (id, order_id, product_id, quantity, unit_price) VALUES (?, ?, ?, 5, 1)',
    [lines[0], id, tea],
  );
  await shop.applied();

  expect(await shop.sold(tea)).toBe('5');
  expect(await shop.lines(id)).toEqual({[lines[0]!]: `${tea}:5`});
});

test('a line item that arrives before its order is kept, and counted when the order arrives (F67)', async () => {
  const tea = freshId();
  const {id, user} = await shop.placeOrder('2.00', []);
  await shop.sql('DELETE FROM orders WHERE id = ?', [id]);
  await withoutForeignKeys(async () => {
    const line = await shop.addLine(id, tea, 4);
    await shop.applied();
    expect(await shop.order(id)).toEqual({});
    expect(await shop.lines(id)).toEqual({[line]: `${tea}:4`});
    expect(await shop.sold(tea)).toBe('0');
    expect(await shop.differences()).toEqual([]);
  });
  await shop.sql('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 2)', [id, user]);
  await shop.applied();

  expect(await shop.order(id)).toMatchObject({items_count: '1', items: `product_id:${tea},quantity:4`});
  expect(await shop.sold(tea)).toBe('4');
});

test('an order without line items keeps its data when its primary key changes (F63)', async () => {
  const order = await shop.placeOrder('2.00', []);
  const staging = await shop.placeOrder('1.00', []);
  await shop.sql('DELETE FROM orders WHERE id = ?', [staging.id]);
  await shop.applied();
  await shop.sql('UPDATE orders SET id = ? WHERE id = ?', [staging.id, order.id]);
  await shop.applied();

  expect(await shop.order(order.id)).toEqual({});
  expect(await shop.order(staging.id)).toEqual({
    id: staging.id,
    user_id: order.user,
    total_amount: '2.00',
    items_count: '0',
    items: '',
  });
  expect(await shop.reported('users', order.user)).toBe('200');
});

test('an order whose primary key changes keeps its line items if they move in the same transaction (F63)', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const order = await shop.placeOrder('2.00', [
    [tea, 1],
    [cup, 2],
  ]);
  const staging = await shop.placeOrder('1.00', []);
  await shop.sql('DELETE FROM orders WHERE id = ?', [staging.id]);
  await shop.applied();
  await withoutForeignKeys(async () => {
    await inTransaction(shop.mysql, async () => {
      await shop.sql('UPDATE orders SET id = ? WHERE id = ?', [staging.id, order.id]);
      await shop.sql('UPDATE order_items SET order_id = ? WHERE order_id = ?', [staging.id, order.id]);
    });
  });
  await shop.applied();

  expect(await shop.order(order.id)).toEqual({});
  expect(await shop.lines(order.id)).toEqual({});
  expect(await shop.order(staging.id)).toEqual({
    id: staging.id,
    user_id: order.user,
    total_amount: '2.00',
    items_count: '2',
    items: `product_id:${tea},quantity:1;product_id:${cup},quantity:2`,
  });
  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['1', '2']);
});

test('a line item whose primary key changes is counted once (F63)', async () => {
  const tea = freshId();
  const {id, lines} = await shop.placeOrder('2.00', [[tea, 3]]);
  const staging = await shop.addLine(id, tea, 1);
  await shop.sql('DELETE FROM order_items WHERE id = ?', [staging]);
  await shop.applied();
  await shop.sql('UPDATE order_items SET id = ? WHERE id = ?', [staging, lines[0]]);
  await shop.applied();

  expect(await shop.lines(id)).toEqual({[staging]: `${tea}:3`});
  expect(await shop.order(id)).toMatchObject({items_count: '1', items: `product_id:${tea},quantity:3`});
  expect(await shop.sold(tea)).toBe('3');
});
