/**
 * Readers of quantities and amounts. Both have a fixed number of decimals, and few enough digits for exact sums (S5).
 *
 * Pure: no clock, no I/O.
 */
import {LosslessNumber} from 'lossless-json';
import {AMOUNT_DIGITS_MAX, digitCount, fromSmallestUnit, QUANTITY_DIGITS_MAX} from '../domain/order.js';
import {exactText, expected, Undecodable, wholeNumber, type JsonObject} from './fields.js';
import {counted} from '../runtime/counted.js';

/** Reads a count with exactly `decimals` decimals, short enough for exact sums (S5). Zeros after these decimals are cut. */
export function quantity(row: JsonObject, column: string, decimals: number): string {
  const text = withDecimals(DECIMAL.exec(exactText(row[column]) ?? ''), decimals, false);
  if (text === undefined) {
    const rule = decimals === 0 ? 'a whole number' : `a number with at most ${counted(decimals, 'decimal')}`;
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
      `the product of ${name} has more than ${counted(moneyDecimals, 'decimal')} (MONEY_DECIMALS, MONEY_ROUND)`,
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
    const rule = `a decimal string with ${counted(moneyDecimals, 'decimal')} (decimal.handling.mode=string in the connector, MONEY_DECIMALS in the worker; for a DOUBLE set MONEY_ROUND=true)`;
    throw new Undecodable(expected(row, column, rule));
  }
  const text = withDecimals(found, moneyDecimals, isRounded);
  if (text !== undefined) return text;
  throw new Undecodable(
    `column ${column} has more than ${counted(moneyDecimals, 'decimal')} that are not 0 (MONEY_DECIMALS, MONEY_ROUND)`,
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

function requireDigits(text: string, column: string, digitsMax: number): void {
  if (digitCount(text) > digitsMax) {
    throw new Undecodable(`column ${column} has more than ${digitsMax} digits, so sums would not be exact`);
  }
}
