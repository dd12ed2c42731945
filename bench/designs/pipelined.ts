/**
 * The common good practice: for each batch of Kafka, one Redis pipeline reads and one writes. Offsets are committed
 * afterwards.
 */
import {itemFields, lineOf, linesKey, itemText, orderKey, soldKey, type Design} from './design.js';
import {linesOfOrders} from './orderLines.js';

export const pipelined: Design = async (redis, events) => {
  const orders = await linesOfOrders(redis, events);
  const pipeline = redis.pipeline();
  for (const event of events) {
    const orderId = event.table === 'orders' ? event.row.id : event.row.order_id;
    const lines = orders.get(orderId) ?? new Map<number, string>();
    if (event.table === 'orders') {
      const {id, user_id, total_amount} = event.row;
      if (event.op !== 'd') {
        pipeline.hset(orderKey(id), {id, user_id, total_amount, ...itemFields(lines)});
        continue;
      }
      for (const text of lines.values()) {
        const {product, quantity} = lineOf(text);
        pipeline.decrby(soldKey(product), quantity);
      }
      lines.clear();
      pipeline.del(orderKey(id), linesKey(id));
      continue;
    }
    const {row, op} = event;
    const before = lines.get(row.id);
    if (before !== undefined) {
      const {product, quantity} = lineOf(before);
      pipeline.decrby(soldKey(product), quantity);
    }
    if (op === 'd') {
      lines.delete(row.id);
      pipeline.hdel(linesKey(orderId), String(row.id));
    } else {
      lines.set(row.id, itemText(row));
      pipeline.hset(linesKey(orderId), String(row.id), itemText(row));
      pipeline.incrby(soldKey(row.product_id), row.quantity);
    }
    pipeline.hset(orderKey(orderId), itemFields(lines));
  }
  await pipeline.exec();
};
