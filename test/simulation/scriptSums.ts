/** What a chunk makes of the counters and reports: differences, summed over all its orders, and the writes they end in. */
import {corrupt, ReplyError, type Keyspace} from './keyspace.js';
import type {ScriptInput} from './scriptInput.js';

const DIGITS_MAX = 15;
const AMOUNT = /^(-?\d+)\.?(\d*)$/;
const LINE = /^(-?\d+):(-?\d+)$/;

/** The differences that a chunk makes, by member. */
export interface Sums {
  readonly units: Map<string, bigint>;
  readonly spent: Map<string, bigint>;
  orders: bigint;
  totalUnits: bigint;
  revenue: bigint;
}

export function noSums(): Sums {
  return {units: new Map(), spent: new Map(), orders: 0n, totalUnits: 0n, revenue: 0n};
}

function add(sums: Map<string, bigint>, member: string, delta: bigint): void {
  sums.set(member, (sums.get(member) ?? 0n) + delta);
}

export function countLines(sums: Sums, lines: ReadonlyMap<string, string>, sign: bigint): boolean {
  for (const line of lines.values()) {
    const [, product, quantity] = LINE.exec(line) ?? [];
    if (product === undefined || quantity === undefined || quantity.length > DIGITS_MAX) return false;
    const count = sign * BigInt(quantity);
    add(sums.units, product, count);
    sums.totalUnits += count;
  }
  return true;
}

export function countOrder(
  sums: Sums,
  {user, amount}: {user: string; amount: string},
  sign: bigint,
): boolean {
  const [, whole, decimals] = AMOUNT.exec(amount) ?? [];
  if (whole === undefined || decimals === undefined || whole.length + decimals.length > DIGITS_MAX)
    return false;
  const cents = BigInt(whole + decimals);
  add(sums.spent, user, sign * cents);
  sums.revenue += sign * cents;
  sums.orders += sign;
  return true;
}

/** All or nothing: the script takes back what it counted before the one that it could not count. */
export function moveCounters(keys: Keyspace, {prefix, products}: ScriptInput, {units}: Sums): void {
  const seen = new Set(products);
  for (const product of products) add(units, product, 0n);
  const counted: [string, string][] = [];
  for (const [product, delta] of units) {
    if (delta === 0n && !seen.has(product)) continue;
    const key = `${prefix}product:${product}:sold`;
    try {
      counted.push([key, keys.incremented(key, delta)]);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      throw corrupt(key, 'is no whole number that can be counted on');
    }
  }
  for (const [key, text] of counted) keys.setString(key, text);
}

export function moveReports(keys: Keyspace, prefix: string, sums: Sums): void {
  const {units, spent, orders, totalUnits, revenue} = sums;
  for (const [product, delta] of units) {
    if (delta !== 0n) keys.raiseScore(`${prefix}report:products`, product, Number(delta));
  }
  for (const [user, delta] of spent) {
    if (delta !== 0n) keys.raiseScore(`${prefix}report:users`, user, Number(delta));
  }
  const totalsKey = `${prefix}report:totals`;
  const totals = keys.hash(totalsKey);
  const raised = (field: string, delta: bigint): [string, string] => [
    field,
    String(BigInt(totals.get(field) ?? '0') + delta),
  ];
  keys.changeHash(
    totalsKey,
    [],
    [raised('orders', orders), raised('units', totalUnits), raised('revenue', revenue)],
  );
}
