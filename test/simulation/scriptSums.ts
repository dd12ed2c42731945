/**
 * The differences that a chunk makes to counters and reports, summed over its orders, and the writes that
 * apply them.
 */
import {corrupt, type Keyspace, type ReplyError} from './keyspace.js';
import type {ScriptInput} from './scriptInput.js';

export const DIGITS_MAX = 15;
/** Counters stay below this limit, so that the numbers of Lua are exact. */
const COUNT_LIMIT = 10n ** 15n;
const WHOLE = /^-?[1-9]\d*$/;
const NUMBER = /^(-?)(\d+)\.?(\d*)$/;

/** The differences that a chunk makes, by product and by user. */
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

/** Adds or subtracts line items. `lines` has the form that linesOf() in fakeApply.ts returns. */
export function countLines(sums: Sums, lines: ReadonlyMap<string, string>, sign: bigint): void {
  for (const line of lines.values()) {
    const [product = '', quantity = ''] = line.split(':');
    const count = sign * (smallestUnit(quantity) ?? 0n);
    if (product !== '') add(sums.units, product, count);
    sums.totalUnits += count;
  }
}

/** An amount or a quantity without its decimal point. Undefined if it has another form, or more digits than Lua can add up exactly. */
export function smallestUnit(text: string): bigint | undefined {
  const [, sign = '', whole = '', decimals = ''] = NUMBER.exec(text) ?? [];
  if (whole === '' || whole.length + decimals.length > DIGITS_MAX) return undefined;
  return BigInt(sign + whole + decimals);
}

/** The amount of an order that has none of its own. */
export function amountOfLines(lines: ReadonlyMap<string, string>, decimals: number): string {
  let sum = 0n;
  for (const line of lines.values()) sum += smallestUnit(line.split(':')[2] ?? '0') ?? 0n;
  const text = String(sum < 0n ? -sum : sum).padStart(decimals + 1, '0');
  const point = text.length - decimals;
  const [whole, fraction] = [text.slice(0, point), text.slice(point)];
  return `${sum < 0n ? '-' : ''}${whole}${decimals === 0 ? '' : `.${fraction}`}`;
}

export function countOrder(
  sums: Sums,
  {user, amount}: {user: string; amount: string},
  sign: bigint,
): boolean {
  const cents = smallestUnit(amount);
  if (cents === undefined) return false;
  if (user !== '') add(sums.spent, user, sign * cents);
  sums.revenue += sign * cents;
  sums.orders += sign;
  return true;
}

/** Changes the counters and their scores. If one counter cannot change, none does. */
export function moveCounters(
  keys: Keyspace,
  {prefix, products}: Pick<ScriptInput, 'prefix' | 'products'>,
  {units}: Sums,
): void {
  const seen = new Set(products);
  for (const product of products) add(units, product, 0n);
  const moved: (() => void)[] = [];
  for (const [product, delta] of units) {
    if (delta === 0n && !seen.has(product)) continue;
    const key = `${prefix}product:${product}:sold`;
    const sum = countOf(keys, key) + delta;
    if (sum >= COUNT_LIMIT || sum <= -COUNT_LIMIT) throw uncountable(key);
    moved.push(() => {
      keys.setString(key, String(sum));
      if (delta !== 0n) keys.setScore(`${prefix}report:products`, product, Number(sum));
    });
  }
  for (const move of moved) move();
}

function countOf(keys: Keyspace, key: string): bigint {
  if ((keys.get(key)?.type ?? 'string') !== 'string') throw uncountable(key);
  const text = keys.string(key) ?? '0';
  if (text !== '0' && !(text.length <= 18 && WHOLE.test(text))) throw uncountable(key);
  return BigInt(text);
}

function uncountable(key: string): ReplyError {
  return corrupt(key, 'is not a whole number, or exceeds 15 digits with this chunk');
}

export function moveReports(keys: Keyspace, prefix: string, sums: Sums): void {
  const {spent, orders, totalUnits, revenue} = sums;
  const usersKey = `${prefix}report:users`;
  for (const [user, delta] of spent) {
    if (delta !== 0n) keys.setScore(usersKey, user, keys.score(usersKey, user) + Number(delta));
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
