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
import {isWholeNumber} from '../domain/order.js';
import {idOfText} from '../domain/id.js';
import type {Term} from '../domain/condition.js';
import type {ExtraColumn} from '../domain/sourceSchema.js';

/** A reader throws this if a field breaks a rule. The decoder turns it into a rejection. */
export class Undecodable extends Error {
  /** False if the record's key may name another order than its value. */
  readonly isKeyTrusted: boolean;

  constructor(reason: string, options: {isKeyTrusted?: boolean} = {}) {
    super(reason);
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
export function exactText(value: unknown): string | undefined {
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

/** What the message of a rejection says of a column. */
export function expected(row: JsonObject, column: string, rule: string): string {
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
