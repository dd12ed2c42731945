/**
 * Turns one row into the change that it means. The row comes from a record, or from MySQL as text, so that both give the same change (I9).
 *
 * Conditions are evaluated before every other rule. So a row that does not count may hold values that the read model could not contain.
 *
 * Pure: no clock, no I/O.
 */
import type {Change} from '../domain/change.js';
import {holds} from '../domain/condition.js';
import type {LineItem, OrderRow} from '../domain/order.js';
import {
  conditionText,
  extraText,
  money,
  optionalId,
  quantity,
  wholeNumber,
  type JsonObject,
} from './fields.js';
import type {SourceSchema} from '../domain/sourceSchema.js';

/** What a row of `orders` means. Throws Undecodable, which names the column and the rule that it breaks. */
export function orderChangeOf(row: JsonObject, orderId: string, schema: SourceSchema): Change {
  if (!holds(schema.orders.where, (term) => conditionText(row, term))) return {kind: 'order-hidden', orderId};
  return {kind: 'order-upserted', orderId, row: orderRow(row, schema)};
}

/** What a row of `order_items` means. Throws as `orderChangeOf` does. */
export function itemChangeOf(row: JsonObject, orderId: string, schema: SourceSchema): Change {
  const itemId = wholeNumber(row, schema.items.id);
  if (!holds(schema.items.where, (term) => conditionText(row, term)))
    return {kind: 'item-deleted', orderId, itemId};
  return {kind: 'item-upserted', orderId, itemId, item: lineItem(row, schema)};
}

function orderRow(row: JsonObject, {orders, extraColumns, moneyDecimals}: SourceSchema): OrderRow {
  return {
    userId: optionalId(row, orders.userId, orders.guestUserId),
    totalAmount: money(row, orders, moneyDecimals),
    extra: extraColumns.map((column) => extraText(row, column)),
  };
}

function lineItem(row: JsonObject, {items}: SourceSchema): LineItem {
  return {productId: optionalId(row, items.productId), quantity: quantity(row, items.quantity)};
}
