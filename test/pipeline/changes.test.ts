/** Each test changes rows of `orders` or `order_items` with SQL, and expects the result in Redis. */
import {freshId, inTransaction, Pipeline} from '../support/pipeline.js';

let shop: Pipeline;

beforeAll(async () => {
  shop = await Pipeline.open('changes');
});

afterEach(async () => {
  await shop.applied();
  expect(await shop.differences()).toEqual([]);
});

afterAll(async () => {
  await shop.close();
});

test('an order inserted with two line items in one transaction has exactly the five fields, with the text that MySQL prints (I8)', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const {id, user, lines} = await shop.placeOrder('45.90', [
    [tea, 1],
    [cup, 3],
  ]);
  await shop.applied();

  expect(await shop.order(id)).toEqual({
    id,
    user_id: user,
    total_amount: '45.90',
    items_count: '2',
    items: `product_id:${tea},quantity:1;product_id:${cup},quantity:3`,
  });
  expect(await shop.lines(id)).toEqual({[lines[0]!]: `${tea}:1`, [lines[1]!]: `${cup}:3`});
  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['1', '3']);
  expect(await shop.reported('products', cup)).toBe('3');
  expect(await shop.reported('users', user)).toBe('4590');
});

test('the totals count the orders, the units, and the revenue in minor units of the currency', async () => {
  await shop.applied();
  const before = await shop.totals();
  await shop.placeOrder('10.05', [[freshId(), 4]]);
  await shop.placeOrder('0.95', []);
  await shop.applied();

  const after = await shop.totals();
  expect(after.orders - before.orders).toBe(2n);
  expect(after.units - before.units).toBe(4n);
  expect(after.revenue - before.revenue).toBe(1100n);
});

test('an order without line items has items_count 0 and empty items', async () => {
  const {id, user} = await shop.placeOrder('0.00', []);
  await shop.applied();

  expect(await shop.order(id)).toEqual({
    id,
    user_id: user,
    total_amount: '0.00',
    items_count: '0',
    items: '',
  });
  expect(await shop.lines(id)).toEqual({});
  expect(await shop.reported('users', user)).toBeNull();
});

test('a changed quantity moves the counter of the product by the difference (C2)', async () => {
  const tea = freshId();
  const {id, lines} = await shop.placeOrder('9.00', [[tea, 2]]);
  await shop.sql('UPDATE order_items SET quantity = 7 WHERE id = ?', [lines[0]]);
  await shop.applied();

  expect(await shop.sold(tea)).toBe('7');
  expect(await shop.order(id)).toMatchObject({items_count: '1', items: `product_id:${tea},quantity:7`});

  await shop.sql('UPDATE order_items SET quantity = 3 WHERE id = ?', [lines[0]]);
  await shop.applied();
  expect(await shop.sold(tea)).toBe('3');
  expect(await shop.reported('products', tea)).toBe('3');
});

test('a line item that changes its product moves its units to the new product, and the old counter stays at 0', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const {id, lines} = await shop.placeOrder('9.00', [[tea, 5]]);
  await shop.applied();
  await shop.sql('UPDATE order_items SET product_id = ? WHERE id = ?', [cup, lines[0]]);
  await shop.applied();

  expect([await shop.sold(tea), await shop.sold(cup)]).toEqual(['0', '5']);
  expect([await shop.reported('products', tea), await shop.reported('products', cup)]).toEqual([null, '5']);
  expect(await shop.lines(id)).toEqual({[lines[0]!]: `${cup}:5`});
});

test('an order that changes its user and amount is removed from the old user and counted with the new amount for the new one', async () => {
  const tea = freshId();
  const {id, user} = await shop.placeOrder('19.99', [[tea, 1]]);
  await shop.applied();
  const other = freshId();
  await shop.sql('UPDATE orders SET user_id = ?, total_amount = 20.5 WHERE id = ?', [other, id]);
  await shop.applied();

  expect(await shop.order(id)).toEqual({
    id,
    user_id: other,
    total_amount: '20.50',
    items_count: '1',
    items: `product_id:${tea},quantity:1`,
  });
  expect([await shop.reported('users', user), await shop.reported('users', other)]).toEqual([null, '2050']);
});

test('a line item that moves to another order is removed from the first, added to the second, and counted once (S2) (F64)', async () => {
  const [tea, cup] = [freshId(), freshId()];
  const from = await shop.placeOrder('5.00', [
    [tea, 2],
    [cup, 1],
  ]);
  const to = await shop.placeOrder('6.00', []);
  await shop.applied();
  await shop.sql('UPDATE order_items SET order_id = ? WHERE id = ?', [to.id, from.lines[0]]);
  await shop.applied();

  expect(await shop.order(from.id)).toMatchObject({items_count: '1', items: `product_id:${cup},quantity:1`});
  expect(await shop.order(to.id)).toMatchObject({items_count: '1', items: `product_id:${tea},quantity:2`});
  expect(await shop.lines(to.id)).toEqual({[from.lines[0]!]: `${tea}:2`});
  expect(await shop.sold(tea)).toBe('2');

  await shop.sql('UPDATE order_items SET order_id = ?, quantity = 9 WHERE id = ?', [from.id, from.lines[0]]);
  await shop.applied();
  expect(await shop.lines(to.id)).toEqual({});
  expect(await shop.sold(tea)).toBe('9');
});

test('line items are sorted by id, not by the sequence of their events', async () => {
  const [tea, cup, pot] = [freshId(), freshId(), freshId()];
  const from = await shop.placeOrder('5.00', [[tea, 1]]);
  const to = await shop.placeOrder('6.00', [
    [cup, 2],
    [pot, 3],
  ]);
  await shop.applied();
  await shop.sql('UPDATE order_items SET order_id = ? WHERE id = ?', [to.id, from.lines[0]]);
  await shop.applied();

  expect((await shop.order(to.id))['items']).toBe(
    `product_id:${tea},quantity:1;product_id:${cup},quantity:2;product_id:${pot},quantity:3`,
  );
});

test('a transaction that is rolled back changes nothing', async () => {
  const tea = freshId();
  const {id} = await shop.placeOrder('5.00', [[tea, 1]]);
  await shop.applied();
  const refused = inTransaction(shop.mysql, async () => {
    await shop.addLine(id, tea, 50);
    await shop.sql('UPDATE orders SET total_amount = 99 WHERE id = ?', [id]);
    throw new Error('the customer went away');
  });
  await expect(refused).rejects.toThrow('the customer went away');
  await shop.applied();

  expect(await shop.sold(tea)).toBe('1');
  expect(await shop.order(id)).toMatchObject({total_amount: '5.00', items_count: '1'});
});

test('INSERT ... ON DUPLICATE KEY UPDATE is applied as an update', async () => {
  const tea = freshId();
  const {id, user, lines} = await shop.placeOrder('5.00', [[tea, 1]]);
  await shop.sql(
    `INSERT INTO order_items (id, order_id, product_id, quantity, unit_price) VALUES (?, ?, ?, 4, 1.50)
     ON DUPLICATE KEY UPDATE quantity = quantity + VALUES(quantity)`,
    [lines[0], id, tea],
  );
  await shop.sql(
    `INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 7)
     ON DUPLICATE KEY UPDATE total_amount = VALUES(total_amount)`,
    [id, user],
  );
  await shop.applied();

  expect(await shop.sold(tea)).toBe('5');
  expect(await shop.order(id)).toMatchObject({user_id: user, total_amount: '7.00', items_count: '1'});
});

test('a statement that changes many rows is applied to each of them', async () => {
  const tea = freshId();
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await shop.placeOrder('1.00', [])).id);
  await shop.sql(
    `INSERT INTO order_items (order_id, product_id, quantity, unit_price)
     SELECT id, ?, 10, 1.50 FROM orders WHERE id IN (?)`,
    [tea, ids],
  );
  await shop.sql('UPDATE order_items SET quantity = quantity + 1 WHERE product_id = ?', [tea]);
  await shop.applied();

  expect(await shop.sold(tea)).toBe('33');
});
