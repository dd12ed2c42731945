/**
 * Reports from Redis alone, without MySQL. Amounts are stored in minor units and printed with their decimals.
 */
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
}

export interface ProductRow {
  readonly productId: string;
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
  const rows = await redis.highest(keysWithPrefix(settings.prefix).reportProducts, limit);
  return rows.map(({member, score}) => ({productId: member, unitsSold: wholeScore(score)}));
}

/** Users by money spent on existing orders, highest first. */
export async function topSpenders(
  redis: ReportSource,
  settings: ReportSettings,
  limit: number,
): Promise<UserRow[]> {
  const rows = await redis.highest(keysWithPrefix(settings.prefix).reportUsers, limit);
  return rows.map(({member, score}) => ({
    userId: member,
    spent: withDecimals(wholeScore(score), settings.moneyDecimals),
  }));
}

export async function totals(redis: ReportSource, settings: ReportSettings): Promise<Totals> {
  const {
    orders = '0',
    units = '0',
    revenue = '0',
  } = await redis.hash(keysWithPrefix(settings.prefix).reportTotals);
  return {orders, units, revenue: withDecimals(revenue, settings.moneyDecimals)};
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

/** Converts a score to a whole number, because Redis prints large scores as `1e+17`. */
function wholeScore(score: string): string {
  return BigInt(Number(score)).toString();
}
