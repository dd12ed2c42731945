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
import {canonicalJson, canonicalText} from '../domain/canonical.js';
import {
  AMOUNT_DIGITS_MAX,
  digitCount,
  fromSmallestUnit,
  isWholeNumber,
  QUANTITY_DIGITS_MAX,
} from '../domain/order.js';
import type {Rejection} from '../domain/change.js';
import {idOfText} from '../domain/id.js';
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

/** Reads a whole number of any size, as text. */
export function wholeNumber(row: JsonObject, column: string): string {
  const text = exactText(row[column]);
  if (text !== undefined && isWholeNumber(text)) return text;
  throw new Undecodable(expected(row, column, 'a whole number'));
}

/** The text of a number or a text. Undefined for other values. It throws NeedsExactNumbers if JSON.parse may have rounded the number. */
function exactText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof LosslessNumber) return value.value;
  if (typeof value !== 'number') return undefined;
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new NeedsExactNumbers();
  return value.toString();
}

/** Reads an id (domain/id.ts): a whole number, or a text that is not empty. */
export function idIn(row: JsonObject, column: string): string {
  const value = row[column];
  if (typeof value === 'string' && value !== '') return idOfText(value);
  if (typeof value === 'number' || value instanceof LosslessNumber) return wholeNumber(row, column);
  throw new Undecodable(expected(row, column, 'a whole number or a text'));
}

/** Reads an id that several columns form together. */
export function idOfColumns(row: JsonObject, columns: readonly string[]): string {
  const [first = '', ...others] = columns;
  return others.reduce((id, column) => `${id}/${idIn(row, column)}`, idIn(row, first));
}

/** Reads the id of a buyer or a product. NULL and '' are none, and so is `none`. The result is '' then. */
export function optionalId(row: JsonObject, column: string, none?: string): string {
  const value = row[column];
  if (value === null || value === '' || value === none) return '';
  const id = idIn(row, column);
  return none !== undefined && none !== '' && id === idOfText(none) ? '' : id;
}

/** Reads a count with exactly `decimals` decimals, short enough for exact sums (S5). Zeros after these decimals are cut. */
export function quantity(row: JsonObject, column: string, decimals: number): string {
  const text = withDecimals(DECIMAL.exec(exactText(row[column]) ?? ''), decimals, false);
  if (text === undefined) {
    const rule = decimals === 0 ? 'a whole number' : `a number with at most ${decimals} decimals`;
    throw new Undecodable(expected(row, column, `${rule} (QUANTITY_DECIMALS)`));
  }
  requireDigits(text, column, QUANTITY_DIGITS_MAX);
  return text;
}

/** How amounts are read (domain/sourceSchema.ts). */
export interface AmountRule {
  readonly isMinor: boolean;
  readonly moneyDecimals: number;
  readonly isRounded: boolean;
}

/**
 * Reads an amount, which is the sum of its columns. The result has exactly as many decimals as the rule says: missing zeros are added,
 * and zeros after these decimals are cut (S5).
 */
export function money(row: JsonObject, columns: readonly string[], rule: AmountRule): string {
  const [first = '', ...others] = columns;
  const sum = (): bigint =>
    columns.reduce((units, column) => units + minorUnits(amountText(row, column, rule)), 0n);
  const text =
    others.length === 0 ? amountText(row, first, rule) : fromSmallestUnit(sum(), rule.moneyDecimals);
  requireDigits(text, columns.join('+'), AMOUNT_DIGITS_MAX);
  return text;
}

/** Reads the amount of a line item, which is the product of its columns. Their values must be exact decimals. */
export function moneyOfItem(row: JsonObject, columns: readonly string[], rule: AmountRule): string {
  const {isMinor, moneyDecimals, isRounded} = rule;
  let [units, scale] = [1n, 0];
  for (const column of columns) {
    const [, sign = '', whole, fraction = ''] = DECIMAL.exec(exactText(row[column]) ?? '') ?? [];
    if (whole === undefined)
      throw new Undecodable(expected(row, column, 'a whole number or a decimal string'));
    units *= BigInt(sign + whole + fraction);
    scale += fraction.length;
  }
  const text = withDecimals(
    DECIMAL.exec(fromSmallestUnit(units, scale)),
    isMinor ? 0 : moneyDecimals,
    isRounded,
  );
  const name = columns.join('*');
  if (text === undefined)
    throw new Undecodable(
      `the product of ${name} has more than ${moneyDecimals} decimals (MONEY_DECIMALS, MONEY_ROUND)`,
    );
  const amount = isMinor ? fromSmallestUnit(BigInt(text), moneyDecimals) : text;
  requireDigits(amount, name, AMOUNT_DIGITS_MAX);
  return amount;
}

const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+)?)?$/;

/** One column of an amount, with exactly as many decimals as the rule says. */
function amountText(
  row: JsonObject,
  column: string,
  {isMinor, moneyDecimals, isRounded}: AmountRule,
): string {
  if (isMinor) return fromSmallestUnit(BigInt(wholeNumber(row, column)), moneyDecimals);
  const value = row[column];
  const found = DECIMAL.exec(isRounded ? floatText(value) : typeof value === 'string' ? value : '');
  if (found === null) {
    const rule = `a decimal string with ${moneyDecimals} decimals (decimal.handling.mode=string in the connector, MONEY_DECIMALS in the worker; for a DOUBLE set MONEY_ROUND=true)`;
    throw new Undecodable(expected(row, column, rule));
  }
  const text = withDecimals(found, moneyDecimals, isRounded);
  if (text !== undefined) return text;
  throw new Undecodable(
    `column ${column} has more than ${moneyDecimals} decimals that are not 0 (MONEY_DECIMALS, MONEY_ROUND)`,
  );
}

/**
 * The decimal text of an amount that may be a DOUBLE: then it is the shortest text, which is what MySQL prints. '' for another value, or
 * for one that is too large for an amount.
 */
function floatText(value: unknown): string {
  const text = value instanceof LosslessNumber ? value.value : value;
  if (typeof text === 'string' && !/e/i.test(text)) return text;
  const number = Number(text);
  if ((typeof text !== 'string' && typeof text !== 'number') || !(Math.abs(number) < 1e21)) return '';
  const shortest = number.toString();
  return shortest.includes('e') ? number.toFixed(20) : shortest;
}

/**
 * The number with exactly `decimals` decimals. Further decimals are rounded, half away from zero, or must be 0. Undefined if they are not, or
 * if nothing was found. The canonical form has no negative zero.
 */
function withDecimals(
  found: RegExpExecArray | null,
  decimals: number,
  isRounded: boolean,
): string | undefined {
  if (found === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = found;
  const kept = fraction.slice(0, decimals).padEnd(decimals, '0');
  if (/[^0]/.test(fraction.slice(decimals))) {
    if (!isRounded) return undefined;
    if (fraction.charAt(decimals) >= '5')
      return fromSmallestUnit(BigInt(`${sign}${BigInt(whole + kept) + 1n}`), decimals);
  }
  const text = kept === '' ? whole : `${whole}.${kept}`;
  return sign === '-' && /[1-9]/.test(text) ? `-${text}` : text;
}

/** The amount in minor units: without its decimal point. */
function minorUnits(amount: string): bigint {
  return BigInt(amount.replace('.', ''));
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

const CANONICAL: Readonly<Record<ExtraColumn['type'], (text: string) => string>> = {
  text: (text) => text,
  time: canonicalText,
  json: canonicalJson,
};

/** Reads an extra column as text. Returns null if the column is NULL, or if the record is older than the column. */
export function extraText(row: JsonObject, column: ExtraColumn): string | null {
  const value = row[column.name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return CANONICAL[column.type](value);
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
