/** The values that a chunk computes for the orders that it creates, compared with a plain model. */
import {createdOrders, CreatedSums} from '../../src/apply/createdOrders.js';
import type {Change} from '../../src/domain/change.js';
import {reduce} from '../../src/reduce.js';
import {item, itemGone, order, orderGone} from '../support/changes.js';
import {OrderModel} from '../support/orderModel.js';
import {fc} from '../support/seededChecks.js';

const created = (id: string, user: string, total: string): Change => order(id, {user, total, isCreate: true});

test('an order counts as created if the chunk creates it first and deletes nothing of it', () => {
  const reduction = reduce([
    created('1', '7', '1.00'),
    order('2', {total: '2.00'}),
    item('3/31'),
    created('3', '7', '3.00'),
    created('4', '7', '4.00'),
    orderGone('4'),
    created('5', '7', '5.00'),
    orderGone('5'),
    created('5', '7', '5.50'),
    created('6', '7', '6.00'),
    itemGone('6/61'),
    created('7', '7', '7.00'),
    item('7/71'),
    order('7', {user: '8', total: '7.50'}),
  ]);
  const sums = new CreatedSums();
  const orders = createdOrders(reduction, undefined, sums);
  const {spent, revenue} = sums;
  expect(orders.map(({orderId}) => orderId)).toEqual(['1', '7']);
  expect(orders[1]?.row).toMatchObject({userId: '8', totalAmount: '7.50'});
  expect([[...spent], revenue]).toEqual([
    [
      ['7', 100],
      ['8', 750],
    ],
    {high: 0, low: 850},
  ]);
});

test('an order whose first change is an update or a delete is not created, whatever follows (I2)', () => {
  for (const first of [order('1'), orderGone('1'), item('1/11'), itemGone('1/11')]) {
    expect([...reduce([first, created('1', '7', '1.00')]).created]).toEqual([]);
  }
  expect([...reduce([created('1', '7', '1.00'), order('1')]).created]).toEqual(['1']);
});

test('line items are sorted numerically by their ids, whatever the length and sign of the ids', () => {
  const ids = [
    '-100',
    '-30',
    '-20',
    '-3',
    '0',
    '7',
    '20',
    '30',
    '100',
    '9007199254740993',
    '9007199254740995',
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(ids, {minLength: 1}), (chosen) => {
      const lines = chosen.map((id) => item(`1/${id}`, {product: '5', quantity: String(ids.indexOf(id))}));
      const [found] = createdOrders(reduce([created('1', '7', '1.00'), ...lines]));
      const sorted = ids.filter((id) => chosen.includes(id));
      const items = sorted.map((id) => `product_id:5,quantity:${ids.indexOf(id)}`);
      expect([found?.itemsCount, found?.items]).toEqual([chosen.length, items.join(';')]);
      expect(found?.storedItems).toBe(sorted.map((id) => `${id}:5:${ids.indexOf(id)}`).join(';'));
    }),
  );
});

const creation = fc
  .record({
    id: fc.constantFrom('1', '2', '3', '9007199254740993'),
    user: fc.constantFrom('7', '8'),
    total: fc.constantFrom('0.00', '45.99', '-3.50', '9999999999.99'),
    lines: fc.uniqueArray(fc.constantFrom('3', '20', '100'), {maxLength: 3}),
    product: fc.constantFrom('10', '11'),
    quantity: fc.constantFrom('0', '3', '-2', '2147483647'),
  })
  .map(({id, user, total, lines, product, quantity}) => [
    created(id, user, total),
    ...lines.map((one) => item(`${id}/${one}`, {product, quantity})),
  ]);

test('sums and line items equal those of the model that applies the same changes (I7)', () => {
  fc.assert(
    fc.property(fc.uniqueArray(creation, {selector: ([first]) => first?.orderId, maxLength: 4}), (all) => {
      const changes = all.flat();
      const sums = new CreatedSums();
      const orders = createdOrders(reduce(changes), undefined, sums);
      const {sold, spent, units, revenue} = sums;
      const content = OrderModel.of(changes).content('', []);
      const minor = BigInt(revenue.high) * 10n ** 8n + BigInt(revenue.low);
      const totals = {orders: orders.length, units, revenue: minor};
      expect(content['report:totals']).toEqual(
        Object.fromEntries(Object.entries(totals).map(([name, sum]) => [name, String(sum)])),
      );
      for (const [product, count] of sold) expect(content[`product:${product}:sold`]).toBe(String(count));
      const living = [...spent]
        .filter(([, amount]) => amount !== 0)
        .map(([user, amount]) => [user, String(amount)]);
      expect(Object.fromEntries(living)).toEqual(content['report:users'] ?? {});
      for (const {orderId, itemsCount, items, storedItems: lines} of orders) {
        expect(content[`order:${orderId}`]).toMatchObject({items_count: String(itemsCount), items});
        expect(content[`order_lines:${orderId}`] ?? '').toBe(lines);
      }
    }),
  );
});

test('sums in parts are the same sums, each product and user once, and the totals once', () => {
  const changes = Array.from({length: 7}, (_, index) => [
    created(String(index), String(index % 5), '9999999999.99'),
    item(`${index}/${index}`, {product: String(index), quantity: '3'}),
  ]).flat();
  const sums = new CreatedSums();
  createdOrders(reduce(changes), undefined, sums);
  sums.name(['6', '99']);
  const parts = sums.parts(3);
  expect(parts.map(({sold, spent}) => [sold.size, spent.size])).toEqual([
    [3, 3],
    [3, 2],
    [2, 0],
  ]);
  expect(new Map(parts.flatMap(({sold}) => [...sold]))).toEqual(sums.sold);
  expect(sums.sold.get('99')).toBe(0);
  expect(new Map(parts.flatMap(({spent}) => [...spent]))).toEqual(sums.spent);
  expect(parts.map(({orders, units, revenue}) => [orders, units, revenue.high])).toEqual([
    [7, 21, sums.revenue.high],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(new CreatedSums().parts(3)).toHaveLength(1);
});
