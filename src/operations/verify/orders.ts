/**
 * Orders and their line items: what Redis should contain, compared with what it contains.
 *
 * I9: the code of the live path computes what an order should look like. It turns the rows of MySQL into changes, reduces them,
 * and formats the result as it does for the apply script.
 */
import {createdOrders, type CreatedOrder} from '../../apply/createdOrders.js';
import type {OrderPatch} from '../../domain/patch.js';
import type {Keys} from '../../redis-model/keys.js';
import {Reducer} from '../../reduce.js';
import type {SourceOrder} from '../../upstream/sourceRows.js';
import {isIdBefore} from '../../domain/id.js';
import {formatItems} from '../../redis-model/storedItems.js';
import type {ExpectedOrder, ExpectedOrders, Hash} from './expected.js';
import type {Comparison, Finding} from './finding.js';
import {unequalOrders, type TextHost} from './orderTexts.js';

/** What the comparison of orders uses of the Redis client (clients/redis/client.ts). */
export interface OrderHost extends TextHost {
  /** A hash without fields if the key is absent. Undefined if the key holds another type. */
  hashes(keys: readonly string[]): Promise<(Hash | undefined)[]>;
  /** Null if the key is absent. Undefined if the key holds another type. */
  texts(keys: readonly string[]): Promise<(string | null | undefined)[]>;
}

const NONE: readonly Finding[] = [];

/** Compares these orders. An order whose expected content is unknown counts as a difference too. */
export async function compareOrders(
  redis: OrderHost,
  expected: ExpectedOrders,
  keys: Keys,
): Promise<Comparison> {
  const unequal = await unequalOrders(redis, expected, keys);
  const findings = await findingsOf(
    redis,
    [...expected].filter(([id]) => unequal.has(id)),
    keys,
  );
  const comparison = new Map<string, readonly Finding[]>();
  for (const id of expected.keys()) comparison.set(id, findings.get(id) ?? NONE);
  return comparison;
}

/** Compares these orders one by one, field by field. */
async function findingsOf(
  redis: OrderHost,
  orders: readonly (readonly [id: string, order: ExpectedOrder])[],
  keys: Keys,
): Promise<Comparison> {
  if (orders.length === 0) return new Map();
  const [found, foundItems] = await Promise.all([
    redis.hashes(orders.map(([id]) => keys.order(id))),
    redis.texts(orders.map(([id]) => keys.orderLines(id))),
  ]);
  return new Map(
    orders.map(([id, {order, items, fault}], index) => {
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
export function ordersOfRows(source: ReadonlyMap<string, SourceOrder>, form: OrderForm): ExpectedOrders {
  const reducer = new Reducer();
  for (const {changes, fault} of source.values()) {
    if (fault === undefined) for (const change of changes) reducer.add(change);
  }
  const {patches, products} = reducer.reduction();
  const created = new Set(patches.keys());
  const orders = createdOrders({patches, products, created}, form.itemDecimals);
  const expected = new Map<string, ExpectedOrder>();
  let next = 0;
  for (const [id, {fault}] of source) {
    // The created orders are in the order of the patches, so in the order of the source.
    const order = orders[next]?.orderId === id ? orders[next++] : undefined;
    if (order !== undefined)
      expected.set(id, {order: hashOf(order, form), items: order.storedItems, fault: undefined});
    else expected.set(id, {order: {}, items: storedItemsOf(patches.get(id)), fault});
  }
  return expected;
}

function hashOf({orderId, row, itemsCount, items}: CreatedOrder, {extraColumns}: OrderForm): Hash {
  const hash = {
    id: orderId,
    user_id: row.userId,
    total_amount: row.totalAmount,
    items_count: String(itemsCount),
    items,
  };
  if (extraColumns.length === 0) return hash;
  const extra = extraColumns.flatMap((name, index) => {
    const value = row.extra[index] ?? null;
    return value === null ? [] : [[name, value] as const];
  });
  return {...hash, ...Object.fromEntries(extra)};
}

/** The line items of an order that has no hash: its row is absent, or does not count. */
function storedItemsOf(patch: OrderPatch | undefined): string {
  const items = [...(patch?.items ?? [])].flatMap(([itemId, item]) =>
    item === null ? [] : [[itemId, item] as const],
  );
  return formatItems(items.sort(([a], [b]) => (isIdBefore(a, b) ? -1 : 1)));
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
