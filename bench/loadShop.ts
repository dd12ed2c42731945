/** The orders of `bench --load`: fills MySQL with them, and says what the reports of Redis must hold. */
import mysql, {type Connection, type RowDataPacket} from 'mysql2/promise';
import type {StackEnv} from '../stack/environment.js';

export const ITEMS_PER_ORDER = 2;
const USERS = 60_000;
const PRODUCTS = 5_000;
const ORDERS_PER_TRANSACTION = 1_000;

/** The fields of `report:totals`. */
export interface Totals {
  readonly orders: string;
  readonly units: string;
  readonly revenue: string;
}

type OrderRow = readonly [id: number, userId: number, cents: number];
type ItemRow = readonly [id: number, orderId: number, productId: number, quantity: number];

function orderRow(id: number): OrderRow {
  return [id, 1 + ((id * 7_919) % USERS), (id * 37) % 50_000];
}

function itemRows(orderId: number): ItemRow[] {
  return Array.from({length: ITEMS_PER_ORDER}, (_, item) => [
    ...([ITEMS_PER_ORDER * orderId + item, orderId] as const),
    ...([1 + ((orderId * 31 + item * 17) % PRODUCTS), 1 + ((orderId + item) % 5)] as const),
  ]);
}

export function totalsOf(orders: number): Totals {
  let [units, cents] = [0, 0];
  for (let id = 1; id <= orders; id++) {
    cents += orderRow(id)[2];
    for (const [, , , quantity] of itemRows(id)) units += quantity;
  }
  return {orders: String(orders), units: String(units), revenue: String(cents)};
}

/** Inserts the orders with the ids 1 to `orders`. Orders of an earlier run with the same number stay. */
export async function fillMysql(env: StackEnv, orders: number): Promise<void> {
  const connection = await mysql.createConnection(env.mysql);
  try {
    const held = await rowCounts(connection);
    if (held.orders === orders && held.items === ITEMS_PER_ORDER * orders) return;
    if (held.orders > 0)
      throw new Error(
        `MySQL already holds ${held.orders} orders of another run. Stop the servers: npm run stack -- down --name bench`,
      );
    for (let first = 1; first <= orders; first += ORDERS_PER_TRANSACTION)
      await insertPage(connection, first, Math.min(orders, first + ORDERS_PER_TRANSACTION - 1));
  } finally {
    await connection.end();
  }
}

async function rowCounts(connection: Connection): Promise<{orders: number; items: number}> {
  const [[row]] = await connection.query<RowDataPacket[]>(
    'SELECT (SELECT COUNT(*) FROM orders) AS orders, (SELECT COUNT(*) FROM order_items) AS items',
  );
  return {orders: Number(row?.['orders']), items: Number(row?.['items'])};
}

async function insertPage(connection: Connection, first: number, last: number): Promise<void> {
  const orders: unknown[][] = [];
  const items: unknown[][] = [];
  for (let id = first; id <= last; id++) {
    const [, userId, cents] = orderRow(id);
    orders.push([id, userId, (cents / 100).toFixed(2)]);
    for (const item of itemRows(id)) items.push([...item, '9.90']);
  }
  await connection.beginTransaction();
  await connection.query('INSERT INTO orders (id, user_id, total_amount) VALUES ?', [orders]);
  await connection.query(
    'INSERT INTO order_items (id, order_id, product_id, quantity, unit_price) VALUES ?',
    [items],
  );
  await connection.commit();
}
