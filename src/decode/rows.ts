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
import {money, moneyOfItem, quantity, type AmountRule} from './amounts.js';
import {conditionText, extraText, idOfColumns, optionalId, type JsonObject} from './fields.js';
import type {EarlierNames, SourceSchema} from '../domain/sourceSchema.js';

/** What a row of `orders` means. Throws Undecodable, which names the column and the rule that it breaks. */
export function orderChangeOf(found: JsonObject, orderId: string, schema: SourceSchema): Change {
  const row = withPresentNames(found, schema.orders.earlier);
  if (!holds(schema.orders.where, (term) => conditionText(row, term))) return {kind: 'order-hidden', orderId};
  return {kind: 'order-upserted', orderId, row: orderRow(row, schema)};
}

/** What the delete of a row of `orders` means. It depends on whether MySQL removes its line items too. */
export function orderDeletionOf(orderId: string, {items}: SourceSchema): Change {
  return {kind: items.onOrderDelete === 'keep' ? 'order-hidden' : 'order-deleted', orderId};
}

/** What a row of `order_items` means. Throws as `orderChangeOf` does. */
export function itemChangeOf(found: JsonObject, orderId: string, schema: SourceSchema): Change {
  const row = withPresentNames(found, schema.items.earlier);
  const itemId = idOfColumns(row, schema.items.id);
  if (!holds(schema.items.where, (term) => conditionText(row, term)))
    return {kind: 'item-deleted', orderId, itemId};
  return {kind: 'item-upserted', orderId, itemId, item: lineItem(row, schema)};
}

/** A row from before a column was renamed has the value under the earlier name. */
function withPresentNames(row: JsonObject, earlier: EarlierNames): JsonObject {
  if (earlier.size === 0) return row;
  const renamed = [...earlier].flatMap(([name, olds]) => {
    const old = name in row ? undefined : olds.find((one) => one in row);
    return old === undefined ? [] : [[name, row[old]] as const];
  });
  return renamed.length === 0 ? row : {...row, ...Object.fromEntries(renamed)};
}

function orderRow(row: JsonObject, schema: SourceSchema): OrderRow {
  const {orders, extraColumns} = schema;
  return {
    userId: optionalId(row, orders.userId, orders.guestUserId),
    totalAmount: orders.totalAmount.length === 0 ? '' : money(row, orders.totalAmount, amountRule(schema)),
    extra: extraColumns.map((column) => extraText(row, column)),
  };
}

function lineItem(row: JsonObject, schema: SourceSchema): LineItem {
  const {items, quantityDecimals} = schema;
  const productId = optionalId(row, items.productId);
  const count = quantity(row, items.quantity, quantityDecimals);
  if (items.amount.length === 0) return {productId, quantity: count};
  return {productId, quantity: count, amount: moneyOfItem(row, items.amount, amountRule(schema))};
}

function amountRule({orders, moneyDecimals, isRounded}: SourceSchema): AmountRule {
  return {isMinor: orders.isMinor, moneyDecimals, isRounded};
}
