/**
 * Whether orders in Redis are equal to what is expected, as one text for many orders.
 *
 * A comparison of everything spends most of its time on the commands and replies of single keys. So a script in Redis writes the hashes and
 * the line items of some orders into one text. If that text is equal to the expected one, nothing differs. Else orders.ts looks at each
 * order.
 *
 * The text of an order, in parts that are separated by NUL: the number of fields of its hash, the value of each expected field, and its line
 * items. U+0001 stands for an absent field, and for a key of another type. Equal texts mean equal orders:
 *
 * - The expected values contain neither of these characters; orders with such values are compared one by one. So both texts are cut into
 *   the same parts, and each part is equal.
 * - A field that is not expected is found by the number of fields, whatever its name is. That number also finds a stored value U+0001.
 *
 * The script only reads, and with commands that the comparison of single orders uses too. It reads both keys of an order at one time.
 *
 * Pure, except for the call of the script.
 */
import type {Script} from '../../clients/redis/client.js';
import type {Keys} from '../../redis-model/keys.js';
import type {ExpectedOrder, ExpectedOrders} from './expected.js';

/** What this comparison uses of the Redis client (clients/redis/client.ts). */
export interface TextHost {
  /** Runs a script that only reads. */
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

/**
 * KEYS[1] is the key of the first order. ARGV contains the beginnings of the keys of hashes and of line items, the number of fields, the
 * fields, and the ids of the orders. Returns their text. Most hashes have their fields in the expected order, which takes less time.
 */
export const ORDER_TEXTS: Script = {
  name: 'projectorOrderTexts',
  lua: `
local call, argv = redis.pcall, ARGV
local names = {unpack(argv, 4, 3 + argv[3])}
local fields = #names
local parts, size = {}, 0
for i = 4 + fields, #argv do
  local hash = call('HGETALL', argv[1] .. argv[i])
  local count = #hash
  parts[size + 1] = hash.err and '\\1' or count / 2
  local isInOrder = count == 2 * fields
  for j = 1, fields do
    if not isInOrder then break end
    isInOrder = hash[2 * j - 1] == names[j]
    parts[size + 1 + j] = hash[2 * j]
  end
  if not isInOrder then
    local values = {}
    for j = 1, count, 2 do values[hash[j]] = hash[j + 1] end
    for j = 1, fields do parts[size + 1 + j] = values[names[j]] or '\\1' end
  end
  local items = call('GET', argv[2] .. argv[i])
  size = size + fields + 2
  parts[size] = type(items) == 'table' and '\\1' or items or ''
end
return table.concat(parts, '\\0')`,
};

/** A script of this size blocks Redis for about 0.2 to 0.7 ms. */
const ORDERS_MAX = 50;
const CHARS_MAX = 32_768;
const SEPARATOR = '\0';
const ABSENT = '\x01';
// eslint-disable-next-line no-control-regex -- these characters are what it must find
const RESERVED = /[\0\x01]/;

/** The ids of the orders that are not equal, or of which this comparison cannot say it. */
export async function unequalOrders(
  redis: TextHost,
  expected: ExpectedOrders,
  keys: Keys,
): Promise<Set<string>> {
  const unequal = new Set<string>();
  const fields = fieldsOf(expected);
  const begin = [keys.order(''), keys.orderLines(''), String(fields.length), ...fields];
  const compare = async ({ids, texts}: Batch): Promise<void> => {
    const found = String(await redis.run(ORDER_TEXTS, keys.order(ids[0] ?? ''), [...begin, ...ids]));
    if (found === texts.join(SEPARATOR)) return;
    const foundTexts = textsIn(found, fields.length + 2);
    ids.forEach((id, index) => {
      if (foundTexts.length !== ids.length || foundTexts[index] !== texts[index]) unequal.add(id);
    });
  };
  // While Redis runs one script, the next one is on its way. More of them would block other clients for longer.
  let before: Promise<void> | undefined;
  for (const batch of batches(expected, fields, unequal)) {
    const compared = compare(batch);
    // The batch before can fail first. Then nobody waits for this one any more.
    compared.catch(() => undefined);
    await before;
    before = compared;
  }
  await before;
  return unequal;
}

interface Batch {
  readonly ids: string[];
  readonly texts: string[];
}

/** Adds the orders that must be compared one by one to `unequal`. */
function* batches(
  expected: ExpectedOrders,
  fields: readonly string[],
  unequal: Set<string>,
): Generator<Batch> {
  let batch: Batch = {ids: [], texts: []};
  let chars = 0;
  for (const [id, order] of expected) {
    const text = order.fault === undefined ? textOf(order, fields) : undefined;
    if (text === undefined || text.length > CHARS_MAX) {
      unequal.add(id);
      continue;
    }
    if (batch.ids.length === ORDERS_MAX || chars + text.length > CHARS_MAX) {
      yield batch;
      batch = {ids: [], texts: []};
      chars = 0;
    }
    batch.ids.push(id);
    batch.texts.push(text);
    chars += text.length;
  }
  if (batch.ids.length > 0) yield batch;
}

/** The texts of single orders. There are more of them than orders if a value in Redis contains the separator. */
function textsIn(found: string, partsOfOrder: number): string[] {
  const parts = found.split(SEPARATOR);
  const texts: string[] = [];
  for (let at = 0; at < parts.length; at += partsOfOrder)
    texts.push(parts.slice(at, at + partsOfOrder).join(SEPARATOR));
  return texts;
}

/** Undefined if a value contains a reserved character. */
function textOf({order, items}: ExpectedOrder, fields: readonly string[]): string | undefined {
  let text = '';
  let count = 0;
  for (const field of fields) {
    const value = order[field];
    if (value === undefined) text += SEPARATOR + ABSENT;
    else if (RESERVED.test(value)) return undefined;
    else {
      text += SEPARATOR + value;
      count++;
    }
  }
  return RESERVED.test(items) ? undefined : String(count) + text + SEPARATOR + items;
}

/** All fields that a hash of these orders has. */
function fieldsOf(expected: ExpectedOrders): readonly string[] {
  const fields = new Set<string>();
  for (const {order} of expected.values()) for (const field of Object.keys(order)) fields.add(field);
  return [...fields];
}
