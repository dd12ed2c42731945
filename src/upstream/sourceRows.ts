/**
 * Reads orders from MySQL and returns them as the changes that set their rows.
 *
 * I9: the code of decode/ reads the columns, from the same texts. So a row from MySQL and the same row through Debezium result in the
 * same change.
 */
import type {Change} from '../domain/change.js';
import type {RowQuery, TextRow} from '../clients/mysql.js';
import {Undecodable, wholeNumber} from '../decode/fields.js';
import {itemChangeOf, orderChangeOf} from '../decode/rows.js';
import type {SourceSchema} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';
import {quoted} from './sql.js';

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
  schema: SourceSchema,
): Promise<Map<string, SourceOrder>> {
  const {orders, items} = schema;
  const found = new Map(orderIds.map((id) => [id, new GrowingOrder()]));
  if (orderIds.length === 0) return found;
  // `SELECT *` is used because a missing extra column must not be an error. It is not an error in a record either.
  const rowsOf = async (table: string, column: string): Promise<[string, TextRow][]> => {
    const rows = await ask(`SELECT * FROM ${quoted(table)} WHERE ${quoted(column)} IN (?)`, [orderIds]);
    return rows.map((row) => [orderIdIn(row, table, column), row]);
  };
  for (const [orderId, row] of await rowsOf(orders.table, orders.id)) {
    found.get(orderId)?.add(() => orderChangeOf(row, orderId, schema));
  }
  for (const [orderId, row] of await rowsOf(items.table, items.orderId)) {
    found.get(orderId)?.add(() => itemChangeOf(row, orderId, schema));
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

/**
 * Reads up to `limit` orders with ids above `after`, with their line items. If `after` is null, it begins at the first order.
 * The caller must run it within one snapshot.
 */
export async function readSourcePage(
  ask: RowQuery,
  {after, limit}: {after: string | null; limit: number},
  schema: SourceSchema,
): Promise<SourcePage> {
  const {orders, items} = schema;
  // Ids consist of digits, which `orderIdIn` has checked. As numeric literals in the query MySQL compares them exactly at any size.
  const above = (column: string): string => (after === null ? '' : `${quoted(column)} > ${after}`);
  const where = (...conditions: string[]): string => {
    const given = conditions.filter((condition) => condition !== '');
    return given.length === 0 ? '' : `WHERE ${given.join(' AND ')}`;
  };
  const rows = await ask(
    `SELECT * FROM ${quoted(orders.table)} ${where(above(orders.id))} ORDER BY ${quoted(orders.id)} LIMIT ${limit}`,
    [],
  );
  const found = new Map<string, GrowingOrder>();
  const orderOf = (id: string): GrowingOrder => {
    const known = found.get(id) ?? new GrowingOrder();
    found.set(id, known);
    return known;
  };
  let last: string | null = null;
  for (const row of rows) {
    const orderId = orderIdIn(row, orders.table, orders.id);
    orderOf(orderId).add(() => {
      const change = orderChangeOf(row, orderId, schema);
      return change.kind === 'order-upserted' ? {...change, isCreate: true} : change;
    });
    last = orderId;
  }
  const next = rows.length < limit ? null : last;
  const below = next === null ? '' : `${quoted(items.orderId)} <= ${next}`;
  const itemRows = await ask(
    `SELECT * FROM ${quoted(items.table)} ${where(`${quoted(items.orderId)} IS NOT NULL`, above(items.orderId), below)} ORDER BY ${quoted(items.orderId)}, ${quoted(items.id)}`,
    [],
  );
  for (const row of itemRows) {
    const orderId = orderIdIn(row, items.table, items.orderId);
    orderOf(orderId).add(() => itemChangeOf(row, orderId, schema));
  }
  return {orders: found, next, itemCount: itemRows.length};
}

class GrowingOrder implements SourceOrder {
  readonly changes: Change[] = [];
  fault: string | undefined;

  add(read: () => Change): void {
    try {
      const change = read();
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
    return wholeNumber(row, column);
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error;
    throw new ProjectorError('config-invalid', `MySQL table ${table}: ${error.message}`, {cause: error});
  }
}
