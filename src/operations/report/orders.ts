/**
 * The orders of the read model, read from Redis alone: counted, listed, or one shown in full.
 *
 * The code uses SCAN and never KEYS, because KEYS blocks a large Redis for other clients. Ids are text (I8).
 */
import type {Script} from '../../clients/redis/client.js';
import {partitionOfKey} from '../../decode/partitioner.js';
import {ProjectorError} from '../../runtime/errors.js';
import {printable} from '../../runtime/escapeControl.js';
import type {Keys, KeySpace} from '../../redis-model/keys.js';
import {partitionsIn} from '../../redis-model/layout.js';
import {parseItems, type StoredItem} from '../../redis-model/storedItems.js';
import {counted} from '../../runtime/counted.js';

/** The part of Redis that these functions need (clients/redis/client.ts). */
export interface OrderSource {
  keysMatching(match: string, count: number): AsyncIterable<string[]>;
  fieldsOfEach(
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<((string | null)[] | undefined)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
}

/** Keys that Redis visits in one SCAN step. A step takes a fraction of a millisecond. */
const SCAN_KEYS = 500;

/** Counts the orders by their keys. It keeps every id in memory (L10), because SCAN can return a key twice. */
export async function countOrders(redis: OrderSource, keys: OrderKeys): Promise<number> {
  const seen = new Set<string>();
  for await (const page of scannedOrders(redis, keys)) for (const id of page.keys()) seen.add(id);
  return seen.size;
}

/** Fields of the hash that a list shows in addition to the id. */
export const LISTED_FIELDS = ['user_id', 'total_amount', 'items_count'] as const;

export interface ListedOrder {
  readonly id: string;
  /** Values in the order of LISTED_FIELDS; null if the field is missing. */
  readonly fields: readonly (string | null)[];
}

export interface ListedPage {
  readonly orders: readonly ListedOrder[];
  /** Keys of orders that do not hold a hash. */
  readonly foreign: readonly string[];
}

/**
 * Lists at most `limit` orders, each once, page by page, in the order of SCAN. It omits orders that are deleted meanwhile.
 */
export async function* listOrders(
  redis: OrderSource,
  keys: OrderKeys,
  limit: number,
): AsyncGenerator<ListedPage, void, undefined> {
  const seen = new Set<string>();
  let left = limit;
  for await (const found of scannedOrders(redis, keys)) {
    const fresh = [...found].filter(([id]) => !seen.has(id));
    while (fresh.length > 0 && left > 0) {
      const page = await readPage(redis, fresh.splice(0, Math.min(left, SCAN_KEYS)));
      for (const {id} of page.orders) seen.add(id);
      left -= page.orders.length;
      yield page;
    }
    if (left <= 0) return;
  }
}

async function readPage(
  redis: OrderSource,
  found: readonly (readonly [id: string, key: string])[],
): Promise<ListedPage> {
  const hashes = await redis.fieldsOfEach(
    found.map(([, key]) => key),
    LISTED_FIELDS,
  );
  const orders: ListedOrder[] = [];
  const foreign: string[] = [];
  found.forEach(([id, key], index) => {
    const fields = hashes[index];
    if (fields === undefined) foreign.push(key);
    else if (fields.some((value) => value !== null)) orders.push({id, fields});
  });
  return {orders, foreign};
}

type OrderKeys = Pick<KeySpace, 'orders' | 'orderIdOf'>;

/**
 * Yields ids of orders with their keys, step by step. It ignores keys that match the pattern of an order key but do not end with an id.
 */
async function* scannedOrders(
  redis: OrderSource,
  keys: OrderKeys,
): AsyncGenerator<Map<string, string>, void, undefined> {
  for await (const page of redis.keysMatching(keys.orders, SCAN_KEYS)) {
    const found = page.map((key) => [keys.orderIdOf(key), key] as const);
    yield new Map(found.flatMap(([id, key]) => (id === undefined ? [] : [[id, key] as const])));
  }
}

/** All that Redis holds of an order, at one moment. */
export interface StoredOrder {
  /** Field to value, in the order of Redis; null if there is no such order. */
  readonly row: Readonly<Record<string, string>> | null;
  /** Line items, ordered by id. They can arrive before the order. */
  readonly items: readonly StoredItem[];
}

/** Reads one order. Throws `read-model-corrupt` if one of its keys holds something that no worker writes. */
export async function readOrder(redis: OrderSource, keys: Keys, id: string): Promise<StoredOrder> {
  const [orderKey, itemsKey] = [keys.order(id), keys.orderLines(id)];
  const [[rowKind, flat], [itemsKind, text]] = (await redis.run(READ_ORDER, orderKey, [itemsKey])) as Reply;
  const corrupt = (what: string): ProjectorError => new ProjectorError('read-model-corrupt', what);
  if (rowKind !== 'hash' && rowKind !== 'none') throw corrupt(`${orderKey} is a ${rowKind}, not a hash`);
  if (itemsKind !== 'string' && itemsKind !== 'none') {
    throw corrupt(`${itemsKey} is a ${itemsKind}, not a string`);
  }
  const items = parseItems(text);
  if (items === undefined) throw corrupt(`${itemsKey} holds a line item that cannot be read`);
  const fields = flat.flatMap((field, index) => (index % 2 === 0 ? [[field, flat[index + 1] ?? '']] : []));
  return {row: fields.length === 0 ? null : (Object.fromEntries(fields) as Record<string, string>), items};
}

/** The keys of the partition that contains an order, and the order. */
export interface FoundOrder {
  readonly keys: Keys;
  readonly order: StoredOrder;
}

/** The number of partitions of the read model; 1 if it is empty, and in the layout `single`. */
export async function partitionsHeld(redis: Pick<OrderSource, 'getAll'>, keys: KeySpace): Promise<number> {
  if (keys.partition(0) === keys.partition(1)) return 1;
  const layouts = await redis.getAll([keys.shared.layout, keys.partition(0).layout]);
  const layout = layouts.find((text) => text !== null);
  return partitionsIn(layout ?? '') ?? 1;
}

/**
 * Looks for an order in the partition that its id gives, and then in the others, because the bytes of record keys depend on the converter
 * of the connector. In the layout `single` all partitions have the same keys. `partitions`: how many the read model has; 1 if it is empty.
 */
export async function findOrder(
  redis: OrderSource,
  {keys, partitions, id}: {keys: KeySpace; partitions: number; id: string},
): Promise<FoundOrder> {
  const expected = partitionOfKey(Buffer.from(id), partitions);
  const all = Array.from({length: partitions}, (_, each) => (expected + each) % partitions);
  const first = keys.partition(expected);
  const nothing = {keys: first, order: await readOrder(redis, first, id)};
  if (hasContent(nothing.order)) return nothing;
  const others = new Set(all.map((partition) => keys.partition(partition)));
  others.delete(first);
  for (const each of others) {
    const order = await readOrder(redis, each, id);
    if (hasContent(order)) return {keys: each, order};
  }
  return nothing;
}

function hasContent({row, items}: StoredOrder): boolean {
  return row !== null || items.length > 0;
}

/** One order as `projector orders show --json` and the live page give it. */
export interface OrderJson {
  readonly found: boolean;
  readonly id: string;
  /** The fields of the hash. Missing if there is no such order. */
  readonly order?: Readonly<Record<string, string>>;
  /** Present for every order that was found, and for line items that wait for their order. */
  readonly items?: readonly OrderItemJson[];
}

export interface OrderItemJson {
  readonly id: string;
  readonly product_id: string;
  readonly quantity: string;
  readonly amount?: string;
}

export function orderJson(id: string, {row, items}: StoredOrder): OrderJson {
  const found = items.map(({id: itemId, productId, quantity, amount}): OrderItemJson => {
    const item = {id: itemId, product_id: productId, quantity};
    return amount === undefined ? item : {...item, amount};
  });
  if (row !== null) return {found: true, id, order: row, items: found};
  return {found: false, id, ...(items.length > 0 ? {items: found} : {})};
}

/**
 * Describes what is unusual about an order: its row is missing, or its `items_count` differs from its line items. Returns undefined
 * for a usual order.
 */
export function oddityOf(id: string, {row, items}: StoredOrder, keys: Keys): string | undefined {
  const kept = `${keys.orderLines(id)} holds ${counted(items.length, 'line item')}`;
  if (row === null) {
    const sentence = `order ${id}: not found in Redis`;
    if (items.length === 0) return sentence;
    return `${sentence}; ${kept}, kept until the row of the order arrives, or satisfies ORDERS_WHERE`;
  }
  const {items_count: count = 'none'} = row;
  if (count === String(items.length)) return undefined;
  return `order ${id}: items_count is ${shown(count)}, but ${kept}: another program has written one of them`;
}

/** Escapes line breaks, tabs and control characters for a terminal, because extra columns can hold any text. */
export function shown(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/**
 * Reads both keys of an order in one script. With two commands a worker could write between them. The result would then
 * combine line items and an order from different moments.
 *
 *   KEYS[1]  key of the order; ARGV[1]  key of its line items
 *   Returns  for each of the two: the type of the key, then its content: alternating fields and values, or the text
 */
const READ_ORDER: Script = {
  name: 'readOrder',
  lua: `
local function read(key, kind, command, nothing)
  local found = redis.call('TYPE', key).ok
  return {found, found == kind and redis.call(command, key) or nothing}
end
return {read(KEYS[1], 'hash', 'HGETALL', {}), read(ARGV[1], 'string', 'GET', '')}`,
};

type Reply = readonly [
  order: readonly [kind: string, flat: readonly string[]],
  items: readonly [kind: string, text: string],
];
