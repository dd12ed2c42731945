/**
 * The rows of the source as the read model needs them.
 *
 * I8: ids and amounts are decimal text from end to end, never JavaScript numbers: a BIGINT is exact only as text.
 *
 * Pure: no clock, no I/O.
 */

/** A row of `orders`. All texts as MySQL prints them. */
export interface OrderRow {
  readonly userId: string;
  /** With the fixed number of decimals of its column, for example `45.99`. */
  readonly totalAmount: string;
  /** The configured extra columns, in the configured order; null where the column is NULL. */
  readonly extra: readonly (string | null)[];
}

/** A row of `order_items`, without its ids. */
export interface OrderLine {
  readonly productId: string;
  /** A whole number, possibly negative. */
  readonly quantity: string;
}

/** The most digits of a quantity: an INT has 10. Larger ones would let the sums of a chunk grow beyond 2^53 in Lua. */
export const QUANTITY_DIGITS_MAX = 10;

/** The most digits of an amount, as DECIMAL(12,2) has them; for the same reason. */
export const AMOUNT_DIGITS_MAX = 12;

const WHOLE_NUMBER = /^(?:0|-?[1-9]\d*)$/;

/** True for a whole number without leading zeros, as MySQL prints it. */
export function isWholeNumber(text: string): boolean {
  return WHOLE_NUMBER.test(text);
}

/** How many digits the text holds, without sign and decimal point. */
export function digitCount(text: string): number {
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) digits++;
  }
  return digits;
}
