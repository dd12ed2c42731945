/**
 * What a chunk makes of the orders that it creates, computed before the script runs.
 *
 * The result is valid if Redis holds none of these orders. The apply script checks that. If Redis holds one of them, the script computes
 * the orders itself from what it reads. An initial load writes to an empty read model, so load.lua need not check it.
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

/** What created orders add to the counters and reports. */
export class CreatedSums {
  orders = 0;
  units = 0;
  readonly revenue = {high: 0, low: 0};
  /** Product id -> units. */
  readonly sold = new Map<string, number>();
  /** User id -> minor units. */
  readonly spent = new Map<string, number>();
  /** No sum is larger. */
  #magnitude = 0;

  add({userId, totalAmount}: OrderRow, items: OrderPatch['items']): void {
    this.orders++;
    for (const item of items.values()) {
      if (item === null) continue;
      const count = inSmallestUnit(item.quantity);
      this.units += count;
      this.#magnitude += Math.abs(count);
      if (item.productId !== '') this.sold.set(item.productId, (this.sold.get(item.productId) ?? 0) + count);
    }
    const cents = inSmallestUnit(totalAmount);
    this.revenue.high += Math.trunc(cents / REVENUE_UNIT);
    this.revenue.low += cents % REVENUE_UNIT;
    const carried = Math.trunc(this.revenue.low / REVENUE_UNIT);
    this.revenue.high += carried;
    this.revenue.low -= carried * REVENUE_UNIT;
    this.#magnitude += Math.abs(cents);
    if (userId !== '') this.spent.set(userId, (this.spent.get(userId) ?? 0) + cents);
  }

  /** The sums could soon be larger than a number that is exact (I8). */
  get isLarge(): boolean {
    return this.#magnitude > 2 ** 52;
  }

  /** How many products and users have a sum. */
  get size(): number {
    return this.sold.size + this.spent.size;
  }

  /** The same sums, in parts of at most `most` products and users each. The first part contains the totals. */
  parts(most: number): CreatedSums[] {
    const [sold, spent] = [[...this.sold], [...this.spent]];
    const count = Math.max(1, Math.ceil(Math.max(sold.length, spent.length) / most));
    return Array.from({length: count}, (_, index) => {
      const part = new CreatedSums();
      const [from, to] = [index * most, (index + 1) * most];
      for (const [product, units] of sold.slice(from, to)) part.sold.set(product, units);
      for (const [user, cents] of spent.slice(from, to)) part.spent.set(user, cents);
      if (index === 0) part.#takeTotals(this);
      return part;
    });
  }

  #takeTotals({orders, units, revenue}: CreatedSums): void {
    this.orders = orders;
    this.units = units;
    Object.assign(this.revenue, revenue);
  }

  /** A product that a line item names gets its counter even at 0 (I7). */
  name(products: Iterable<string>): void {
    for (const product of products) if (!this.sold.has(product)) this.sold.set(product, 0);
  }
}

/**
 * The orders that the chunk creates, without those from which it also deletes something. `sums`, if given, receives what they add to counters
 * and reports. `itemDecimals` is the number of decimals of the amounts of line items, if orders have no amount of their own.
 */
export function createdOrders(
  {patches, created}: Reduction,
  itemDecimals?: number,
  sums?: CreatedSums,
): CreatedOrder[] {
  const orders: CreatedOrder[] = [];
  for (const orderId of created) {
    const patch = patches.get(orderId);
    const order = createdOrder(orderId, patch, itemDecimals);
    if (order === undefined || patch === undefined) continue;
    orders.push(order);
    sums?.add(order.row, patch.items);
  }
  return orders;
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
