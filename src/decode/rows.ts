/**
 * Reads the columns of one row that the read model needs. The row comes from a record, or from MySQL as text.
 *
 * Pure: no clock, no I/O.
 */
import type {LineItem, OrderRow} from '../domain/order.js';
import {extraText, money, quantity, wholeNumber, type JsonObject} from './fields.js';
import type {SourceSchema} from '../domain/sourceSchema.js';

/** Reads a row of `orders`, without its id. Throws Undecodable, which names the column and the rule that it breaks. */
export function orderRow(row: JsonObject, {orders, extraColumns, moneyDecimals}: SourceSchema): OrderRow {
  return {
    userId: wholeNumber(row, orders.userId),
    totalAmount: money(row, orders.totalAmount, moneyDecimals),
    extra: extraColumns.map((column) => extraText(row, column)),
  };
}

/** Reads a line item, without its ids. Throws Undecodable, which names the column and the rule that it breaks. */
export function lineItem(row: JsonObject, {items}: SourceSchema): LineItem {
  return {productId: wholeNumber(row, items.productId), quantity: quantity(row, items.quantity)};
}
