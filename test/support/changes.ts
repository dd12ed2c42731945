/** Builders of changes. A test sets the fields that matter, and the builder sets the others. */
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
  readonly amount?: string;
}

/** A row of `orders`, as in a record of an insert, an update or a snapshot. */
export function order(orderId: string, fields: OrderFields = {}): Change {
  const {user = '7', total = '45.99', extra = [], isCreate = false} = fields;
  const upserted = {kind: 'order-upserted', orderId, row: {userId: user, totalAmount: total, extra}} as const;
  return isCreate ? {...upserted, isCreate} : upserted;
}

/** A row of `orders` that does not satisfy the condition. */
export function orderHidden(orderId: string): Change {
  return {kind: 'order-hidden', orderId};
}

export function orderGone(orderId: string): Change {
  return {kind: 'order-deleted', orderId};
}

/** A row of `order_items`. The form of `id` is `order/item`. */
export function item(id: string, {product = '10', quantity = '1', amount}: LineFields = {}): Change {
  const [orderId, itemId] = idsOf(id);
  return {
    kind: 'item-upserted',
    orderId,
    itemId,
    item: amount === undefined ? {productId: product, quantity} : {productId: product, quantity, amount},
  };
}

export function itemGone(id: string): Change {
  const [orderId, itemId] = idsOf(id);
  return {kind: 'item-deleted', orderId, itemId};
}

function idsOf(id: string): [string, string] {
  const [orderId, itemId] = id.split('/');
  if (orderId === undefined || itemId === undefined)
    throw new Error(`the id must have the form order/item: ${id}`);
  return [orderId, itemId];
}
