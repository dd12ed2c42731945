/** A simulated shop: it places, changes and cancels orders, and adds and removes line items. It writes to MySQL only. */
import mysql from 'mysql2/promise';
import type {Pool, PoolConnection, ResultSetHeader} from 'mysql2/promise';
import {Random} from '../random.js';

export interface ShopCounts {
  ordersInserted: number;
  /** A cancelled order is deleted. */
  ordersCancelled: number;
  transactions: number;
  rowChanges: number;
}

interface KnownOrder {
  readonly id: number;
  readonly itemIds: number[];
}

const PRODUCTS = 500;
const USERS = 2_000;
/** Only this many of the newest orders are changed later. Older orders stay as they are. */
const RECENT_ORDERS = 400;
const DEADLOCK = 'ER_LOCK_DEADLOCK';

export class Shop {
  readonly counts: ShopCounts = {ordersInserted: 0, ordersCancelled: 0, transactions: 0, rowChanges: 0};
  readonly #pool: Pool;
  readonly #random: Random;
  #recent: KnownOrder[] = [];

  constructor(url: string, seed: number) {
    this.#pool = mysql.createPool({uri: url, connectionLimit: 4});
    this.#random = new Random(seed);
  }

  /** Writes until `orders` orders have been inserted since the first call. Changes to recent orders are mixed in. */
  async trade(orders: number, signal: AbortSignal): Promise<void> {
    const clerk = async (): Promise<void> => {
      while (this.counts.ordersInserted < orders && !signal.aborted) await this.#transact();
    };
    await Promise.all([clerk(), clerk(), clerk(), clerk()]);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #transact(): Promise<void> {
    const dice = this.#random.next();
    const isOrder = dice < 0.6 || this.#recent.length < 20;
    // The order is counted before the insert. So the four clerks insert at most three orders too many at the end.
    if (isOrder) this.counts.ordersInserted++;
    const connection = await this.#pool.getConnection();
    try {
      await connection.beginTransaction();
      const rows = await (isOrder ? this.#order(connection) : this.#change(connection, dice));
      await connection.commit();
      this.counts.transactions++;
      this.counts.rowChanges += rows;
    } catch (error) {
      await connection.rollback();
      if (isOrder) this.counts.ordersInserted--;
      if ((error as {code?: string}).code !== DEADLOCK) throw error;
    } finally {
      connection.release();
    }
  }

  /** Changes a recent order. Returns the number of affected rows that MySQL reports. */
  async #change(connection: PoolConnection, dice: number): Promise<number> {
    const order = this.#random.pick(this.#recent);
    if (dice < 0.78) return await this.#pay(connection, order);
    if (dice < 0.88) return await this.#changeQuantity(connection, order);
    if (dice < 0.92) return await this.#moveLine(connection, order);
    if (dice < 0.95) return await this.#dropLine(connection, order);
    return await this.#cancel(connection, order);
  }

  async #order(connection: PoolConnection): Promise<number> {
    const random = this.#random;
    const lines = Array.from({length: random.int(1, 4)}, () => ({
      productId: random.skewed(PRODUCTS),
      quantity: random.int(1, 5),
      cents: random.int(199, 9_999),
    }));
    const total = lines.reduce((sum, line) => sum + line.quantity * line.cents, 0);
    const [inserted] = await connection.query<ResultSetHeader>(
      'INSERT INTO orders (user_id, total_amount) VALUES (?, ?)',
      [random.skewed(USERS), price(total)],
    );
    const [insertedLines] = await connection.query<ResultSetHeader>(
      'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES ?',
      [lines.map(({productId, quantity, cents}) => [inserted.insertId, productId, quantity, price(cents)])],
    );
    const itemIds = lines.map((_, index) => insertedLines.insertId + index);
    this.#recent.push({id: inserted.insertId, itemIds});
    if (this.#recent.length > RECENT_ORDERS) this.#recent = this.#recent.slice(-RECENT_ORDERS / 2);
    return 1 + lines.length;
  }

  async #pay(connection: PoolConnection, order: KnownOrder): Promise<number> {
    return await affected(connection, 'UPDATE orders SET status = ? WHERE id = ?', ['paid', order.id]);
  }

  async #changeQuantity(connection: PoolConnection, order: KnownOrder): Promise<number> {
    if (order.itemIds.length === 0) return 0;
    const itemId = this.#random.pick(order.itemIds);
    const lines = await affected(
      connection,
      'UPDATE order_items SET quantity = quantity + 1 WHERE id = ? AND order_id = ?',
      [itemId, order.id],
    );
    if (lines === 0) return 0;
    const amount = 'UPDATE orders SET total_amount = total_amount + 10.50 WHERE id = ?';
    return lines + (await affected(connection, amount, [order.id]));
  }

  async #moveLine(connection: PoolConnection, from: KnownOrder): Promise<number> {
    const to = this.#random.pick(this.#recent);
    const itemId = from.itemIds.pop();
    if (to === from || itemId === undefined) return 0;
    // If another clerk has cancelled the target order in the meantime, the line item stays where it is.
    const move =
      'UPDATE order_items SET order_id = ? WHERE id = ? AND EXISTS (SELECT 1 FROM orders WHERE id = ?)';
    const rows = await affected(connection, move, [to.id, itemId, to.id]);
    if (rows > 0) to.itemIds.push(itemId);
    return rows;
  }

  async #dropLine(connection: PoolConnection, order: KnownOrder): Promise<number> {
    const itemId = order.itemIds.pop();
    return await affected(connection, 'DELETE FROM order_items WHERE id = ?', [itemId ?? 0]);
  }

  async #cancel(connection: PoolConnection, order: KnownOrder): Promise<number> {
    this.#recent = this.#recent.filter((other) => other !== order);
    const orders = await affected(connection, 'DELETE FROM orders WHERE id = ?', [order.id]);
    this.counts.ordersCancelled += orders;
    return orders;
  }
}

async function affected(
  connection: PoolConnection,
  sql: string,
  values: (string | number)[],
): Promise<number> {
  const [result] = await connection.query<ResultSetHeader>(sql, values);
  return result.affectedRows;
}

function price(cents: number): string {
  return (cents / 100).toFixed(2);
}
