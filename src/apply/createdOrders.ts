/**
 * What a chunk makes of the orders that it creates, computed before the script runs.
 *
 * The result is valid if Redis holds none of these orders. The script checks that. If Redis holds one of them, the script computes
 * the orders itself from what it reads.
 *
 * I8: ids and texts stay as they are. Quantities have at most 10 digits and amounts 15 (decode/amounts.ts). So they are exact numbers, and
 * so are the sums of the units of a chunk. The sum of all amounts is kept in two parts.
 *
 * Pure: no clock, no I/O.
 */
import {HIDDEN, type OrderPatch, type Reduction} from '../domain/patch.js';
import {isIdBefore} from '../domain/id.js';
import {
  AMOUNT_DIGITS_MAX,
  digitCount,
  fromSmallestUnit,
  inSmallestUnit,
  type OrderRow,
} from '../domain/order.js';
import {itemText} from '../redis-model/storedItems.js';

export interface CreatedOrder {
  readonly orderId: string;
  readonly row: OrderRow;
  readonly itemsCount: number;
  /** `product_id:10,quantity:1;product_id:15,quantity:3`, by item id. */
  readonly items: string;
  /** The stored form of the line items (redis-model/storedItems.ts). */
  readonly storedItems: string;
}

/** Minor units: `high * REVENUE_UNIT + low`. */
export interface Revenue {
  readonly high: number;
  readonly low: number;
}

/** The same number is in plan.lua. */
export const REVENUE_UNIT = 10 ** 8;

export interface CreatedOrders {
  readonly orders: readonly CreatedOrder[];
  /** Product id -> units. */
  readonly sold: ReadonlyMap<string, number>;
  /** User id -> minor units. */
  readonly spent: ReadonlyMap<string, number>;
  readonly units: number;
  readonly revenue: Revenue;
}

/**
 * The orders that the chunk creates, without those from which it also deletes something. `itemDecimals` is the number of decimals of the
 * amounts of line items, if orders have no amount of their own.
 */
export function createdOrders({patches, created}: Reduction, itemDecimals?: number): CreatedOrders {
  const orders: CreatedOrder[] = [];
  const sold = new Map<string, number>();
  const spent = new Map<string, number>();
  let units = 0;
  let [high, low] = [0, 0];
  for (const orderId of created) {
    const order = createdOrder(orderId, patches.get(orderId), itemDecimals);
    if (order === undefined) continue;
    orders.push(order);
    for (const item of patches.get(orderId)?.items.values() ?? []) {
      if (item === null) continue;
      const count = inSmallestUnit(item.quantity);
      units += count;
      if (item.productId !== '') sold.set(item.productId, (sold.get(item.productId) ?? 0) + count);
    }
    const cents = inSmallestUnit(order.row.totalAmount);
    high += Math.trunc(cents / REVENUE_UNIT);
    low += cents % REVENUE_UNIT;
    const {userId} = order.row;
    if (userId !== '') spent.set(userId, (spent.get(userId) ?? 0) + cents);
  }
  return {orders, sold, spent, units, revenue: {high, low}};
}

function createdOrder(
  orderId: string,
  patch: OrderPatch | undefined,
  itemDecimals: number | undefined,
): CreatedOrder | undefined {
  if (patch === undefined || patch.reset || patch.row === null || patch.row === HIDDEN) return undefined;
  let count = 0;
  let items = '';
  let storedItems = '';
  let last = '';
  for (const [id, item] of patch.items) {
    if (item === null) return undefined;
    // The topic nearly always contains line items in the order of their ids, so that sorting is rarely needed.
    if (count > 0 && !isIdBefore(last, id)) return createdOrder(orderId, sorted(patch), itemDecimals);
    const separator = count === 0 ? '' : ';';
    items += `${separator}product_id:${item.productId},quantity:${item.quantity}`;
    storedItems += separator + itemText(id, item);
    last = id;
    count++;
  }
  const row =
    itemDecimals === undefined ? patch.row : {...patch.row, totalAmount: amountOf(patch, itemDecimals)};
  // The script rejects such an order in the same way, wherever its line items come from.
  if (itemDecimals !== undefined && digitCount(row.totalAmount) > AMOUNT_DIGITS_MAX) return undefined;
  return {orderId, row, itemsCount: count, items, storedItems};
}

function sorted(patch: OrderPatch): OrderPatch {
  return {...patch, items: new Map([...patch.items].sort(([a], [b]) => (isIdBefore(a, b) ? -1 : 1)))};
}

/** The amount of an order that has none of its own. */
function amountOf({items}: OrderPatch, decimals: number): string {
  let sum = 0n;
  for (const item of items.values()) sum += BigInt(item?.amount?.replace('.', '') ?? '0');
  return fromSmallestUnit(sum, decimals);
}
