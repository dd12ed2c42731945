/**
 * Readers of single fields.
 *
 * I11: An error names the column and the rule, and never the value, because values are customer data.
 * I8: A reader never uses a number that JSON.parse may have rounded. It throws `NeedsExactNumbers`, and decode.ts parses the text
 * again with exact numbers.
 *
 * Pure: no clock, no I/O.
 */
import {LosslessNumber} from 'lossless-json';
import {canonicalText} from '../domain/canonical.js';
import {AMOUNT_DIGITS_MAX, digitCount, isWholeNumber, QUANTITY_DIGITS_MAX} from '../domain/order.js';
import type {Rejection} from '../domain/change.js';
import type {ExtraColumn} from '../domain/sourceSchema.js';

/** A reader throws this if a field breaks a rule. The decoder turns it into a rejection. */
export class Undecodable extends Error {
  readonly kind: Rejection['kind'];
  /** False if the record's key may name another order than its value. */
  readonly isKeyTrusted: boolean;

  constructor(reason: string, options: {kind?: Rejection['kind']; isKeyTrusted?: boolean} = {}) {
    super(reason);
    this.kind = options.kind ?? 'record-undecodable';
    this.isKeyTrusted = options.isKeyTrusted ?? true;
  }
}

/** A reader throws this if JSON.parse returned an integer beyond 2^53, because JSON.parse may have rounded it. */
export class NeedsExactNumbers extends Error {}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber)
  );
}

/** Reads an id or a count. It is a whole number of any size, returned as text. */
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

/** Reads a count that is short enough for exact sums (S5). */
export function quantity(row: JsonObject, column: string): string {
  const text = wholeNumber(row, column);
  requireDigits(text, column, QUANTITY_DIGITS_MAX);
  return text;
}

/** Reads an amount. It must be a decimal string in the form of MySQL, with exactly the configured number of decimals (S5). */
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
        `a decimal string with ${decimals} decimals (decimal.handling.mode=string in the connector, MONEY_DECIMALS in the worker)`,
      ),
    );
  }
  requireDigits(value, column, AMOUNT_DIGITS_MAX);
  return value;
}

/** Reads an extra column as text. Returns null if the column is NULL, or if the record is older than the column. */
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
  throw new Undecodable(expected(row, column.name, 'a string, a number or a boolean'));
}

/** Reads a time in ms. The worker shows it and computes freshness from it, but never orders changes by it. */
export function optionalTimeMs(value: unknown): number | null {
  const time = value instanceof LosslessNumber ? Number(value.value) : value;
  return typeof time === 'number' && Number.isSafeInteger(time) ? time : null;
}

function requireDigits(text: string, column: string, digitsMax: number): void {
  if (digitCount(text) > digitsMax) {
    throw new Undecodable(`column ${column} has more than ${digitsMax} digits, so sums would not be exact`);
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
  return `column ${column} is ${formOf(value)}; expected ${rule}`;
}

/** Names the JSON type of a value that breaks a rule, and never the value itself. */
function formOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return 'a string of another form';
  if (typeof value === 'number' || value instanceof LosslessNumber) return 'a number of another form';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
