/**
 * Reads orders from MySQL and returns them as the changes that set their rows.
 *
 * I9: the code of decode/ reads the columns, from the same texts. So a row from MySQL and the same row through Debezium result in the
 * same change.
 */
import type {Change} from '../domain/change.js';
import type {RowQuery, TextRow} from '../clients/mysql.js';
import {idIn, Undecodable} from '../decode/fields.js';
import {itemChangeOf, orderChangeOf} from '../decode/rows.js';
import {ProjectorError} from '../runtime/errors.js';
import {hasIdSql, idSql, isAmongSql, quoted} from './sql.js';
import type {SourceTables} from './sourceTables.js';

/** One order with its line items, as MySQL contains it. */
export interface SourceOrder {
  /** Empty if the order has neither a row nor line items. */
  readonly changes: readonly Change[];
  /** Why a row cannot be used. The text names the column. Undefined if all rows can be used. */
  readonly fault: string | undefined;
}

/** Reads these orders and their line items. The result contains every id. The caller must run it within one snapshot. */
export async function readSourceOrders(
  ask: RowQuery,
  orderIds: readonly string[],
  tables: SourceTables,
): Promise<Map<string, SourceOrder>> {
  const {schema, columns, kinds} = tables;
  const {orders, items} = schema;
  const found = new Map(orderIds.map((id) => [id, new GrowingOrder()]));
  if (orderIds.length === 0) return found;
  const ofOrder: RowReader = (row, orderId) => orderChangeOf(row, orderId, schema);
  const ofItem: RowReader = (row, orderId) => itemChangeOf(row, orderId, schema);
  const rowsOf = async (
    table: string,
    column: string,
    names: readonly string[],
  ): Promise<[string, TextRow][]> => {
    const among = isAmongSql(quoted(column), orderIds, kinds.order);
    const rows = await ask(`${selectOf(table, names)} WHERE ${among}`, []);
    return rows.map((row) => [orderIdIn(row, table, column), row]);
  };
  for (const [orderId, row] of await rowsOf(orders.table, orders.id, columns.orders)) {
    found.get(orderId)?.add(orderId, row, ofOrder);
  }
  for (const [orderId, row] of await rowsOf(items.table, items.orderId, columns.items)) {
    found.get(orderId)?.add(orderId, row, ofItem);
  }
  return found;
}

/** One page of orders in the order of their ids, each with its line items. */
export interface SourcePage {
  /** Orders by id. Line items whose order has no row are under the order id that they name; those ids come last. */
  readonly orders: ReadonlyMap<string, SourceOrder>;
  /** The next page begins after this id. Null after the last page. */
  readonly next: string | null;
  readonly itemCount: number;
}

/** Line items of one page. Many line items can have no order, so the number of orders does not limit them. */
const ITEMS_MAX = 50_000;

interface PageRange {
  /** The page begins after this order id. Null for the first order. */
  readonly after: string | null;
  /** The number of orders. */
  readonly limit: number;
  /** The last order id of the page. Undefined if only the limits end it. */
  readonly upTo?: string;
  readonly itemsMax?: number;
}

/**
 * Reads up to `limit` orders with ids above `after`, with their line items. If there are too many line items, the page ends before an order
 * that is not complete. The caller must run it within one snapshot.
 */
export async function readSourcePage(
  ask: RowQuery,
  range: PageRange,
  tables: SourceTables,
): Promise<SourcePage> {
  const {after, limit, upTo, itemsMax = ITEMS_MAX} = range;
  const {schema, columns, kinds} = tables;
  const {orders, items} = schema;
  const compared = (column: string, sign: '>' | '<=', id: string | null): string => {
    const literal = id === null ? undefined : idSql(id, kinds.order);
    return literal === undefined ? '' : `${quoted(column)} ${sign} ${literal}`;
  };
  const where = (...conditions: string[]): string => {
    const given = conditions.filter((condition) => condition !== '');
    return given.length === 0 ? '' : `WHERE ${given.join(' AND ')}`;
  };
  const rows = await ask(
    `${selectOf(orders.table, columns.orders)} ${where(compared(orders.id, '>', after), compared(orders.id, '<=', upTo ?? null))} ORDER BY ${quoted(orders.id)} LIMIT ${limit}`,
    [],
  );
  const found = new Map<string, GrowingOrder>();
  const orderOf = (id: string): GrowingOrder => {
    let order = found.get(id);
    if (order === undefined) found.set(id, (order = new GrowingOrder()));
    return order;
  };
  const ofOrder: RowReader = (row, orderId) => created(orderChangeOf(row, orderId, schema));
  const ofItem: RowReader = (row, orderId) => itemChangeOf(row, orderId, schema);
  let last: string | null = null;
  for (const row of rows) {
    last = orderIdIn(row, orders.table, orders.id);
    orderOf(last).add(last, row, ofOrder);
  }
  const next = rows.length < limit ? (upTo ?? null) : last;
  const hasOrder = hasIdSql(quoted(items.orderId), kinds.order);
  const within = [compared(items.orderId, '>', after), compared(items.orderId, '<=', next)];
  const itemRows = await ask(
    `${selectOf(items.table, columns.items)} ${where(hasOrder, ...within)} ORDER BY ${[items.orderId, ...items.id].map(quoted).join(', ')} LIMIT ${itemsMax}`,
    [],
  );
  if (itemRows.length === itemsMax) {
    const ids = itemRows.map((row) => orderIdIn(row, items.table, items.orderId));
    const cut = ids.findLast((id) => id !== ids.at(-1));
    // A single order, or ids that are equal in the collation of the column, can have more line items than a page. They are read as a whole.
    const isWhole = cut === undefined || cut === upTo;
    const rest = isWhole ? {upTo: upTo ?? ids[0] ?? '', itemsMax: itemsMax * 100} : {upTo: cut, itemsMax};
    return await readSourcePage(ask, {after, limit, ...rest}, tables);
  }
  for (const row of itemRows) {
    const orderId = orderIdIn(row, items.table, items.orderId);
    orderOf(orderId).add(orderId, row, ofItem);
  }
  return {orders: found, next, itemCount: itemRows.length};
}

/** The number of rows in the table of orders. MySQL can take minutes to count many of them. */
export async function countSourceOrders(ask: RowQuery, {schema}: SourceTables): Promise<number> {
  const [row] = await ask(`SELECT COUNT(*) AS orders FROM ${quoted(schema.orders.table)}`, []);
  return Number(row?.['orders'] ?? '0');
}

/** Only the columns that the mapping names. `*` would leave out invisible columns, and read wide ones for nothing. */
function selectOf(table: string, columns: readonly string[]): string {
  return `SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(table)}`;
}

type RowReader = (row: TextRow, orderId: string) => Change;

/** A page contains orders that an initial load creates (reduce.ts). */
function created(change: Change): Change {
  if (change.kind !== 'order-upserted') return change;
  const {kind, orderId, row} = change;
  return {kind, orderId, row, isCreate: true};
}

class GrowingOrder implements SourceOrder {
  readonly changes: Change[] = [];
  fault: string | undefined;

  /** `read` is one function for all rows of a page, because a function for each row would take longer than the reading. */
  add(orderId: string, row: TextRow, read: RowReader): void {
    try {
      const change = read(row, orderId);
      // A row that does not satisfy its condition is no line item, and nothing has to be deleted.
      if (change.kind !== 'item-deleted') this.changes.push(change);
    } catch (error) {
      if (!(error instanceof Undecodable)) throw error;
      this.fault ??= `MySQL: ${error.message}`;
    }
  }
}

/** A row with an unreadable order id is an error. If it were skipped, its order would be rebuilt without that row. */
function orderIdIn(row: TextRow, table: string, column: string): string {
  try {
    return idIn(row, column);
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error;
    throw new ProjectorError('config-invalid', `MySQL table ${table}: ${error.message}`, {cause: error});
  }
}
