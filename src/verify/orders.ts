/**
 * Orders and their lines: as they should stand in Redis, and as they do.
 *
 * I9: what MySQL's rows should look like is made by the code of the live path: rows are changes, reduced and written out as for the
 * apply script.
 */
import {createdOrders, lineText} from '../apply/createdOrders.js';
import type {Change} from '../change.js';
import type {Keys} from '../keys.js';
import {reduce} from '../reduce/reduce.js';
import type {SourceOrder} from '../sourceRows.js';
import type {ExpectedOrder, ExpectedOrders, Hash} from './expected.js';
import type {Comparison, Finding} from './finding.js';

/** Redis, as far as orders need it (clients/redis.ts). */
export interface OrderHost {
  /** No field where the key is absent, undefined where it is no hash. */
  hashes(keys: readonly string[]): Promise<(Hash | undefined)[]>;
}

/** Compares these orders. One that cannot be told is a difference too. */
export async function compareOrders(
  redis: OrderHost,
  expected: ExpectedOrders,
  keys: Keys,
): Promise<Comparison> {
  const ids = [...expected.keys()];
  const found = await redis.hashes(ids.flatMap((id) => [keys.order(id), keys.orderLines(id)]));
  return new Map(
    [...expected].map(([id, {order, lines, fault}], index) => {
      if (fault !== undefined)
        return [id, [differs(keys.order(id), {field: null, expected: fault, found: null})]];
      const [orderHash, linesHash] = [found[2 * index], found[2 * index + 1]];
      return [
        id,
        [
          ...compareHash(keys.order(id), order, orderHash),
          ...compareHash(keys.orderLines(id), lines, linesHash),
        ],
      ];
    }),
  );
}

/** Orders as MySQL's rows tell them. */
export function ordersOfRows(
  source: ReadonlyMap<string, SourceOrder>,
  extraColumns: readonly string[],
): ExpectedOrders {
  return new Map(
    [...source].map(([id, {changes, fault}]) => {
      const hashes = fault === undefined ? hashesOf(id, changes, extraColumns) : {order: {}, lines: {}};
      return [id, {...hashes, fault}];
    }),
  );
}

function hashesOf(
  id: string,
  changes: readonly Change[],
  extraColumns: readonly string[],
): Pick<ExpectedOrder, 'order' | 'lines'> {
  const reduction = reduce(changes);
  const lines: Record<string, string> = {};
  for (const [lineId, line] of reduction.patches.get(id)?.lines ?? []) {
    if (line !== null) lines[lineId] = lineText(line);
  }
  const [order] = createdOrders({...reduction, created: new Set([id])}).orders;
  if (order === undefined) return {order: {}, lines};
  const {row, itemsCount, items} = order;
  const extra = extraColumns.flatMap((name, index) => {
    const value = row.extra[index] ?? null;
    return value === null ? [] : [[name, value] as const];
  });
  const fields = {
    id,
    user_id: row.userId,
    total_amount: row.totalAmount,
    items_count: String(itemsCount),
    items,
  };
  return {order: {...fields, ...Object.fromEntries(extra)}, lines};
}

function compareHash(key: string, expected: Hash, found: Hash | undefined): Finding[] {
  if (found === undefined) return [differs(key, {field: null, expected: 'a hash', found: 'another type'})];
  const isWanted = Object.keys(expected).length > 0;
  const isThere = Object.keys(found).length > 0;
  if (isWanted && !isThere) {
    return [{kind: 'order-missing', key, field: null, expected: 'a hash', found: null}];
  }
  if (!isWanted && isThere) {
    return [{kind: 'order-ghost', key, field: null, expected: null, found: 'a hash'}];
  }
  const fields = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...fields]
    .filter((field) => expected[field] !== found[field])
    .map((field) => differs(key, {field, expected: expected[field] ?? null, found: found[field] ?? null}));
}

function differs(key: string, what: Pick<Finding, 'field' | 'expected' | 'found'>): Finding {
  return {kind: 'order-differs', key, ...what};
}
