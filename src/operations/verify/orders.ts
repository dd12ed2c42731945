/**
 * Orders and their line items: what Redis should contain, compared with what it contains.
 *
 * I9: the code of the live path computes what an order should look like. It turns the rows of MySQL into changes, reduces them,
 * and formats the result as it does for the apply script.
 */
import {createdOrders} from '../../apply/createdOrders.js';
import type {Change} from '../../domain/change.js';
import type {Keys} from '../../redis-model/keys.js';
import {reduce} from '../../reduce.js';
import type {SourceOrder} from '../../upstream/sourceRows.js';
import {isIdBefore} from '../../domain/id.js';
import {formatItems} from '../../redis-model/storedItems.js';
import type {ExpectedOrder, ExpectedOrders, Hash} from './expected.js';
import type {Comparison, Finding} from './finding.js';

/** What the comparison of orders uses of the Redis client (clients/redis/client.ts). */
export interface OrderHost {
  /** A hash without fields if the key is absent. Undefined if the key holds another type. */
  hashes(keys: readonly string[]): Promise<(Hash | undefined)[]>;
  /** Null if the key is absent. Undefined if the key holds another type. */
  texts(keys: readonly string[]): Promise<(string | null | undefined)[]>;
}

/** Compares these orders. An order whose expected content is unknown counts as a difference too. */
export async function compareOrders(
  redis: OrderHost,
  expected: ExpectedOrders,
  keys: Keys,
): Promise<Comparison> {
  const ids = [...expected.keys()];
  const [found, foundItems] = await Promise.all([
    redis.hashes(ids.map((id) => keys.order(id))),
    redis.texts(ids.map((id) => keys.orderLines(id))),
  ]);
  return new Map(
    [...expected].map(([id, {order, items, fault}], index) => {
      if (fault !== undefined)
        return [id, [differs(keys.order(id), {field: null, expected: fault, found: null})]];
      return [
        id,
        [
          ...compareHash(keys.order(id), order, found[index]),
          ...compareItems(keys.orderLines(id), items, foundItems[index]),
        ],
      ];
    }),
  );
}

/** What the hash of an order depends on in addition to the rows. */
export interface OrderForm {
  readonly extraColumns: readonly string[];
  /** The decimals of the amounts of line items, if orders have no amount of their own. */
  readonly itemDecimals: number | undefined;
}

/** The orders that follow from the rows of MySQL. */
export function ordersOfRows(
  source: ReadonlyMap<string, SourceOrder>,
  {extraColumns, itemDecimals}: OrderForm,
): ExpectedOrders {
  return new Map(
    [...source].map(([id, {changes, fault}]) => {
      const parts =
        fault === undefined ? partsOf(id, changes, {extraColumns, itemDecimals}) : {order: {}, items: ''};
      return [id, {...parts, fault}];
    }),
  );
}

function partsOf(
  id: string,
  changes: readonly Change[],
  {extraColumns, itemDecimals}: OrderForm,
): Pick<ExpectedOrder, 'order' | 'items'> {
  const reduction = reduce(changes);
  const rows = [...(reduction.patches.get(id)?.items ?? [])].flatMap(([itemId, item]) =>
    item === null ? [] : [[itemId, item] as const],
  );
  const storedItems = formatItems(rows.sort(([a], [b]) => (isIdBefore(a, b) ? -1 : 1)));
  const [order] = createdOrders({...reduction, created: new Set([id])}, itemDecimals);
  if (order === undefined) return {order: {}, items: storedItems};
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
  return {order: {...fields, ...Object.fromEntries(extra)}, items: storedItems};
}

function compareHash(key: string, expected: Hash, found: Hash | undefined): Finding[] {
  if (found === undefined) return [differs(key, {field: null, expected: 'a hash', found: 'another type'})];
  const isWanted = Object.keys(expected).length > 0;
  const isPresent = Object.keys(found).length > 0;
  if (isWanted && !isPresent) {
    return [{kind: 'order-missing', key, field: null, expected: 'a hash', found: null}];
  }
  if (!isWanted && isPresent) {
    return [{kind: 'order-ghost', key, field: null, expected: null, found: 'a hash'}];
  }
  const fields = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...fields]
    .filter((field) => expected[field] !== found[field])
    .map((field) => differs(key, {field, expected: expected[field] ?? null, found: found[field] ?? null}));
}

function compareItems(key: string, expected: string, found: string | null | undefined): Finding[] {
  if (found === undefined) return [differs(key, {field: null, expected: 'a string', found: 'another type'})];
  if ((found ?? '') === expected) return [];
  if (found === null) return [{kind: 'order-missing', key, field: null, expected: 'a string', found: null}];
  if (expected === '') return [{kind: 'order-ghost', key, field: null, expected: null, found: 'a string'}];
  return [differs(key, {field: null, expected, found})];
}

function differs(key: string, what: Pick<Finding, 'field' | 'expected' | 'found'>): Finding {
  return {kind: 'order-differs', key, ...what};
}
