/**
 * The orders of the read model, from Redis alone: counted, listed, one shown whole. SCAN and never KEYS, so that a large
 * Redis is held up by none of them. Ids are text (I8).
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {Keys} from '../../redis-model/keys.js';
import {parseLines, type StoredLine} from '../../redis-model/storedItems.js';

/** Redis, as far as these need it (clients/redis/client.ts). */
export interface OrderSource {
  scan(
    cursor: string,
    step: {readonly match: string; readonly count: number},
  ): Promise<{cursor: string; keys: string[]}>;
  fieldsOfEach(
    keys: readonly string[],
    fields: readonly string[],
  ): Promise<((string | null)[] | undefined)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

/** Keys that Redis looks at in one step: a fraction of a millisecond. */
const SCAN_KEYS = 500;

/** How many orders there are, by their keys. Remembers every id, since SCAN may give a key twice. */
export async function countOrders(redis: OrderSource, keys: Keys): Promise<number> {
  const seen = new Set<string>();
  for await (const ids of scannedIds(redis, keys)) for (const id of ids) seen.add(id);
  return seen.size;
}

/** What a list shows of an order beside its id: fields of its hash. */
export const LISTED_FIELDS = ['user_id', 'total_amount', 'items_count'] as const;

export interface ListedOrder {
  readonly id: string;
  /** In the order of LISTED_FIELDS; null where the field is missing. */
  readonly fields: readonly (string | null)[];
}

export interface ListedPage {
  readonly orders: readonly ListedOrder[];
  /** Keys of orders that hold something else than a hash. */
  readonly foreign: readonly string[];
}

/** At most `limit` orders, each once, page by page in Redis' own order. One that is deleted meanwhile is left out. */
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

/** Ids of orders, step by step. Keys that begin like those of orders and go on otherwise are not ours. */
async function* scannedIds(redis: OrderSource, keys: Keys): AsyncGenerator<string[], void, undefined> {
  let cursor = '0';
  do {
    const step = await redis.scan(cursor, {match: keys.orders, count: SCAN_KEYS});
    cursor = step.cursor;
    yield [...new Set(step.keys.flatMap((key) => keys.orderIdOf(key) ?? []))];
  } while (cursor !== '0');
}

/** All that Redis holds of an order, at one instant. */
export interface StoredOrder {
  /** Field to value, in Redis' order; null when there is no such order. */
  readonly row: Readonly<Record<string, string>> | null;
  /** In order of their ids. They may be there before the row. */
  readonly lines: readonly StoredLine[];
}

/** Throws `read-model-corrupt` when something that no worker writes is under one of its keys. */
export async function readOrder(redis: OrderSource, keys: Keys, id: string): Promise<StoredOrder> {
  const [orderKey, linesKey] = [keys.order(id), keys.orderLines(id)];
  const [[rowKind, flat], [linesKind, text]] = (await redis.run(READ_ORDER, orderKey, [linesKey])) as Reply;
  const corrupt = (what: string): ProjectorError => new ProjectorError('read-model-corrupt', what);
  if (rowKind !== 'hash' && rowKind !== 'none') throw corrupt(`${orderKey} is a ${rowKind}, not a hash`);
  if (linesKind !== 'string' && linesKind !== 'none') {
    throw corrupt(`${linesKey} is a ${linesKind}, not a string`);
  }
  const lines = parseLines(text);
  if (lines === undefined) throw corrupt(`${linesKey} holds a line that cannot be read`);
  const fields = flat.flatMap((field, index) => (index % 2 === 0 ? [[field, flat[index + 1] ?? '']] : []));
  return {row: fields.length === 0 ? null : (Object.fromEntries(fields) as Record<string, string>), lines};
}

/**
 * One script: two commands would let a worker write in between, and show lines without their order that never were so.
 *
 *   KEYS[1]  the order; ARGV[1]  its lines
 *   Returns  for each of the two: the type of the key, then fields and values in turns, or the text
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
  lines: readonly [kind: string, text: string],
];
