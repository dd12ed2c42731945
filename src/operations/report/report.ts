/**
 * Reports from Redis alone, without MySQL. Amounts and units are stored in their smallest unit and printed with their decimals.
 */
import {wholeScore} from '../../redis-model/scores.js';
import {ProjectorError} from '../../runtime/errors.js';
import {keysWithPrefix} from '../../redis-model/keys.js';

/** The part of Redis that reports need (clients/redis/client.ts). */
export interface ReportSource {
  /** Members with the highest scores, highest first. Scores are text. */
  highest(key: string, limit: number): Promise<{member: string; score: string}[]>;
  hash(key: string): Promise<Record<string, string>>;
}

export interface ReportSettings {
  readonly prefix: string;
  readonly moneyDecimals: number;
  readonly quantityDecimals: number;
}

export interface ProductRow {
  readonly productId: string;
  /** With QUANTITY_DECIMALS decimals. */
  readonly unitsSold: string;
}

export interface UserRow {
  readonly userId: string;
  /** With decimals, as MySQL prints it. */
  readonly spent: string;
}

export interface Totals {
  readonly orders: string;
  readonly units: string;
  /** With decimals, as MySQL prints it. */
  readonly revenue: string;
}

/** Products by units sold, highest first. */
export async function bestSellers(
  redis: ReportSource,
  settings: ReportSettings,
  limit: number,
): Promise<ProductRow[]> {
  const key = keysWithPrefix(settings.prefix).reportProducts;
  const rows = await redis.highest(key, limit);
  return rows.map((row) => ({
    productId: row.member,
    unitsSold: withDecimals(requireWhole(key, row), settings.quantityDecimals),
  }));
}

/** Users by money spent on existing orders, highest first. */
export async function topSpenders(
  redis: ReportSource,
  settings: ReportSettings,
  limit: number,
): Promise<UserRow[]> {
  const key = keysWithPrefix(settings.prefix).reportUsers;
  const rows = await redis.highest(key, limit);
  return rows.map((row) => ({
    userId: row.member,
    spent: withDecimals(requireWhole(key, row), settings.moneyDecimals),
  }));
}

export async function totals(redis: ReportSource, settings: ReportSettings): Promise<Totals> {
  const {
    orders = '0',
    units = '0',
    revenue = '0',
  } = await redis.hash(keysWithPrefix(settings.prefix).reportTotals);
  return {
    orders,
    units: withDecimals(units, settings.quantityDecimals),
    revenue: withDecimals(revenue, settings.moneyDecimals),
  };
}

/** The number of orders according to the totals; '0' if there are no totals. */
export async function ordersHeld(redis: ReportSource, prefix: string): Promise<string> {
  const {orders = '0'} = await redis.hash(keysWithPrefix(prefix).reportTotals);
  return orders;
}

/** Inserts the decimals: `4599` with 2 decimals is `45.99`. */
export function withDecimals(minorUnits: string, decimals: number): string {
  if (decimals === 0) return minorUnits;
  const sign = minorUnits.startsWith('-') ? '-' : '';
  const digits = minorUnits.slice(sign.length).padStart(decimals + 1, '0');
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Throws `read-model-corrupt` if the score is not one that a worker writes. */
function requireWhole(key: string, {score}: {readonly score: string}): string {
  const whole = wholeScore(score);
  if (whole !== undefined) return whole;
  throw new ProjectorError('read-model-corrupt', `${key}: the score of a member is not a whole number`);
}
