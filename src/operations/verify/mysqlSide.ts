/**
 * The expected side from MySQL: what Redis should contain according to the rows.
 *
 * Each result, and each page of orders, comes from one snapshot. So an order and its line items always belong together.
 */
import type {RowQuery, TextRow} from '../../clients/mysql.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {readSourceOrders, readSourcePage, type SourcePage} from '../../upstream/sourceRows.js';
import {quoted} from '../../upstream/sql.js';
import type {Expected, ExpectedOrders, SumKind, Sums, Totals} from './expected.js';
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
  readonly #schema: SourceSchema;

  constructor(mysql: MysqlHost, schema: SourceSchema) {
    this.#mysql = mysql;
    this.#schema = schema;
  }

  async *orderPages(): AsyncGenerator<ExpectedOrders> {
    let after: string | null = null;
    do {
      const from: string | null = after;
      const page = await this.#page(async () => await Promise.resolve(from), PAGE_ORDERS);
      yield this.#expected(page.orders);
      after = page.next;
    } while (after !== null);
  }

  /** One order for each place in the range of ids. A place is a number from 0 (lowest id) to 1 (highest id). */
  async *sample(places: readonly number[]): AsyncGenerator<ExpectedOrders> {
    for (const place of places) {
      const {orders} = await this.#page(async (ask) => await idAt(ask, this.#schema, place), 1);
      yield this.#expected(orders);
    }
  }

  async orders(ids: readonly string[]): Promise<ExpectedOrders> {
    const source = await this.#mysql.consistentSnapshot(
      async (ask) => await readSourceOrders(ask, ids, this.#schema),
    );
    return this.#expected(source);
  }

  async knownOrders(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const {orders, items} = this.#schema;
    const list = ids.join(', ');
    const question =
      `SELECT ${quoted(orders.id)} AS id FROM ${quoted(orders.table)} WHERE ${quoted(orders.id)} IN (${list}) ` +
      `UNION SELECT ${quoted(items.orderId)} AS id FROM ${quoted(items.table)} WHERE ${quoted(items.orderId)} IN (${list})`;
    const rows = await this.#mysql.consistentSnapshot(async (ask) => await ask(question, []));
    return new Set(rows.map(({id}) => id ?? ''));
  }

  async *sumPages(kind: SumKind, again?: () => void): AsyncGenerator<Sums> {
    const question = sumQuestions(this.#schema)[kind];
    const decimals = this.#decimals(kind);
    for await (const rows of this.#mysql.stream(question, PAGE_SUMS, again)) yield sumsOf(rows, decimals);
  }

  async sums(kind: SumKind, ids: readonly string[]): Promise<Sums> {
    const question = sumQuestions(this.#schema, ids)[kind];
    const rows = await this.#mysql.consistentSnapshot(async (ask) => await ask(question, []));
    const found = sumsOf(rows, this.#decimals(kind));
    return new Map(ids.map((id) => [id, found.get(id) ?? '0']));
  }

  async totals(): Promise<Totals> {
    const question = sumQuestions(this.#schema).totals;
    const [row] = await this.#mysql.consistentSnapshot(async (ask) => await ask(question, []));
    return totalsOf(row, this.#decimals('user'));
  }

  async #page(after: (ask: RowQuery) => Promise<string | null>, limit: number): Promise<SourcePage> {
    return await this.#mysql.consistentSnapshot(
      async (ask) => await readSourcePage(ask, {after: await after(ask), limit}, this.#schema),
    );
  }

  #expected(source: SourcePage['orders']): ExpectedOrders {
    const extraColumns = this.#schema.extraColumns.map(({name}) => name);
    return ordersOfRows(source, extraColumns);
  }

  #decimals(kind: SumKind): number {
    return kind === 'product' || this.#schema.orders.isMinor ? 0 : this.#schema.moneyDecimals;
  }
}

/** The search for the order at this place of the range of ids starts after the returned id. Null if the table is empty. */
async function idAt(ask: RowQuery, {orders}: SourceSchema, place: number): Promise<string | null> {
  const [range] = await ask(
    `SELECT MIN(${quoted(orders.id)}) AS low, MAX(${quoted(orders.id)}) AS high FROM ${quoted(orders.table)}`,
    [],
  );
  const {low = null, high = null} = range ?? {};
  if (low === null || high === null) return null;
  const width = BigInt(high) - BigInt(low) + 1n;
  return (BigInt(low) - 1n + (width * BigInt(Math.floor(place * 1e9))) / 1_000_000_000n).toString();
}
