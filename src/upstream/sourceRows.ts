/**
 * Orders as MySQL holds them, as the changes that would set their rows.
 *
 * I9: the rules for columns are those of decode/, on the same texts, so a row read here and the same row through Debezium
 * give the same change.
 */
import type {Change} from '../domain/change.js';
import type {RowQuery, TextRow} from '../clients/mysql.js';
import {Undecodable, wholeNumber} from '../decode/fields.js';
import {orderLine, orderRow} from '../decode/rows.js';
import type {SourceSchema} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';

/**
 * MySQL hands a transaction to Debezium when it is in the binlog, which is a moment before other sessions see it. The rows
 * are read so long after the position that what stands before the position can be seen.
 */
export const VISIBLE_AFTER_MS = 200;

/** What MySQL holds of one order. */
export interface SourceOrder {
  /** Empty when it has neither a row nor lines. */
  readonly changes: readonly Change[];
  /** Why a row cannot be used, naming the column; else undefined. */
  readonly fault: string | undefined;
}

/** Reads these orders and their lines; every id is in the answer. To be asked within one snapshot. */
export async function readSourceOrders(
  ask: RowQuery,
  orderIds: readonly string[],
  schema: SourceSchema,
): Promise<Map<string, SourceOrder>> {
  const {orders, lines} = schema;
  const found = new Map(orderIds.map((id) => [id, new GrowingOrder()]));
  if (orderIds.length === 0) return found;
  // All columns: an extra column that the table lacks is no error, as it is none in a record.
  const rowsOf = async (table: string, column: string): Promise<[string, TextRow][]> => {
    const rows = await ask(`SELECT * FROM ${quoted(table)} WHERE ${quoted(column)} IN (?)`, [orderIds]);
    return rows.map((row) => [orderIdIn(row, table, column), row]);
  };
  for (const [orderId, row] of await rowsOf(orders.table, orders.id)) {
    found.get(orderId)?.add(() => ({kind: 'order-upserted', orderId, row: orderRow(row, schema)}));
  }
  for (const [orderId, row] of await rowsOf(lines.table, lines.orderId)) {
    found.get(orderId)?.add(() => lineChange(row, orderId, schema));
  }
  return found;
}

/** A page of orders by id, each with its lines. */
export interface SourcePage {
  /** By id, in its order. Lines whose order has no row stand with the id that they name. */
  readonly orders: ReadonlyMap<string, SourceOrder>;
  /** The id after which the next page begins; null after the last one. */
  readonly next: string | null;
  readonly lineCount: number;
}

/** Reads up to `limit` orders above `after` (null: from the first one), with their lines. To be asked within one snapshot. */
export async function readSourcePage(
  ask: RowQuery,
  {after, limit}: {after: string | null; limit: number},
  schema: SourceSchema,
): Promise<SourcePage> {
  const {orders, lines} = schema;
  // Ids are digits, checked where they were read; as numbers in the text MySQL compares them exactly at any size.
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
    orderOf(orderId).add(() => ({
      kind: 'order-upserted',
      orderId,
      row: orderRow(row, schema),
      isCreate: true,
    }));
    last = orderId;
  }
  const next = rows.length < limit ? null : last;
  const below = next === null ? '' : `${quoted(lines.orderId)} <= ${next}`;
  const lineRows = await ask(
    `SELECT * FROM ${quoted(lines.table)} ${where(above(lines.orderId), below)} ORDER BY ${quoted(lines.orderId)}, ${quoted(lines.id)}`,
    [],
  );
  for (const row of lineRows) {
    const orderId = orderIdIn(row, lines.table, lines.orderId);
    orderOf(orderId).add(() => lineChange(row, orderId, schema));
  }
  return {orders: found, next, lineCount: lineRows.length};
}

function lineChange(row: TextRow, orderId: string, schema: SourceSchema): Change {
  const lineId = wholeNumber(row, schema.lines.id);
  return {kind: 'line-upserted', orderId, lineId, line: orderLine(row, schema)};
}

class GrowingOrder implements SourceOrder {
  readonly changes: Change[] = [];
  fault: string | undefined;

  add(read: () => Change): void {
    try {
      this.changes.push(read());
    } catch (error) {
      if (!(error instanceof Undecodable)) throw error;
      this.fault ??= `MySQL: ${error.message}`;
    }
  }
}

/** Not to be passed over: an order whose rows are not found would be rebuilt as empty. */
function orderIdIn(row: TextRow, table: string, column: string): string {
  try {
    return wholeNumber(row, column);
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error;
    throw new ProjectorError('config-invalid', `MySQL, table ${table}: ${error.message}`, {cause: error});
  }
}

/** A name of MySQL. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
