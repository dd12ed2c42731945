/**
 * Readers of single fields. They name column and rule when they refuse, never the value (values are customer data).
 *
 * I8: a number that JSON.parse may have rounded is never used; `NeedsExactNumbers` asks for a second, exact reading.
 *
 * Pure: no clock, no I/O.
 */
import {LosslessNumber} from 'lossless-json';
import {canonicalText} from '../domain/canonical.js';
import {AMOUNT_DIGITS_MAX, digitCount, isWholeNumber, QUANTITY_DIGITS_MAX} from '../domain/order.js';
import type {Rejection} from '../domain/change.js';
import type {ExtraColumn} from '../domain/sourceSchema.js';

/** Thrown when a field breaks a rule; becomes a rejection. */
export class Undecodable extends Error {
  readonly kind: Rejection['kind'];
  /** False when the record's key may name another order than the one that the record is about. */
  readonly isKeyTrusted: boolean;

  constructor(reason: string, options: {kind?: Rejection['kind']; isKeyTrusted?: boolean} = {}) {
    super(reason);
    this.kind = options.kind ?? 'record-undecodable';
    this.isKeyTrusted = options.isKeyTrusted ?? true;
  }
}

/** Thrown when an integer beyond 2^53 was met in the fast reading. */
export class NeedsExactNumbers extends Error {}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber)
  );
}

/** An id or a count: a whole number of any size, as text. */
export function wholeNumber(row: JsonObject, column: string): string {
  const value = row[column];
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value.toString();
    if (Number.isInteger(value)) throw new NeedsExactNumbers();
  } else if (typeof value === 'string') {
    if (isWholeNumber(value)) return value;
  } else if (value instanceof LosslessNumber) {
    if (isWholeNumber(value.value)) return value.value;
  }
  throw new Undecodable(expected(row, column, 'a whole number'));
}

/** A count that can be summed exactly. */
export function quantity(row: JsonObject, column: string): string {
  const text = wholeNumber(row, column);
  requireDigits(text, column, QUANTITY_DIGITS_MAX);
  return text;
}

/** A decimal as MySQL prints it, with exactly the configured number of decimals. */
export function money(row: JsonObject, column: string, decimals: number): string {
  const value = row[column];
  const integerPart =
    typeof value === 'string' ? value.slice(0, value.length - (decimals === 0 ? 0 : decimals + 1)) : '';
  if (
    typeof value !== 'string' ||
    !hasDecimals(value, decimals) ||
    !isUnsigned(integerPart.replace(/^-/, ''))
  ) {
    throw new Undecodable(
      expected(
        row,
        column,
        `a decimal string with ${decimals} decimals (decimal.handling.mode=string in the connector, MONEY_DECIMALS here)`,
      ),
    );
  }
  requireDigits(value, column, AMOUNT_DIGITS_MAX);
  return value;
}

/** An extra column as text; null when it is NULL or when the record is older than the column. */
export function extraText(row: JsonObject, column: ExtraColumn): string | null {
  const value = row[column.name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return column.type === 'time' ? canonicalText(value) : value;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new NeedsExactNumbers();
    return value.toString();
  }
  if (value instanceof LosslessNumber) {
    return isWholeNumber(value.value) ? value.value : Number(value.value).toString();
  }
  throw new Undecodable(expected(row, column.name, 'a text, a number or a boolean'));
}

/** A time in ms that is only shown, never used for order. */
export function optionalTimeMs(value: unknown): number | null {
  const time = value instanceof LosslessNumber ? Number(value.value) : value;
  return typeof time === 'number' && Number.isSafeInteger(time) ? time : null;
}

function requireDigits(text: string, column: string, digitsMax: number): void {
  if (digitCount(text) > digitsMax) {
    throw new Undecodable(`column ${column} has more than ${digitsMax} digits; sums would not be exact`);
  }
}

function isUnsigned(text: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(text);
}

function hasDecimals(text: string, decimals: number): boolean {
  if (decimals === 0) return true;
  const point = text.length - decimals - 1;
  return text.charAt(point) === '.' && /^\d+$/.test(text.slice(point + 1));
}

function expected(row: JsonObject, column: string, rule: string): string {
  const value = row[column];
  if (!(column in row)) return `column ${column} is missing; expected ${rule}`;
  const got =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'an array'
        : value instanceof LosslessNumber
          ? 'another number'
          : typeof value;
  return `column ${column} is ${got === 'string' ? 'another text' : got}; expected ${rule}`;
}
