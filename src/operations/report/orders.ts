/**
 * The orders of the read model, read from Redis alone: counted, listed, or one shown in full.
 *
 * The code uses SCAN and never KEYS, because KEYS blocks a large Redis for other clients. Ids are text (I8).
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
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
