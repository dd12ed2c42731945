/**
 * What a chunk makes of the orders that it creates, computed before the script runs.
 *
 * The result is valid if Redis holds none of these orders. The script checks that. If Redis holds one of them, the script computes
 * the orders itself from what it reads.
 *
 * I8: ids and texts stay as they are. Quantities have at most 10 digits and amounts 12 (decode/fields.ts), so that the sums of
 * a chunk are exact numbers.
 *
 * Pure: no clock, no I/O.
 */
import type {OrderRow} from '../domain/order.js';
import {HIDDEN, type OrderPatch, type Reduction} from '../domain/patch.js';
import {isIdBefore, itemText} from '../redis-model/storedItems.js';

export interface CreatedOrder {
  readonly orderId: string;
  readonly row: OrderRow;
  readonly itemsCount: number;
  /** `product_id:10,quantity:1;product_id:15,quantity:3`, by item id. */
  readonly items: string;
  /** The stored form of the line items (redis-model/storedItems.ts). */
  readonly storedItems: string;
}

export interface CreatedOrders {
  readonly orders: readonly CreatedOrder[];
  /** Product id -> units. */
  readonly sold: ReadonlyMap<string, number>;
  /** User id -> minor units. */
  readonly spent: ReadonlyMap<string, number>;
  readonly units: number;
  readonly revenue: number;
}

/** The orders that the chunk creates, without those from which it also deletes something. */
export function createdOrders({patches, created}: Reduction): CreatedOrders {
  const orders: CreatedOrder[] = [];
  const sold = new Map<string, number>();
  const spent = new Map<string, number>();
  let units = 0;
  let revenue = 0;
  for (const orderId of created) {
    const order = createdOrder(orderId, patches.get(orderId));
    if (order === undefined) continue;
    orders.push(order);
    for (const item of patches.get(orderId)?.items.values() ?? []) {
      if (item === null) continue;
      const count = Number(item.quantity);
      units += count;
      if (item.productId !== '') sold.set(item.productId, (sold.get(item.productId) ?? 0) + count);
    }
    const cents = Number(order.row.totalAmount.replace('.', ''));
    revenue += cents;
    const {userId} = order.row;
    if (userId !== '') spent.set(userId, (spent.get(userId) ?? 0) + cents);
  }
  return {orders, sold, spent, units, revenue};
}

function createdOrder(orderId: string, patch: OrderPatch | undefined): CreatedOrder | undefined {
  if (patch === undefined || patch.reset || patch.row === null || patch.row === HIDDEN) return undefined;
  let count = 0;
  let items = '';
  let storedItems = '';
  let last = '';
  for (const [id, item] of patch.items) {
    if (item === null) return undefined;
    // The topic nearly always contains line items in the order of their ids, so that sorting is rarely needed.
    if (count > 0 && !isIdBefore(last, id)) return sortedOrder(orderId, patch.row, patch.items);
    const separator = count === 0 ? '' : ';';
    items += `${separator}product_id:${item.productId},quantity:${item.quantity}`;
    storedItems += separator + itemText(id, item);
    last = id;
    count++;
  }
  return {orderId, row: patch.row, itemsCount: count, items, storedItems};
}

function sortedOrder(
  orderId: string,
  row: OrderRow,
  itemsById: OrderPatch['items'],
): CreatedOrder | undefined {
  const sorted = [...itemsById].sort(([a], [b]) => (isIdBefore(a, b) ? -1 : 1));
  return createdOrder(orderId, {reset: false, row, items: new Map(sorted)});
}
