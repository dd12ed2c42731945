/**
 * A random shop for the tests and the chaos run. Several connections execute transactions of every kind at the same time
 * on the same orders and products.
 *
 * The seed repeats the attempted statements. How the connections interleave depends on MySQL.
 */
import type {Connection, ResultSetHeader} from 'mysql2/promise';
import {Random} from './random.js';

/** Expected conflicts: ER_DUP_ENTRY, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_NO_REFERENCED_ROW and _2. */
const CONFLICTS = new Set([1062, 1205, 1213, 1216, 1452]);
const PRODUCTS = 40;
const USERS = 30;

type Operation = (lane: Lane) => Promise<void>;

interface Lane {
  readonly mysql: Connection;
  readonly random: Random;
}

class RolledBack extends Error {}

export class Workload {
  readonly #lanes: readonly Lane[];
  readonly #base: number;
  readonly #operations: readonly Operation[];
  /** Ids of orders that may exist. All connections share them. */
  #orders: string[] = [];
  #deleted: string[] = [];
  #listeners: {count: number; reached: () => void}[] = [];
  committed = 0;
  rolledBack = 0;
  conflicts = 0;

  readonly #cascades: boolean;

  /** Product and user ids start at `base`. Without cascades, line items are always deleted before their order. */
  constructor(
    connections: readonly Connection[],
    seed: number,
    {base, cascades = true}: {base: number; cascades?: boolean},
  ) {
    this.#lanes = connections.map((mysql, i) => ({mysql, random: new Random(seed + 7919 * (i + 1))}));
    this.#base = base;
    this.#cascades = cascades;
    this.#operations = [
      ...this.#times(8, async (lane) => await this.#insertOrder(lane)),
      ...this.#times(4, async (lane) => await this.#changeQuantity(lane)),
      ...this.#times(2, async (lane) => await this.#changeProduct(lane)),
      ...this.#times(2, async (lane) => await this.#changeOrder(lane)),
      ...this.#times(3, async (lane) => await this.#moveLine(lane)),
      ...this.#times(2, async (lane) => await this.#addLine(lane, this.#order(lane))),
      ...this.#times(2, async (lane) => await this.#deleteLine(lane)),
      ...this.#times(2, async (lane) => await this.#deleteOrder(lane)),
      ...this.#times(1, async (lane) => await this.#createAgain(lane)),
    ];
  }

  /** Resolves when this many more transactions are committed. */
  async transact(count: number): Promise<void> {
    const goal = this.committed + count;
    await Promise.all(
      this.#lanes.map(async (lane) => {
        while (this.committed < goal) await this.#transaction(lane);
      }),
    );
  }

  /** Resolves when the number of committed transactions is reached. */
  async reached(count: number): Promise<void> {
    if (this.committed >= count) return;
    await new Promise<void>((reached) => this.#listeners.push({count, reached}));
  }

  async #transaction(lane: Lane): Promise<void> {
    const {mysql, random} = lane;
    try {
      await inTransaction(mysql, async () => {
        for (let i = random.int(1, 3); i > 0; i--) await random.pick(this.#operations)(lane);
        if (random.chance(0.05)) throw new RolledBack();
      });
      this.committed++;
      for (const {count, reached} of this.#listeners) if (this.committed >= count) reached();
    } catch (error) {
      if (error instanceof RolledBack) this.rolledBack++;
      else if (CONFLICTS.has((error as {errno?: number}).errno ?? 0)) this.conflicts++;
      else throw error;
    }
  }

  #times(weight: number, operation: Operation): Operation[] {
    return Array.from({length: weight}, () => operation);
  }

  #order({random}: Lane): string {
    return this.#orders.length === 0 ? '0' : random.pick(this.#orders);
  }

  #product({random}: Lane): number {
    return this.#base + random.int(1, PRODUCTS);
  }

  #user({random}: Lane): number {
    return this.#base + random.int(1, USERS);
  }

  #amount({random}: Lane): string {
    return `${random.int(0, 999)}.${String(random.int(0, 99)).padStart(2, '0')}`;
  }

  async #insertOrder(lane: Lane): Promise<void> {
    const {mysql, random} = lane;
    const [{insertId}] = await mysql.query<ResultSetHeader>(
      'INSERT INTO orders (user_id, total_amount) VALUES (?, ?)',
      [this.#user(lane), this.#amount(lane)],
    );
    const id = String(insertId);
    for (let lines = random.int(0, 4); lines > 0; lines--) await this.#addLine(lane, id);
    this.#orders.push(id);
    if (this.#orders.length > 400) this.#orders.shift();
  }

  async #addLine(lane: Lane, orderId: string): Promise<void> {
    if (orderId === '0') return;
    await lane.mysql.query(
      'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (?, ?, ?, 2.50)',
      [orderId, this.#product(lane), lane.random.int(1, 9)],
    );
  }

  async #changeQuantity(lane: Lane): Promise<void> {
    // With a probability of 30 % one statement changes all line items of the order.
    const limit = lane.random.chance(0.3) ? 100 : 1;
    await lane.mysql.query('UPDATE order_items SET quantity = ? WHERE order_id = ? ORDER BY id LIMIT ?', [
      lane.random.int(1, 20),
      this.#order(lane),
      limit,
    ]);
  }

  async #changeProduct(lane: Lane): Promise<void> {
    await lane.mysql.query(
      'UPDATE order_items SET product_id = ? WHERE order_id = ? ORDER BY id DESC LIMIT 1',
      [this.#product(lane), this.#order(lane)],
    );
  }

  async #changeOrder(lane: Lane): Promise<void> {
    await lane.mysql.query('UPDATE orders SET user_id = ?, total_amount = ? WHERE id = ?', [
      this.#user(lane),
      this.#amount(lane),
      this.#order(lane),
    ]);
  }

  async #moveLine(lane: Lane): Promise<void> {
    const limit = lane.random.chance(0.2) ? 100 : 1;
    await lane.mysql.query('UPDATE order_items SET order_id = ? WHERE order_id = ? ORDER BY id LIMIT ?', [
      this.#order(lane),
      this.#order(lane),
      limit,
    ]);
  }

  async #deleteLine(lane: Lane): Promise<void> {
    await lane.mysql.query('DELETE FROM order_items WHERE order_id = ? ORDER BY id LIMIT 1', [
      this.#order(lane),
    ]);
  }

  /** In half of the cases the foreign key's cascade deletes the line items. */
  async #deleteOrder(lane: Lane): Promise<void> {
    const id = this.#order(lane);
    if (!this.#cascades || lane.random.chance(0.5))
      await lane.mysql.query('DELETE FROM order_items WHERE order_id = ?', [id]);
    await lane.mysql.query('DELETE FROM orders WHERE id = ?', [id]);
    this.#deleted.push(id);
  }

  async #createAgain(lane: Lane): Promise<void> {
    const id = this.#deleted.pop();
    if (id === undefined || id === '0') return;
    await lane.mysql.query('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, ?)', [
      id,
      this.#user(lane),
      this.#amount(lane),
    ]);
    await this.#addLine(lane, id);
    this.#orders.push(id);
  }
}

/** Runs a transaction. It is committed if `work` resolves, else rolled back. */
export async function inTransaction<T>(mysql: Connection, work: () => Promise<T>): Promise<T> {
  await mysql.beginTransaction();
  try {
    const result = await work();
    await mysql.commit();
    return result;
  } catch (error) {
    await mysql.rollback();
    throw error;
  }
}
