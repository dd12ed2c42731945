/**
 * Compares Redis with MySQL, for the demo and the tests. It shares no code with the worker, so that a bug in the worker
 * cannot hide itself. It computes the documented keys a second time, from SQL rows.
 */
import type {Redis} from 'ioredis';
import type {Connection, RowDataPacket} from 'mysql2/promise';

export interface Comparison {
  readonly orders: number;
  readonly products: number;
  readonly users: number;
  /** One line for each field that differs. */
  readonly differences: readonly string[];
}

export interface ComparisonOptions {
  /** The worker's REDIS_KEY_PREFIX. */
  readonly prefix?: string;
}

interface OrderRow extends RowDataPacket {
  id: string;
  user_id: string;
  total_amount: string;
}

interface LineRow extends RowDataPacket {
  id: string;
  order_id: string;
  product_id: string;
  quantity: string;
}

type Hash = Record<string, string>;

interface Expected {
  orders: Map<string, Hash>;
  /** Order id -> `item id:product_id:quantity;...`. */
  lines: Map<string, string>;
  sold: Map<string, bigint>;
  spent: Map<string, bigint>;
  totals: Hash;
}

/** Reads both sides and lists every difference. The two reads are not one snapshot, so nothing may write meanwhile. */
export async function compare(
  mysql: Connection,
  redis: Redis,
  options: ComparisonOptions = {},
): Promise<Comparison> {
  const prefix = options.prefix ?? '';
  const expected = await readMysql(mysql);
  const differences = [
    ...diffHashes('order', expected.orders, await readHashes(redis, `${prefix}order:`)),
    ...diffTexts('order_lines', expected.lines, await readTexts(redis, `${prefix}order_lines:`)),
    ...diffCounters(
      'product counter',
      expected.sold,
      await readCounters(redis, `${prefix}product:`, ':sold'),
    ),
    ...diffScores('report:products', expected.sold, await readScores(redis, `${prefix}report:products`)),
    ...diffScores('report:users', expected.spent, await readScores(redis, `${prefix}report:users`)),
  ];
  const totals = await redis.hgetall(`${prefix}report:totals`);
  for (const [field, value] of Object.entries(expected.totals)) {
    const found = totals[field] ?? '0';
    if (found !== value) differences.push(`report:totals ${field}: MySQL ${value}, Redis ${found}`);
  }
  return {
    orders: expected.orders.size,
    products: expected.sold.size,
    users: expected.spent.size,
    differences,
  };
}

async function readMysql(mysql: Connection): Promise<Expected> {
  const [orders] = await mysql.query<OrderRow[]>(
    'SELECT CAST(id AS CHAR) id, CAST(user_id AS CHAR) user_id, CAST(total_amount AS CHAR) total_amount FROM orders',
  );
  const [lines] = await mysql.query<LineRow[]>(
    `SELECT CAST(id AS CHAR) id, CAST(order_id AS CHAR) order_id, CAST(product_id AS CHAR) product_id,
            CAST(quantity AS CHAR) quantity FROM order_items i ORDER BY i.order_id, i.id`,
  );
  const expected: Expected = {
    orders: new Map(),
    lines: new Map(),
    sold: new Map(),
    spent: new Map(),
    totals: {},
  };
  let revenue = 0n;
  for (const {id, user_id, total_amount} of orders) {
    expected.orders.set(id, {id, user_id, total_amount, items_count: '0', items: ''});
    const cents = BigInt(total_amount.replace('.', ''));
    revenue += cents;
    add(expected.spent, user_id, cents);
  }
  let units = 0n;
  for (const {id, order_id, product_id, quantity} of lines) {
    const stored = expected.lines.get(order_id);
    const line = `${id}:${product_id}:${quantity}`;
    expected.lines.set(order_id, stored === undefined ? line : `${stored};${line}`);
    const order = expected.orders.get(order_id);
    if (order === undefined) continue;
    const item = `product_id:${product_id},quantity:${quantity}`;
    order['items_count'] = String(Number(order['items_count']) + 1);
    order['items'] = order['items'] === '' ? item : `${order['items'] ?? ''};${item}`;
    units += BigInt(quantity);
    add(expected.sold, product_id, BigInt(quantity));
  }
  expected.totals = {orders: String(orders.length), units: String(units), revenue: String(revenue)};
  return expected;
}

function add(sums: Map<string, bigint>, member: string, delta: bigint): void {
  sums.set(member, (sums.get(member) ?? 0n) + delta);
}

async function scan(redis: Redis, prefix: string, suffix = ''): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'MATCH', `${prefix}*${suffix}`, 'COUNT', 1000);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}

async function readHashes(redis: Redis, prefix: string): Promise<Map<string, Hash>> {
  const found = new Map<string, Hash>();
  const keys = await scan(redis, prefix);
  for (let i = 0; i < keys.length; i += 1000) {
    const page = keys.slice(i, i + 1000);
    const pipeline = redis.pipeline();
    for (const key of page) pipeline.hgetall(key);
    const replies = await pipeline.exec();
    page.forEach((key, index) => {
      const [error, hash] = replies?.[index] ?? [
        new Error('the pipeline has no reply for this command'),
        undefined,
      ];
      if (error !== null) throw error;
      found.set(key.slice(prefix.length), hash as Hash);
    });
  }
  return found;
}

async function readTexts(redis: Redis, prefix: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const keys = await scan(redis, prefix);
  for (let i = 0; i < keys.length; i += 1000) {
    const page = keys.slice(i, i + 1000);
    const texts = await redis.mget(page);
    page.forEach((key, index) => found.set(key.slice(prefix.length), texts[index] ?? '(not a string)'));
  }
  return found;
}

async function readCounters(redis: Redis, prefix: string, suffix: string): Promise<Map<string, bigint>> {
  const keys = await scan(redis, prefix, suffix);
  if (keys.length === 0) return new Map();
  const values = await redis.mget(keys);
  return new Map(keys.map((key, i) => [key.slice(prefix.length, -suffix.length), BigInt(values[i] ?? '0')]));
}

async function readScores(redis: Redis, key: string): Promise<Map<string, bigint>> {
  const flat = await redis.zrange(key, '0', '-1', 'WITHSCORES');
  const scores = new Map<string, bigint>();
  for (let i = 0; i < flat.length; i += 2) scores.set(flat[i]!, BigInt(Number(flat[i + 1])));
  return scores;
}

function diffHashes(name: string, expected: Map<string, Hash>, found: Map<string, Hash>): string[] {
  const differences: string[] = [];
  for (const [id, hash] of expected) {
    const other = found.get(id);
    if (other === undefined) {
      differences.push(`${name}:${id} is missing in Redis`);
      continue;
    }
    for (const field of new Set([...Object.keys(hash), ...Object.keys(other)])) {
      if (hash[field] === other[field]) continue;
      differences.push(`${name}:${id} ${field}: MySQL ${hash[field] ?? '-'}, Redis ${other[field] ?? '-'}`);
    }
  }
  for (const id of found.keys()) {
    if (!expected.has(id)) differences.push(`${name}:${id} is in Redis only`);
  }
  return differences;
}

function diffTexts(name: string, expected: Map<string, string>, found: Map<string, string>): string[] {
  return [...new Set([...expected.keys(), ...found.keys()])]
    .filter((id) => expected.get(id) !== found.get(id))
    .map((id) => `${name}:${id}: MySQL ${expected.get(id) ?? '-'}, Redis ${found.get(id) ?? '-'}`);
}

/** A counter with the value 0 may be missing in Redis. */
function diffCounters(name: string, expected: Map<string, bigint>, found: Map<string, bigint>): string[] {
  const differences: string[] = [];
  for (const member of new Set([...expected.keys(), ...found.keys()])) {
    const want = expected.get(member) ?? 0n;
    const got = found.get(member);
    if (want !== (got ?? 0n)) differences.push(`${name} ${member}: MySQL ${want}, Redis ${got ?? '-'}`);
  }
  return differences;
}

/** A member with the score 0 must be missing in a sorted set. */
function diffScores(name: string, expected: Map<string, bigint>, found: Map<string, bigint>): string[] {
  const zeros = [...found]
    .filter(([, score]) => score === 0n)
    .map(([member]) => `${name} ${member}: the member has the score 0 and must not exist`);
  return [...diffCounters(name, expected, found), ...zeros];
}
