/** Sends one command at a time and awaits it, as a first version of such a worker does. */
import type {Redis} from 'ioredis';
import type {LineImage, Op} from '../shop.js';
import {itemFields, lineOf, linesKey, itemText, orderKey, soldKey, type Design} from './design.js';

export const awaited: Design = async (redis, events) => {
  for (const event of events) {
    if (event.table === 'order_items') await applyLine(redis, event.op, event.row);
    else if (event.op === 'd') await deleteOrder(redis, event.row.id);
    else {
      const {id, user_id, total_amount} = event.row;
      await redis.hset(orderKey(id), {id, user_id, total_amount});
      // The key of a new order is written without line items, so that its fields exist.
      if (event.op === 'c') await redis.hset(orderKey(id), itemFields(new Map()));
    }
  }
};

async function applyLine(redis: Redis, op: Op, line: LineImage): Promise<void> {
  const key = linesKey(line.order_id);
  const before = op === 'c' ? null : await redis.hget(key, String(line.id));
  if (before !== null) {
    const {product, quantity} = lineOf(before);
    await redis.decrby(soldKey(product), quantity);
  }
  if (op === 'd') await redis.hdel(key, String(line.id));
  else {
    await redis.hset(key, String(line.id), itemText(line));
    await redis.incrby(soldKey(line.product_id), line.quantity);
  }
  const lines = new Map(Object.entries(await redis.hgetall(key)).map(([id, text]) => [Number(id), text]));
  await redis.hset(orderKey(line.order_id), itemFields(lines));
}

async function deleteOrder(redis: Redis, id: number): Promise<void> {
  for (const text of Object.values(await redis.hgetall(linesKey(id)))) {
    const {product, quantity} = lineOf(text);
    await redis.decrby(soldKey(product), quantity);
  }
  await redis.del(orderKey(id), linesKey(id));
}
