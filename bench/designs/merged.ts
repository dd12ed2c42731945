/**
 * The most efficient at-least-once design without a script. It merges all changes of a batch to one key into one command:
 * counters are summed, each order gets one HSET, and its line items get another one.
 */
import {
  itemFields,
  lineOf,
  linesKey,
  itemText,
  orderKey,
  soldKey,
  type Design,
  type Event,
} from './design.js';
import {linesOfOrders, type Lines} from './orderLines.js';

interface MergedOrder {
  isDeleted: boolean;
  row: {readonly id: number; readonly user_id: number; readonly total_amount: string} | undefined;
  readonly changedLines: Set<number>;
}

interface Sums {
  readonly lines: ReadonlyMap<number, Lines>;
  readonly orders: Map<number, MergedOrder>;
  readonly sold: Map<string, number>;
}

export const merged: Design = async (redis, events) => {
  const sums: Sums = {lines: await linesOfOrders(redis, events), orders: new Map(), sold: new Map()};
  for (const event of events) merge(event, sums);
  const pipeline = redis.pipeline();
  for (const [id, {isDeleted, row, changedLines}] of sums.orders) {
    if (isDeleted) {
      pipeline.del(orderKey(id), linesKey(id));
      continue;
    }
    const lines = sums.lines.get(id) ?? new Map<number, string>();
    const set: Record<string, string> = {};
    const gone: string[] = [];
    for (const line of changedLines) {
      const text = lines.get(line);
      if (text === undefined) gone.push(String(line));
      else set[line] = text;
    }
    if (gone.length > 0) pipeline.hdel(linesKey(id), ...gone);
    if (gone.length < changedLines.size) pipeline.hset(linesKey(id), set);
    pipeline.hset(orderKey(id), {...row, ...itemFields(lines)});
  }
  for (const [product, units] of sums.sold) if (units !== 0) pipeline.incrby(soldKey(product), units);
  await pipeline.exec();
};

function merge(event: Event, {lines, orders, sold}: Sums): void {
  const orderId = event.table === 'orders' ? event.row.id : event.row.order_id;
  const living = lines.get(orderId) ?? new Map<number, string>();
  let order = orders.get(orderId);
  if (order === undefined) {
    order = {isDeleted: false, row: undefined, changedLines: new Set()};
    orders.set(orderId, order);
  }
  const sell = (text: string | undefined, sign: number): void => {
    if (text === undefined) return;
    const {product, quantity} = lineOf(text);
    sold.set(product, (sold.get(product) ?? 0) + sign * quantity);
  };
  if (event.table === 'order_items') {
    const {row, op} = event;
    sell(living.get(row.id), -1);
    if (op === 'd') living.delete(row.id);
    else living.set(row.id, itemText(row));
    sell(living.get(row.id), 1);
    order.changedLines.add(row.id);
  } else if (event.op === 'd') {
    for (const text of living.values()) sell(text, -1);
    living.clear();
    order.isDeleted = true;
  } else {
    const {id, user_id, total_amount} = event.row;
    order.row = {id, user_id, total_amount};
  }
}
