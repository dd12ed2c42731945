/** Random changes of few ids, so that they affect the same orders: moves, deletes, re-creations, items without an order. */
import fc from 'fast-check';
import type {Change} from '../../src/domain/change.js';
import {item, itemGone, order, orderGone, orderHidden} from './changes.js';

const orderId = fc.constantFrom('1', '2', '9007199254740993', 'a%3A1');
const itemId = fc.constantFrom(
  '3',
  '20',
  '100',
  '9007199254740992',
  '9007199254740993',
  'x%3B',
  'B~1',
  'a_1',
  '3%2FXL',
);
const user = fc.constantFrom('7', '8', '', '6f1c-a');
const product = fc.constantFrom('10', '11', '12', '', 'S18_1749');
const total = fc.constantFrom('0.00', '45.99', '-3.50', '9999999999999.99');
const quantity = fc.constantFrom('1', '3', '0', '-2', '2147483647');
const extra = fc.constantFrom(null, '', 'paid');

const anyLine = fc.tuple(orderId, itemId).map(([a, b]) => `${a}/${b}`);
const upsert = fc
  .tuple(orderId, user, total, extra, fc.boolean())
  // The hint of the connector may be wrong.
  .map(([id, by, amount, status, isCreate]) => [
    order(id, {user: by, total: amount, extra: [status], isCreate}),
  ]);
const setLine = fc
  .tuple(anyLine, product, quantity)
  .map(([id, of, count]) => [item(id, {product: of, quantity: count})]);
/** A line item moves from one order to another. The two changes may arrive in either order. */
const move = fc.tuple(orderId, orderId, itemId, product, fc.boolean()).map(([from, to, id, of, isLate]) => {
  const steps = [itemGone(`${from}/${id}`), item(`${to}/${id}`, {product: of})];
  return isLate ? steps.reverse() : steps;
});
const recreate = orderId.map((id) => [orderGone(id), order(id, {user: '8', total: '1.00', extra: [null]})]);

/** The same changes for a shop whose orders have no amount of their own, and whose quantities have decimals. */
export function withItemAmounts(all: readonly Change[]): Change[] {
  return all.map((change) => {
    if (change.kind === 'order-upserted') return {...change, row: {...change.row, totalAmount: ''}};
    if (change.kind !== 'item-upserted') return change;
    const {productId, quantity} = change.item;
    const amount = `${quantity}${productId.length}.05`.replace(/^(-?)0(?=\d)/, '$1');
    return {...change, item: {productId, quantity: `${quantity}.25`, amount}};
  });
}

/** A sequence of changes, as in the topic. */
export const changes = (maxSteps = 30): fc.Arbitrary<Change[]> =>
  fc
    .array(
      fc.oneof(
        {weight: 4, arbitrary: upsert},
        {weight: 6, arbitrary: setLine},
        {weight: 3, arbitrary: anyLine.map((id) => [itemGone(id)])},
        {weight: 2, arbitrary: orderId.map((id) => [orderGone(id)])},
        {weight: 2, arbitrary: orderId.map((id) => [orderHidden(id)])},
        {weight: 1, arbitrary: recreate},
        {weight: 2, arbitrary: move},
      ),
      {maxLength: maxSteps, size: 'max'},
    )
    .map((steps) => steps.flat());

/** The column names of the values in `extra`. */
export const ORDER_EXTRA_COLUMNS = ['status'] as const;

/** A long sequence of changes. The same seed gives the same sequence. */
export function longRun(seed: number, least = 600): Change[] {
  const found: Change[] = [];
  for (let part = seed * 1_000; found.length < least; part++) {
    found.push(...(fc.sample(changes(60), {numRuns: 1, seed: part})[0] ?? []));
  }
  return found;
}
