/**
 * Orders as MySQL holds them, as the changes that would set their rows.
 *
 * I9: the rules for columns are those of decode/, on the same texts, so a row read here and the same row through Debezium
 * give the same change.
 */
import type {Change} from './change.js';
import type {RowQuery, TextRow} from './clients/mysql.js';
import {Undecodable, wholeNumber} from './decode/fields.js';
import {orderLine, orderRow} from './decode/rows.js';
import type {SourceSchema} from './decode/schema.js';
import {ProjectorError} from './errors.js';

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
    found.get(orderId)?.add(() => {
      return {
        kind: 'line-upserted',
        orderId,
        lineId: wholeNumber(row, lines.id),
        line: orderLine(row, schema),
      };
    });
  }
  return found;
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

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
