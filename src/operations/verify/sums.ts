/**
 * Counters, scores and totals: what Redis should contain, compared with what it contains.
 *
 * A counter or a total at 0 may be absent from Redis. A member of a sorted set at 0 must be absent.
 */
import {wholeScore} from '../../redis-model/scores.js';
import type {TextRow} from '../../clients/mysql.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import type {Keys} from '../../redis-model/keys.js';
import {conditionSql, hasIdSql, isAmongSql, isSameIdSql, quoted} from '../../upstream/sql.js';
import type {IdKind, SourceTables} from '../../upstream/sourceTables.js';
import {idOfText} from '../../domain/id.js';
import type {Sums, Totals} from './expected.js';
import type {Comparison, Finding, FindingKind} from './finding.js';

/** What the comparison of sums uses of the Redis client (clients/redis/client.ts). */
export interface SumHost {
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  scores(key: string, members: readonly string[]): Promise<(string | null)[]>;
  hash(key: string): Promise<Readonly<Record<string, string>>>;
}

export interface SumQuestions {
  /** Units by product. It adds up the line items of existing orders only. */
  readonly product: string;
  /** Money by user. */
  readonly user: string;
  readonly totals: string;
}

/** The queries to MySQL. `ids` restricts them to these products or users. */
export function sumQuestions({schema, columns, kinds}: SourceTables, ids?: readonly string[]): SumQuestions {
  const {orders, items} = schema;
  const [o, l] = [quoted(orders.table), quoted(items.table)];
  const [id, orderId] = [quoted(orders.id), quoted(items.orderId)];
  const [product, quantity] = [`l.${quoted(items.productId)}`, `l.${quoted(items.quantity)}`];
  const user = `o.${quoted(orders.userId)}`;
  const among = (column: string, kind: IdKind): string[] =>
    ids === undefined ? [] : [isAmongSql(column, ids, kind)];
  const where = (...parts: string[]): string => (parts.length === 0 ? '' : ` WHERE ${parts.join(' AND ')}`);
  const counted = conditionSql(orders.where, 'o', columns.orders);
  const joined = `${l} l JOIN ${o} o ON ${isSameIdSql(`o.${id}`, `l.${orderId}`, kinds.order)}`;
  const both = [...counted, ...conditionSql(items.where, 'l', columns.items)];
  const amounts = amountsOf(schema, {o, joined, counted, both});
  // Ids are grouped byte by byte, whatever the collation of the column is.
  const sums = (
    column: string,
    kind: IdKind,
    [sum, from, conditions]: readonly [string, string, readonly string[]],
  ): string =>
    `SELECT ${kind === 'whole' ? column : `MIN(${column})`} AS id, SUM(${sum}) AS total FROM ${from}${where(...conditions, ...among(column, kind))} ` +
    `GROUP BY ${kind === 'whole' ? column : `CAST(${column} AS BINARY)`}`;
  return {
    product: sums(product, kinds.product, [quantity, joined, [hasIdSql(product, kinds.product), ...both]]),
    user: sums(user, kinds.user, [
      amounts.value,
      amounts.from,
      [hasIdSql(user, kinds.user, orders.guestUserId), ...amounts.conditions],
    ]),
    totals:
      `SELECT (SELECT COUNT(*) FROM ${o} o${where(...counted)}) AS orders, ` +
      `(SELECT COALESCE(SUM(${amounts.value}), 0) FROM ${amounts.from}${where(...amounts.conditions)}) AS revenue, ` +
      `(SELECT COALESCE(SUM(${quantity}), 0) FROM ${joined}${where(...both)}) AS units`,
  };
}

/** The amount, and the rows over which it is summed up: the orders, or their line items if orders have no amount of their own. */
function amountsOf(
  {orders, items, moneyDecimals, isRounded}: SourceSchema,
  rows: {o: string; joined: string; counted: readonly string[]; both: readonly string[]},
): {readonly value: string; readonly from: string; readonly conditions: readonly string[]} {
  const rounded = (value: string): string =>
    isRounded ? `ROUND(${value}, ${orders.isMinor ? 0 : moneyDecimals})` : value;
  if (orders.totalAmount.length > 0) {
    const isPlain = orders.totalAmount.length === 1 && !isRounded;
    const value = (name: string): string =>
      rounded(isPlain ? `o.${quoted(name)}` : exactSql(`o.${quoted(name)}`));
    return {value: orders.totalAmount.map(value).join(' + '), from: `${rows.o} o`, conditions: rows.counted};
  }
  // The literal makes the product a decimal, without the limits of an unsigned number and without losing decimals.
  const value = rounded(['1.', ...items.amount.map((name) => `l.${quoted(name)}`)].join(' * '));
  return {value, from: rows.joined, conditions: rows.both};
}

/**
 * A number as a decimal. A DOUBLE is converted by its text, because its value has more digits than its text, and they would be rounded
 * differently. A sum of an unsigned and a signed column would be unsigned and fail below 0.
 */
function exactSql(column: string): string {
  return `CAST(CAST(${column} AS CHAR) AS DECIMAL(65, 20))`;
}

/** The sums in the rows of `product` or `user`. `decimals` is how many decimals the sums have. */
export function sumsOf(rows: readonly TextRow[], decimals: number): Map<string, string> {
  return new Map(rows.map(({id, total}) => [idOfText(id ?? ''), minorUnits(total ?? '0', decimals)]));
}

/** With 2 decimals, `45.99` becomes `4599` and `45` becomes `4500`. */
export function minorUnits(amount: string, decimals: number): string {
  const [whole = '0', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(decimals, '0').slice(0, decimals)).toString();
}

/** The totals in the row of `totals`. `decimals` is how many decimals units and revenue have. */
export function totalsOf(row: TextRow | undefined, decimals: {units: number; revenue: number}): Totals {
  return {
    orders: row?.['orders'] ?? '0',
    units: minorUnits(row?.['units'] ?? '0', decimals.units),
    revenue: minorUnits(row?.['revenue'] ?? '0', decimals.revenue),
  };
}

/** The totals in the hash that Redis holds. An absent field counts as 0. */
export function totalsIn(hash: Readonly<Record<string, string>>): Totals {
  const {orders = '0', units = '0', revenue = '0'} = hash;
  return {orders, units, revenue};
}

export async function compareProducts(redis: SumHost, sums: Sums, keys: Keys): Promise<Comparison> {
  const ids = [...sums.keys()];
  const [counters, scores] = await Promise.all([
    redis.getAll(ids.map((id) => keys.productSold(id))),
    redis.scores(keys.reportProducts, ids),
  ]);
  return new Map(
    ids.map((id, index) => {
      const expected = sums.get(id) ?? '0';
      const counter = counters[index] ?? null;
      const isRight = counter === expected || (expected === '0' && counter === null);
      const findings: Finding[] = isRight
        ? []
        : [{kind: 'counter-differs', key: keys.productSold(id), field: null, expected, found: counter}];
      const place = {kind: 'score-differs', key: keys.reportProducts, field: id} as const;
      return [id, [...findings, ...compareScore(place, expected, scores[index] ?? null)]];
    }),
  );
}

export async function compareUsers(redis: SumHost, sums: Sums, keys: Keys): Promise<Comparison> {
  const ids = [...sums.keys()];
  const scores = await redis.scores(keys.reportUsers, ids);
  return new Map(
    ids.map((id, index) => {
      const place = {kind: 'score-differs', key: keys.reportUsers, field: id} as const;
      return [id, compareScore(place, sums.get(id) ?? '0', scores[index] ?? null)];
    }),
  );
}

export async function compareTotals(redis: SumHost, expected: Totals, keys: Keys): Promise<Comparison> {
  const found = await redis.hash(keys.reportTotals);
  const findings = (Object.entries(expected) as [keyof Totals, string][])
    .filter(([field, value]) => (found[field] ?? '0') !== value)
    .map(([field, value]): Finding => {
      const place = {kind: 'total-differs', key: keys.reportTotals, field} as const;
      return {...place, expected: value, found: found[field] ?? null};
    });
  return new Map([['all', findings]]);
}

function compareScore(
  place: {kind: FindingKind; key: string; field: string},
  expected: string,
  score: string | null,
): Finding[] {
  const found = score === null ? null : (wholeScore(score) ?? score);
  if (found === (expected === '0' ? null : expected)) return [];
  return [{...place, expected: expected === '0' ? null : expected, found}];
}
