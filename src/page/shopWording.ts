/**
 * Converts the numbers and ids of the shop to the words that the tab Shop shows.
 *
 * Pure: no clock, no document.
 */
import type {ShopAnswer} from '../observe/shopAnswer.js';
import type {Sample} from './curve.js';
import {count, span} from './wording.js';

/** The totals at one moment. */
export interface ShopPoint {
  readonly atMs: number;
  readonly totals: ShopAnswer['totals'];
}

export type Total = keyof ShopAnswer['totals'];

const KEPT_MS = 15 * 60_000;

/** Adds a point and drops those older than 15 minutes. An answer that the worker has kept for a second adds nothing. */
export function withPoint(points: readonly ShopPoint[], point: ShopPoint): ShopPoint[] {
  const before = points.filter(({atMs}) => atMs < point.atMs && atMs >= point.atMs - KEPT_MS);
  return [...before, point];
}

/** Formats a number, with or without decimals: `1234567.50` is `1,234,567.50`. A text of any length stays exact. */
export function grouped(number: string): string {
  const [whole = '', fraction] = number.split('.');
  return fraction === undefined ? count(whole) : `${count(whole)}.${fraction}`;
}

/** How a total has changed since the first point: `+12 in the last 3 min`. */
export function changeWords(points: readonly ShopPoint[], total: Total): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || first === last) return 'its change appears here';
  const change = difference(first.totals[total], last.totals[total]);
  const ago = `in the last ${span(Math.max(1, Math.round((last.atMs - first.atMs) / 1_000)))}`;
  return change === undefined ? `no change ${ago}` : `${change} ${ago}`;
}

/** The exact difference with its sign. Undefined if the numbers are equal. */
function difference(before: string, now: string): string | undefined {
  const [, decimals = ''] = now.split('.');
  const units = (number: string): bigint => BigInt(number.replace('.', ''));
  const change = units(now) - units(before);
  if (change === 0n) return undefined;
  const digits = String(change < 0n ? -change : change).padStart(decimals.length + 1, '0');
  const whole = digits.slice(0, digits.length - decimals.length);
  const number = decimals === '' ? whole : `${whole}.${digits.slice(-decimals.length)}`;
  return `${change < 0n ? '−' : '+'}${grouped(number)}`;
}

/** The values above the lowest one. Otherwise the curve of a large total would be a straight line. */
export function samplesOf(points: readonly ShopPoint[], total: Total): Sample[] {
  const values = points.map(({totals}) => Number(totals[total]));
  const least = Math.min(...values);
  return points.map(({atMs}, index) => ({atMs, value: (values[index] ?? least) - least}));
}

/** The length of a bar, from 0 to 1. A score can be negative. */
export function share(value: string, highest: string): number {
  const whole = Number(highest);
  return whole > 0 ? Math.max(0, Math.min(1, Number(value) / whole)) : 0;
}

/** An id as MySQL prints it. Redis holds it percent-encoded. */
export function idText(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // Another program has written it.
    return id;
  }
}

/** An order without a buyer has an empty `user_id`, and a line item without a product an empty `product_id`. */
export function idOr(id: string, none: string): string {
  return id === '' ? none : idText(id);
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  id: 'Order',
  user_id: 'Buyer',
  total_amount: 'Amount',
  items_count: 'Line items',
};

/** The fields of an order, named for people. `items` is left out, because the line items are a table. Extra columns keep their names. */
export function orderFields(order: Readonly<Record<string, string>>): [name: string, text: string][] {
  return Object.entries(order)
    .filter(([name]) => name !== 'items')
    .map(([name, value]) => [
      Object.hasOwn(FIELD_NAMES, name) ? (FIELD_NAMES[name] ?? name) : name,
      fieldText(name, value),
    ]);
}

function fieldText(name: string, value: string): string {
  if (name === 'id') return idText(value);
  if (name === 'user_id') return idOr(value, 'none (guest)');
  return name === 'total_amount' || name === 'items_count' ? grouped(value) : value;
}
