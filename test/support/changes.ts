/** Changes as builders: a test names what matters to it, the rest is filled in. */
import type {Change} from '../../src/domain/change.js';

export interface OrderFields {
  readonly user?: string;
  readonly total?: string;
  readonly extra?: readonly (string | null)[];
  readonly isCreate?: boolean;
}

export interface LineFields {
  readonly product?: string;
  readonly quantity?: string;
}

/** A row of `orders` as the log shows it after an insert, an update or a snapshot. */
export function order(orderId: string, fields: OrderFields = {}): Change {
  const {user = '7', total = '45.99', extra = [], isCreate = false} = fields;
  const upserted = {kind: 'order-upserted', orderId, row: {userId: user, totalAmount: total, extra}} as const;
  return isCreate ? {...upserted, isCreate} : upserted;
}

export function orderGone(orderId: string): Change {
  return {kind: 'order-deleted', orderId};
}

/** A row of `order_items`. `id` is `order/line`. */
export function line(id: string, {product = '10', quantity = '1'}: LineFields = {}): Change {
  const [orderId, lineId] = idsOf(id);
  return {kind: 'line-upserted', orderId, lineId, line: {productId: product, quantity}};
}

export function lineGone(id: string): Change {
  const [orderId, lineId] = idsOf(id);
  return {kind: 'line-deleted', orderId, lineId};
}

function idsOf(id: string): [string, string] {
  const [orderId, lineId] = id.split('/');
  if (orderId === undefined || lineId === undefined) throw new Error(`not order/line: ${id}`);
  return [orderId, lineId];
}
