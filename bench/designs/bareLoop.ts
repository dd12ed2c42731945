/**
 * The least that a copy of MySQL to Redis must do: reads all rows in pages, and writes the orders and their line items in plain
 * pipelines. It has no counters, no reports, no position, no check of values, and cannot run while rows change.
 *
 * Runs as a process of its own and prints one line of JSON. Its only argument is a BareLoopJob as JSON.
 */
import {Redis} from 'ioredis';
import mysql, {type Connection, type FieldPacket, type QueryResult} from 'mysql2/promise';

export interface BareLoopJob {
  readonly mysql: {host: string; port: number; user: string; password: string; database: string};
  readonly redisUrl: string;
}

export interface BareLoopResult {
  /** From the first query to the last reply of Redis, without the start of Node. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly orders: number;
}

const ORDERS_PER_PAGE = 2_000;

type Texts = readonly (string | null)[];

const [text] = process.argv.slice(2);
if (text === undefined) throw new Error('usage: bareLoop.ts JOB');
process.stdout.write(`${JSON.stringify(await work(JSON.parse(text) as BareLoopJob))}\n`);

async function work({mysql: login, redisUrl}: BareLoopJob): Promise<BareLoopResult> {
  const begin = performance.now();
  const cpuBefore = process.cpuUsage();
  const connection = await mysql.createConnection({
    ...login,
    rowsAsArray: true,
    typeCast: (field) => field.string(),
  });
  const redis = new Redis(redisUrl);
  const orders = await copyAll(connection, redis);
  const seconds = (performance.now() - begin) / 1_000;
  const {user, system} = process.cpuUsage(cpuBefore);
  await connection.end();
  redis.disconnect();
  return {seconds, cpuSeconds: (user + system) / 1e6, orders};
}

/** Reads the next page while Redis writes the last one. */
async function copyAll(connection: Connection, redis: Redis): Promise<number> {
  let copied = 0;
  let written: Promise<unknown> = Promise.resolve();
  let after = '0';
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  for (;;) {
    const orders = await rowsOf(connection, [
      'SELECT id, user_id, total_amount FROM orders WHERE id > ? ORDER BY id LIMIT ?',
      [after, ORDERS_PER_PAGE],
    ]);
    const last = orders.at(-1)?.[0];
    if (last === undefined || last === null) break;
    const items = await rowsOf(connection, [
      'SELECT id, order_id, product_id, quantity FROM order_items WHERE order_id > ? AND order_id <= ? ORDER BY order_id, id',
      [after, last],
    ]);
    await written;
    written = writePage(redis, orders, items);
    after = last;
    copied += orders.length;
  }
  await written;
  return copied;
}

async function rowsOf(
  connection: Connection,
  [statement, values]: readonly [string, (string | number)[]],
): Promise<Texts[]> {
  const [rows]: [QueryResult, FieldPacket[]] = await connection.query(statement, values);
  return rows as unknown as Texts[];
}

async function writePage(redis: Redis, orders: readonly Texts[], items: readonly Texts[]): Promise<void> {
  const itemsOf = new Map<string, Texts[]>();
  for (const item of items) {
    const orderId = item[1] ?? '';
    const held = itemsOf.get(orderId);
    if (held === undefined) itemsOf.set(orderId, [item]);
    else held.push(item);
  }
  const pipeline = redis.pipeline();
  for (const [id, userId, amount] of orders) {
    const own = itemsOf.get(id ?? '') ?? [];
    const names = own.map(([, , product, quantity]) => `product_id:${product},quantity:${quantity}`);
    const fields = {
      id,
      user_id: userId,
      total_amount: amount,
      items_count: own.length,
      items: names.join(';'),
    };
    pipeline.hset(`order:${id}`, fields);
    const lines = own.map(([item, , product, quantity]) => `${item}:${product}:${quantity}`);
    pipeline.set(`order_lines:${id}`, lines.join(';'));
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}
