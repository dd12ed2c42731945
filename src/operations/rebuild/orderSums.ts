/**
 * Adds up what the orders in Redis contribute to counters and reports, in the layout `partitioned`. Nobody may write orders while it reads.
 *
 * I7: a product that any stored line item names gets its counter even at 0, also if its order is hidden.
 */
import {CreatedSums} from '../../apply/createdOrders.js';
import type {Script} from '../../clients/redis/client.js';
import {AMOUNT_DIGITS_MAX, digitCount} from '../../domain/order.js';
import type {KeySpace} from '../../redis-model/keys.js';
import {parseItems} from '../../redis-model/storedItems.js';
import {ProjectorError} from '../../runtime/errors.js';
import {SeenIds} from '../../domain/seenIds.js';

/** The part of the Redis client that this file needs (clients/redis/client.ts). */
export interface OrderKeys {
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
  keysMatching(match: string, count: number): AsyncIterable<readonly string[]>;
}

/**
 * KEYS[1] is the key of the first order. ARGV contains the beginnings of the keys of orders and of line items, and the ids. Returns for each
 * order its user, its amount and its line items; nil for what is absent, and 0 for what has another type.
 */
const ORDER_PARTS: Script = {
  name: 'projectorOrderParts',
  lua: `
local parts = {}
for i = 3, #ARGV do
  local row = redis.pcall('HMGET', ARGV[1] .. ARGV[i], 'user_id', 'total_amount')
  local items = redis.pcall('GET', ARGV[2] .. ARGV[i])
  if row.err then row = {0, 0} end
  if type(items) == 'table' then items = 0 end
  parts[3 * i - 8], parts[3 * i - 7], parts[3 * i - 6] = row[1], row[2], items
end
return parts`,
};

/** Such a script blocks Redis for less than a chunk of a worker does. */
const ORDERS_PER_SCRIPT = 200;
const KEYS_PAGE = 1_000;
/** A table of 1 GB, for a hundred million orders. It grows with the number of orders. */
const SLOTS_MAX = 1 << 27;
const AMOUNT = /^-?\d+(?:\.\d+)?$/;

/** Rejects with `rebuild-refused` if an order is corrupt. `progress` is called with the number of keys so far. */
export async function sumOrders(
  redis: OrderKeys,
  keys: KeySpace,
  {signal, progress}: {readonly signal: AbortSignal; readonly progress: (looked: number) => void},
): Promise<CreatedSums> {
  const sums = new CreatedSums();
  const named = new Set<string>();
  // SCAN can return a key twice.
  const seen = new SeenIds(Math.floor(Math.random() * 2 ** 31), SLOTS_MAX);
  const waiting = new Map<number, string[]>();
  const read = async (partition: number, ids: readonly string[]): Promise<void> => {
    const own = keys.partition(partition);
    const args = [own.order(''), own.orderLines(''), ...ids];
    const parts = (await redis.run(ORDER_PARTS, own.order(ids[0] ?? ''), args)) as unknown[];
    ids.forEach((id, index) => {
      const [user, amount, items] = parts.slice(3 * index, 3 * index + 3);
      add({sums, named}, own.order(id), {user, amount, items});
    });
  };
  let looked = 0;
  for await (const page of redis.keysMatching(keys.orders.replace(/:\*$/, '*'), KEYS_PAGE)) {
    signal.throwIfAborted();
    for (const key of page) {
      const partition = keys.placeOf(key)?.partition;
      if (partition === undefined) continue;
      const own = keys.partition(partition);
      const id = own.orderIdOf(key) ?? own.orderIdOfLines(key);
      if (id === undefined || seen.has(own.order(id))) continue;
      seen.add(own.order(id));
      const ids = waiting.get(partition) ?? [];
      waiting.set(partition, ids);
      ids.push(id);
    }
    const full = [...waiting].filter(([, ids]) => ids.length >= ORDERS_PER_SCRIPT);
    await Promise.all(
      full.map(async ([partition, ids]) => await read(partition, ids.splice(0, ORDERS_PER_SCRIPT))),
    );
    looked += page.length;
    progress(looked);
  }
  for (const [partition, ids] of waiting)
    while (ids.length > 0) await read(partition, ids.splice(0, ORDERS_PER_SCRIPT));
  sums.name(named);
  return sums;
}

interface Parts {
  readonly user: unknown;
  readonly amount: unknown;
  readonly items: unknown;
}

function add(
  {sums, named}: {sums: CreatedSums; named: Set<string>},
  key: string,
  {user, amount, items: text}: Parts,
): void {
  const items = text === null ? [] : typeof text === 'string' ? parseItems(text) : undefined;
  if (items === undefined) throw corrupt(key, 'has line items that cannot be read');
  if (user === null && amount === null) {
    for (const {productId} of items) if (productId !== '') named.add(productId);
    return;
  }
  if (typeof user !== 'string' || typeof amount !== 'string')
    throw corrupt(key, 'is not a hash with user_id and total_amount');
  if (!AMOUNT.test(amount) || digitCount(amount) > AMOUNT_DIGITS_MAX)
    throw corrupt(key, 'has a total_amount that cannot be read');
  const row = {userId: user, totalAmount: amount, extra: []};
  sums.add(row, new Map(items.map(({id, productId, quantity}) => [id, {productId, quantity}])));
}

function corrupt(key: string, what: string): ProjectorError {
  return new ProjectorError(
    'rebuild-refused',
    `${key} ${what}: repair it with \`projector verify --repair\``,
  );
}
