/**
 * The columns of one row as the read model needs them. The row comes from a record, or from MySQL as text.
 *
 * Pure: no clock, no I/O.
 */
import type {OrderLine, OrderRow} from '../domain/order.js';
import {extraText, money, quantity, wholeNumber, type JsonObject} from './fields.js';
import type {SourceSchema} from '../domain/sourceSchema.js';

/** A row of the orders without its id; throws Undecodable, naming the column that breaks a rule. */
export function orderRow(row: JsonObject, {orders, extraColumns, moneyDecimals}: SourceSchema): OrderRow {
  return {
    userId: wholeNumber(row, orders.userId),
    totalAmount: money(row, orders.totalAmount, moneyDecimals),
    extra: extraColumns.map((column) => extraText(row, column)),
  };
}

/** A row of the lines without its ids; throws Undecodable, naming the column that breaks a rule. */
export function orderLine(row: JsonObject, {lines}: SourceSchema): OrderLine {
  return {productId: wholeNumber(row, lines.productId), quantity: quantity(row, lines.quantity)};
}
