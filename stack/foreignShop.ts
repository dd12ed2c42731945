/**
 * Business in a shop whose tables are not ours. It clones rows that the tables have, so that types and foreign keys fit, and changes the
 * columns that the mapping names: orders are placed, change their state, amount and buyer, and disappear; line items change, move to
 * other orders, and disappear. If the tables keep the line items of deleted orders, some of these orders come back. Used by the demo and
 * the tests.
 */
import {randomUUID} from 'node:crypto';
import type {Connection, ResultSetHeader} from 'mysql2/promise';
import type {Condition} from '../src/domain/condition.js';
import type {SourceSchema} from '../src/domain/sourceSchema.js';
import {quoted} from '../src/upstream/sql.js';
import {describe, type Row, type Table, type Value} from './foreignTable.js';
import type {Random} from './random.js';

const NUMBER = /int$|^decimal$/;
/** The row does not fit: a duplicate key, a foreign key, or a value that the type does not have. */
const UNFIT =
  /^(?:ER_DUP_ENTRY|ER_NO_REFERENCED_ROW_2|ER_ROW_IS_REFERENCED(?:_2)?|ER_DATA_TOO_LONG|WARN_DATA_TRUNCATED|ER_WARN_DATA_OUT_OF_RANGE|ER_TRUNCATED_WRONG_VALUE.*)$/;

export class ForeignShop {
  readonly #connection: Connection;
  readonly #schema: SourceSchema;
  readonly #random: Random;
  readonly #orders: Table;
  readonly #items: Table;
  /** The orders that were placed, with the ids of their line items. Only these are deleted. */
  readonly #placed = new Map<Value, Row[]>();
  /** Orders whose row was deleted, with the line items that are still in their table. */
  readonly #left: [Value, Row[]][] = [];
  #count = 0;
  readonly done = {transactions: 0, unfit: 0};

  private constructor(
    {connection, schema, random}: {connection: Connection; schema: SourceSchema; random: Random},
    {orders, items}: {orders: Table; items: Table},
  ) {
    this.#connection = connection;
    this.#schema = schema;
    this.#random = random;
    this.#orders = orders;
    this.#items = items;
  }

  /** The tables must have rows. The connection must return dates and large numbers as texts. */
  static async open(parts: {
    connection: Connection;
    schema: SourceSchema;
    random: Random;
  }): Promise<ForeignShop> {
    const {connection, schema} = parts;
    await connection.query("SET SESSION sql_mode = '', SESSION time_zone = '+00:00'");
    const [orders, items] = [
      await describe(connection, schema.orders.table),
      await describe(connection, schema.items.table),
    ];
    return new ForeignShop(parts, {orders, items});
  }

  /** One transaction. A row that does not fit undoes it. */
  async trade(): Promise<void> {
    const acts = [
      ...Array<() => Promise<void>>(4).fill(async () => await this.#place()),
      ...Array<() => Promise<void>>(3).fill(async () => await this.#changeOrder()),
      ...Array<() => Promise<void>>(2).fill(async () => await this.#changeItem()),
      async () => await this.#move(),
      async () => await this.#remove(),
      ...(this.#schema.items.onOrderDelete === 'keep'
        ? [async () => await this.#leaveItems(), async () => await this.#bringBack()]
        : []),
    ];
    await this.#connection.beginTransaction();
    try {
      await this.#random.pick(acts)();
      await this.#connection.commit();
      this.done.transactions++;
    } catch (error) {
      await this.#connection.rollback();
      if (!UNFIT.test((error as {code?: string}).code ?? '')) throw error;
      this.done.unfit++;
    }
  }

  async #place(): Promise<void> {
    const {orders, items} = this.#schema;
    const id = this.#newId(this.#orders, orders.id);
    await this.#insert(this.#orders, {[orders.id]: id, ...this.#orderValues()});
    const placed: Row[] = [];
    for (let count = this.#random.int(0, 3); count > 0; count--) {
      const ids = Object.fromEntries(items.id.map((column) => [column, this.#newId(this.#items, column)]));
      await this.#insert(this.#items, {...ids, [items.orderId]: id, ...this.#itemValues()});
      placed.push(ids);
    }
    this.#placed.set(id, placed);
  }

  async #changeOrder(): Promise<void> {
    const [id] = this.#anyOrder();
    await this.#update(this.#orders, {[this.#schema.orders.id]: id}, this.#orderValues());
  }

  async #changeItem(): Promise<void> {
    const [id, items] = this.#anyOrder();
    if (items.length === 0) return;
    const {orderId} = this.#schema.items;
    await this.#update(this.#items, {...this.#random.pick(items), [orderId]: id}, this.#itemValues());
  }

  async #move(): Promise<void> {
    const [[from, items], [to, others]] = [this.#anyOrder(), this.#anyOrder()];
    if (items.length === 0 || from === to) return;
    const [item] = [this.#random.pick(items)];
    const {orderId} = this.#schema.items;
    await this.#update(this.#items, {...item, [orderId]: from}, {[orderId]: to});
    items.splice(items.indexOf(item), 1);
    others.push(item);
  }

  async #remove(): Promise<void> {
    const [id, items] = this.#anyOrder();
    const {orders, items: lines} = this.#schema;
    const isWhole = this.#random.chance(0.5);
    const gone = isWhole ? items.splice(0) : items.splice(0, 1);
    for (const item of gone) await this.#delete(this.#items, {...item, [lines.orderId]: id});
    if (!isWhole) return;
    await this.#delete(this.#orders, {[orders.id]: id});
    this.#placed.delete(id);
  }

  /** Deletes the row of an order, and not its line items. */
  async #leaveItems(): Promise<void> {
    const order = this.#anyOrder();
    await this.#delete(this.#orders, {[this.#schema.orders.id]: order[0]});
    this.#placed.delete(order[0]);
    this.#left.push(order);
  }

  /** Inserts an order under the id of one whose line items were left, or deletes these line items. */
  async #bringBack(): Promise<void> {
    const {orders, items: lines} = this.#schema;
    const order = this.#left.shift();
    if (order === undefined) return;
    const [id, items] = order;
    if (this.#random.chance(0.5)) {
      await this.#insert(this.#orders, {[orders.id]: id, ...this.#orderValues()});
      this.#placed.set(id, items);
      return;
    }
    for (const item of items) await this.#delete(this.#items, {...item, [lines.orderId]: id});
  }

  #anyOrder(): [Value, Row[]] {
    const orders = [...this.#placed];
    if (orders.length === 0)
      throw Object.assign(new Error('no order was placed yet'), {code: 'ER_DUP_ENTRY'});
    return this.#random.pick(orders);
  }

  /** The buyer comes from another order, because it may have to exist in a table of buyers. */
  #orderValues(): Row {
    const {orders, moneyDecimals} = this.#schema;
    const decimals = orders.isMinor ? 0 : moneyDecimals;
    return {
      ...this.#like(this.#orders, orders.userId),
      ...Object.fromEntries(orders.totalAmount.map((column) => [column, this.#number(999, decimals)])),
      ...this.#states(this.#orders, orders.where),
    };
  }

  #itemValues(): Row {
    const {items, quantityDecimals} = this.#schema;
    return {
      [items.quantity]: this.#number(9, quantityDecimals),
      ...this.#states(this.#items, items.where),
    };
  }

  /** A number above 0, without zeros that the column may not have. */
  #number(most: number, decimals: number): string {
    const whole = String(this.#random.int(1, most));
    return decimals === 0
      ? whole
      : `${whole}.${String(this.#random.int(0, 10 ** decimals - 1)).padStart(decimals, '0')}`;
  }

  #like(table: Table, column: string): Row {
    return {[column]: this.#random.pick(table.templates)[column] ?? null};
  }

  /** Values of the columns of a condition, so that rows begin and cease to count. */
  #states({templates, nullable, foreign}: Table, condition: Condition): Row {
    const states = condition.map(({column, values}) => {
      const possible = [...values, ...templates.map((row) => row[column] ?? null)];
      const fitting = possible.filter((value) =>
        value === null ? nullable.has(column) : !foreign.has(column),
      );
      return [column, fitting.length === 0 ? undefined : this.#random.pick(fitting)] as const;
    });
    return Object.fromEntries(states.filter((state): state is [string, Value] => state[1] !== undefined));
  }

  #newId({templates, lengths}: Table, column: string): Value {
    const like = templates[0]?.[column];
    const number = 10_000 + ++this.#count;
    if (like instanceof Buffer)
      return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').subarray(0, like.length);
    const isText = typeof like === 'string' && !/^-?\d+$/.test(like);
    return isText ? randomUUID().slice(0, lengths.get(column)) : number;
  }

  async #insert({name, columns, unique, templates, foreign, nullable}: Table, values: Row): Promise<void> {
    const row: Record<string, Value> = {...this.#random.pick(templates)};
    for (const [column, type] of unique)
      row[column] = NUMBER.test(type) ? 100_000 + ++this.#count : randomUUID().slice(0, 20);
    // A row that refers to its own table could be deleted together with the row that it refers to, without an event.
    for (const column of foreign) if (nullable.has(column) && column.startsWith('parent')) row[column] = null;
    Object.assign(row, values);
    const list = columns.map(quoted).join(', ');
    await this.#connection.query(`INSERT INTO ${quoted(name)} (${list}) VALUES (?)`, [
      columns.map((column) => row[column] ?? null),
    ]);
  }

  async #update({name}: Table, key: Row, values: Row): Promise<void> {
    const set = Object.keys(values)
      .map((column) => `${quoted(column)} = ?`)
      .join(', ');
    await this.#connection.query(`UPDATE ${quoted(name)} SET ${set} WHERE ${whereOf(key)}`, [
      ...Object.values(values),
      ...Object.values(key),
    ]);
  }

  async #delete({name}: Table, key: Row): Promise<void> {
    await this.#connection.query<ResultSetHeader>(
      `DELETE FROM ${quoted(name)} WHERE ${whereOf(key)}`,
      Object.values(key),
    );
  }
}

function whereOf(key: Row): string {
  return Object.keys(key)
    .map((column) => `${quoted(column)} = ?`)
    .join(' AND ');
}
