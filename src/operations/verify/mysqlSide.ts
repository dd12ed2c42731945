/**
 * The expected side from MySQL: what Redis should contain according to the rows.
 *
 * Each result, and each page of orders, comes from one snapshot. So an order and its line items always belong together.
 */
import type {RowQuery, TextRow} from '../../clients/mysql.js';
import {idOfText} from '../../domain/id.js';
import {itemDecimals} from '../../domain/sourceSchema.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import {readSourceOrders, readSourcePage, type SourcePage} from '../../upstream/sourceRows.js';
import {idSql, isAmongSql, quoted} from '../../upstream/sql.js';
import type {Expected, ExpectedOrders, OrderPage, SumKind, Sums, Totals} from './expected.js';
import {ordersOfRows} from './orders.js';
import {sumQuestions, sumsOf, totalsOf} from './sums.js';

/** What the comparison uses of the MySQL client (clients/mysql.ts). */
export interface MysqlHost {
  consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>;
  /** Calls `again` before rows that were already returned come again. Only the retrying client does this (retry.ts). */
  stream(sql: string, pageRows: number, again?: () => void): AsyncIterable<TextRow[]>;
}

const PAGE_ORDERS = 1_000;
const PAGE_SUMS = 1_000;

export class MysqlSide implements Expected {
  readonly name = 'MySQL';
  readonly #mysql: MysqlHost;
  readonly #tables: SourceTables;
  readonly #pageOrders: number;

  /** `pageOrders`: orders that are read, and compared with Redis, at a time. */
  constructor(mysql: MysqlHost, tables: SourceTables, pageOrders = PAGE_ORDERS) {
    this.#mysql = mysql;
    this.#tables = tables;
    this.#pageOrders = pageOrders;
  }

  canBe(kind: 'order' | 'product', id: string): boolean {
    return idSql(id, this.#tables.kinds[kind]) !== undefined;
  }

  async *orderPages({after}: {after: string | null}): AsyncGenerator<OrderPage> {
    let from = after;
    do {
      const begin: string | null = from;
      const {orders, itemCount, next} = await this.#page(
        async () => await Promise.resolve(begin),
        this.#pageOrders,
      );
      yield {orders: this.#expected(orders), rows: orders.size + itemCount, next};
      from = next;
    } while (from !== null);
  }

  /** One order for each place in the range of ids. A place is a number from 0 (lowest id) to 1 (highest id). */
  async *sample(places: readonly number[]): AsyncGenerator<ExpectedOrders> {
    for (const place of places) {
      const {orders} = await this.#page(async (ask) => await idAt(ask, this.#tables, place), 1);
      yield this.#expected(orders);
    }
  }

  async orders(ids: readonly string[]): Promise<ExpectedOrders> {
    const source = await this.#mysql.consistentSnapshot(
      async (ask) => await readSourceOrders(ask, ids, this.#tables),
    );
    return this.#expected(source);
  }

  async knownOrders(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const {schema, kinds} = this.#tables;
    const select = (table: string, column: string, some: readonly string[]): string =>
      `SELECT DISTINCT ${quoted(column)} AS id FROM ${quoted(table)} WHERE ${isAmongSql(quoted(column), some, kinds.order)}`;
    return await this.#mysql.consistentSnapshot(async (ask) => {
      const among = async (table: string, column: string, some: readonly string[]): Promise<string[]> =>
        (await ask(select(table, column, some), [])).map(({id}) => idOfText(id ?? ''));
      const known = new Set(await among(schema.orders.table, schema.orders.id, ids));
      // Nearly all ids have a row. Only the others can have line items alone.
      const others = ids.filter((id) => !known.has(id));
      if (others.length === 0) return known;
      return new Set([...known, ...(await among(schema.items.table, schema.items.orderId, others))]);
    });
  }

  async *sumPages(kind: SumKind, again?: () => void): AsyncGenerator<Sums> {
    const question = sumQuestions(this.#tables)[kind];
    const decimals = this.#decimals(kind);
    for await (const rows of this.#mysql.stream(question, PAGE_SUMS, again)) yield sumsOf(rows, decimals);
  }

  async sums(kind: SumKind, ids: readonly string[]): Promise<Sums> {
    const question = sumQuestions(this.#tables, ids)[kind];
    const rows = await this.#mysql.consistentSnapshot(async (ask) => await ask(question, []));
    const found = sumsOf(rows, this.#decimals(kind));
    return new Map(ids.map((id) => [id, found.get(id) ?? '0']));
  }

  async totals(): Promise<Totals> {
    const question = sumQuestions(this.#tables).totals;
    const [row] = await this.#mysql.consistentSnapshot(async (ask) => await ask(question, []));
    return totalsOf(row, {units: this.#decimals('product'), revenue: this.#decimals('user')});
  }

  async #page(after: (ask: RowQuery) => Promise<string | null>, limit: number): Promise<SourcePage> {
    return await this.#mysql.consistentSnapshot(
      async (ask) => await readSourcePage(ask, {after: await after(ask), limit}, this.#tables),
    );
  }

  #expected(source: SourcePage['orders']): ExpectedOrders {
    const {schema} = this.#tables;
    const extraColumns = schema.extraColumns.map(({name}) => name);
    return ordersOfRows(source, {extraColumns, itemDecimals: itemDecimals(schema)});
  }

  #decimals(kind: SumKind): number {
    const {orders, moneyDecimals, quantityDecimals} = this.#tables.schema;
    if (kind === 'product') return quantityDecimals;
    return orders.isMinor ? 0 : moneyDecimals;
  }
}

/** The search for the order at this place of the range of ids starts after the returned id. Null if the table is empty. */
async function idAt(
  ask: RowQuery,
  {schema: {orders}, kinds}: SourceTables,
  place: number,
): Promise<string | null> {
  const [range] = await ask(
    `SELECT MIN(${quoted(orders.id)}) AS low, MAX(${quoted(orders.id)}) AS high FROM ${quoted(orders.table)}`,
    [],
  );
  const {low = null, high = null} = range ?? {};
  if (low === null || high === null) return null;
  if (kinds.order !== 'whole') return idBetween(low, high, {place, isBytes: kinds.order === 'bytes'});
  const width = BigInt(high) - BigInt(low) + 1n;
  return (BigInt(low) - 1n + (width * BigInt(Math.floor(place * 1e9))) / 1_000_000_000n).toString();
}

const COMPARED_BYTES = 5;

/** A text, or bytes, at this place between two others. Only their first bytes are compared. */
function idBetween(low: string, high: string, {place, isBytes}: {place: number; isBytes: boolean}): string {
  const numberOf = (text: string): number => {
    const bytes = Buffer.from(text, isBytes ? 'hex' : 'utf8');
    return Array.from({length: COMPARED_BYTES}, (_, index) => bytes[index] ?? 0).reduce(
      (sum, byte) => sum * 256 + byte,
      0,
    );
  };
  const [from, to] = [numberOf(low), numberOf(high)];
  const hex = BigInt(Math.floor(from + (to - from) * place))
    .toString(16)
    .padStart(2 * COMPARED_BYTES, '0');
  if (isBytes) return hex;
  // Characters that every character set has.
  return idOfText(
    String.fromCharCode(...Buffer.from(hex, 'hex').map((byte) => Math.min(126, Math.max(33, byte)))),
  );
}
