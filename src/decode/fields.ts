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
import type {Term} from '../domain/condition.js';
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

/** Reads the id of a buyer or a product. NULL and '' are none, and so is `none`. The result is '' then. */
export function optionalId(row: JsonObject, column: string, none?: string): string {
  const value = row[column];
  if (value === null || value === '' || value === none) return '';
  const id = wholeNumber(row, column);
  return id === none ? '' : id;
}

/** Reads a count that is short enough for exact sums (S5). Zeros after the decimal point are cut. */
export function quantity(row: JsonObject, column: string): string {
  const value = row[column];
  const cut = typeof value === 'string' ? /^(-?\d+)\.0*$/.exec(value)?.[1] : undefined;
  const text = cut === undefined ? wholeNumber(row, column) : wholeNumber({[column]: cut}, column);
  requireDigits(text, column, QUANTITY_DIGITS_MAX);
  return text;
}

/** The columns of an amount (domain/sourceSchema.ts). */
export interface AmountColumns {
  readonly totalAmount: readonly string[];
  readonly isMinor: boolean;
}

/**
 * Reads an amount, which is the sum of its columns. The result has exactly `decimals` decimals: missing zeros are added, and zeros after
 * these decimals are cut (S5).
 */
export function money(
  row: JsonObject,
  {totalAmount: columns, isMinor}: AmountColumns,
  decimals: number,
): string {
  const [first = '', ...others] = columns;
  const text =
    others.length === 0
      ? amountText(row, first, {isMinor, decimals})
      : fromMinor(
          columns.reduce((sum, column) => sum + minorUnits(amountText(row, column, {isMinor, decimals})), 0n),
          decimals,
        );
  requireDigits(text, columns.join('+'), AMOUNT_DIGITS_MAX);
  return text;
}

const AMOUNT = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/;

/** One column of an amount, with exactly `decimals` decimals. */
function amountText(
  row: JsonObject,
  column: string,
  {isMinor, decimals}: {readonly isMinor: boolean; readonly decimals: number},
): string {
  if (isMinor) return fromMinor(BigInt(wholeNumber(row, column)), decimals);
  const value = row[column];
  const rule = `a decimal string with ${decimals} decimals (decimal.handling.mode=string in the connector, MONEY_DECIMALS in the worker)`;
  const found = typeof value === 'string' ? AMOUNT.exec(value) : null;
  if (found === null) throw new Undecodable(expected(row, column, rule));
  const [, sign = '', whole = '', fraction = ''] = found;
  if (fraction.length === decimals)
    return sign === '-' ? withoutNegativeZero(value as string) : (value as string);
  if (/[^0]/.test(fraction.slice(decimals)))
    throw new Undecodable(
      `column ${column} has more than ${decimals} decimals that are not 0 (MONEY_DECIMALS)`,
    );
  const kept = fraction.slice(0, decimals).padEnd(decimals, '0');
  return withoutNegativeZero(`${sign}${whole}${kept === '' ? '' : `.${kept}`}`);
}

function withoutNegativeZero(text: string): string {
  return /[1-9]/.test(text) ? text : text.replace('-', '');
}

/** The amount in minor units: without its decimal point. */
export function minorUnits(amount: string): bigint {
  return BigInt(amount.replace('.', ''));
}

/** With 2 decimals, `4599` becomes `45.99`. */
export function fromMinor(units: bigint, decimals: number): string {
  if (decimals === 0) return units.toString();
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/**
 * Reads the value of a column for a condition (domain/condition.ts). A record without the column counts as NULL if the condition names NULL,
 * because the record can be older than the column. Else it is an error, also if the name differs in case only: MySQL would find the column.
 */
export function conditionText(row: JsonObject, {column, values}: Term): string | null {
  const lower = column.toLowerCase();
  const isOtherCase = (name: string): boolean => name !== column && name.toLowerCase() === lower;
  if (!(column in row) && (!values.includes(null) || Object.keys(row).some(isOtherCase)))
    throw new Undecodable(
      `column ${column} is missing; a condition needs it (ORDERS_WHERE, ORDER_ITEMS_WHERE)`,
    );
  return extraText(row, {name: column, type: 'text'});
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
