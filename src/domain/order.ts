/**
 * The rows of the source as the read model needs them.
 *
 * I8: Ids and amounts are decimal text from end to end, and never JavaScript numbers, because a BIGINT is exact only as text.
 *
 * Pure: no clock, no I/O.
 */

/** A row of `orders`, without its id. MySQL prints the same texts for the ids and the amount. */
export interface OrderRow {
  /** Empty if nobody is the buyer. */
  readonly userId: string;
  /**
   * The text has the fixed number of decimals of the settings, for example `45.99`. It is '' if orders have no amount of their own. Then
   * the amount of an order is the sum over its line items.
   */
  readonly totalAmount: string;
  /** The values of the configured extra columns, in the configured order. A value is null if the column is NULL. */
  readonly extra: readonly (string | null)[];
}

/** A line item: a row of `order_items`, without its own id and the id of its order. */
export interface LineItem {
  /** Empty if the line item has no product. Its units count in the total only. */
  readonly productId: string;
  /** The text has the fixed number of decimals of the settings, for example `3` or `0.2500`. It can be negative. */
  readonly quantity: string;
  /** Only if orders have no amount of their own. */
  readonly amount?: string;
}

/**
 * A quantity has at most this many digits with its decimals, because an INT has at most 10 (S5).
 * Larger quantities could let the sums of a chunk exceed 2^53 in Lua, and then the sums would not be exact.
 */
export const QUANTITY_DIGITS_MAX = 10;

/** An amount has at most this many digits with its decimals. A longer one could not be a number of Lua, which is exact to 2^53 (S5). */
export const AMOUNT_DIGITS_MAX = 15;

const WHOLE_NUMBER = /^(?:0|-?[1-9]\d*)$/;

/** Returns true for a whole number without leading zeros, which is how MySQL prints whole numbers. */
export function isWholeNumber(text: string): boolean {
  return WHOLE_NUMBER.test(text);
}

/** An amount or a quantity in its smallest unit: `45.99` is 4599. It is an exact number, because both are short enough (S5). */
export function inSmallestUnit(text: string): number {
  return Number(text.includes('.') ? text.replace('.', '') : text);
}

/** With 2 decimals, `4599` becomes `45.99`. */
export function fromSmallestUnit(units: bigint, decimals: number): string {
  if (decimals === 0) return units.toString();
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Counts the digits of the text. The sign and the decimal point do not count. */
export function digitCount(text: string): number {
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) digits++;
  }
  return digits;
}
