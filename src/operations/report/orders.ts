/**
 * The orders of the read model, read from Redis alone: counted, listed, or one shown in full.
 *
 * The code uses SCAN and never KEYS, because KEYS blocks a large Redis for other clients. Ids are text (I8).
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import {printable} from '../../runtime/escapeControl.js';
import type {Keys} from '../../redis-model/keys.js';
import {parseItems, type StoredItem} from '../../redis-model/storedItems.js';

/** The part of Redis that these functions need (clients/redis/client.ts). */
export interface OrderSource {
  keysMatching(match: string, count: number): AsyncIterable<string[]>;
  fieldsOfEach(
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<((string | null)[] | undefined)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

/** Keys that Redis visits in one SCAN step. A step takes a fraction of a millisecond. */
const SCAN_KEYS = 500;

/** Counts the orders by their keys. It keeps every id in memory (L10), because SCAN can return a key twice. */
export async function countOrders(redis: OrderSource, keys: Keys): Promise<number> {
  const seen = new Set<string>();
  for await (const ids of scannedIds(redis, keys)) for (const id of ids) seen.add(id);
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
  keys: Keys,
  limit: number,
): AsyncGenerator<ListedPage, void, undefined> {
  const seen = new Set<string>();
  let left = limit;
  for await (const ids of scannedIds(redis, keys)) {
    const fresh = ids.filter((id) => !seen.has(id));
    while (fresh.length > 0 && left > 0) {
      const page = await readPage(redis, keys, fresh.splice(0, Math.min(left, SCAN_KEYS)));
      for (const {id} of page.orders) seen.add(id);
      left -= page.orders.length;
      yield page;
    }
    if (left <= 0) return;
  }
}

async function readPage(redis: OrderSource, keys: Keys, ids: readonly string[]): Promise<ListedPage> {
  const hashes = await redis.fieldsOfEach(
    ids.map((id) => keys.order(id)),
    LISTED_FIELDS,
  );
  const orders: ListedOrder[] = [];
  const foreign: string[] = [];
  ids.forEach((id, index) => {
    const fields = hashes[index];
    if (fields === undefined) foreign.push(keys.order(id));
    else if (fields.some((value) => value !== null)) orders.push({id, fields});
  });
  return {orders, foreign};
}

/**
 * Yields the ids of orders, step by step. It ignores keys that match the pattern of an order key but do not end with an id.
 */
async function* scannedIds(redis: OrderSource, keys: Keys): AsyncGenerator<string[], void, undefined> {
  for await (const page of redis.keysMatching(keys.orders, SCAN_KEYS))
    yield [...new Set(page.flatMap((key) => keys.orderIdOf(key) ?? []))];
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
  const kept = `${keys.orderLines(id)} holds ${items.length} line item${items.length === 1 ? '' : 's'}`;
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
