/** The lines of the orders that a batch touches: read in one pipeline, then kept up to date while the batch is gone through. */
import type {Redis} from 'ioredis';
import {linesKey, type Event} from './design.js';

/** Line id -> `product:quantity`. */
export type Lines = Map<number, string>;

/** Orders that are created in the batch have no lines yet. */
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
