/** The line items of the orders in a batch. They are read in one pipeline, and the batch then updates them in memory. */
import type {Redis} from 'ioredis';
import {linesKey, type Event} from './design.js';

/** Item id -> `product:quantity`. */
export type Lines = Map<number, string>;

/** Reads the line items of all orders in the batch. An order that the batch creates has none, so it is not read. */
export async function linesOfOrders(redis: Redis, events: readonly Event[]): Promise<Map<number, Lines>> {
  const orders = new Map<number, Lines>();
  const asked: Lines[] = [];
  const pipeline = redis.pipeline();
  for (const {table, op, row} of events) {
    const orderId = table === 'orders' ? row.id : row.order_id;
    if (orders.has(orderId)) continue;
    const lines: Lines = new Map();
    orders.set(orderId, lines);
    if (table === 'orders' && op === 'c') continue;
    pipeline.hgetall(linesKey(orderId));
    asked.push(lines);
  }
  if (asked.length === 0) return orders;
  const replies = (await pipeline.exec()) ?? [];
  asked.forEach((lines, index) => {
    const fields = (replies[index]?.[1] ?? {}) as Record<string, string>;
    for (const [id, text] of Object.entries(fields)) lines.set(Number(id), text);
  });
  return orders;
}
