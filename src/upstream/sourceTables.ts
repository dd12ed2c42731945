/**
 * What queries need to know of both tables: which columns exist, and how an id is written in SQL.
 *
 * `information_schema` is read before the first row. So a column that the read model could not contain exactly is refused with its reason,
 * instead of being found one row at a time (columnRules.ts).
 */
import type {RowQuery} from '../clients/mysql.js';
import type {Condition} from '../domain/condition.js';
import type {EarlierNames, SourceSchema} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';
import {columnFaults} from './columnRules.js';
import {findTables, type FoundTables, type SourceColumn, type SourceTable} from './foundTables.js';

/** How an id is written in SQL: as digits, as a text, or as bytes in hexadecimal digits. */
export type IdKind = 'whole' | 'text' | 'bytes';

/** What queries need to know of both tables. */
export interface SourceTables {
  /** With the names that the columns have in MySQL now. */
  readonly schema: SourceSchema;
  /** The columns to select: those of the mapping that exist. */
  readonly columns: {readonly orders: readonly string[]; readonly items: readonly string[]};
  readonly kinds: {readonly order: IdKind; readonly product: IdKind; readonly user: IdKind};
}

/** Throws `config-invalid` if a table or a column does not fit, with all reasons. */
export async function readSourceTables(
  mysql: {consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>},
  schema: SourceSchema,
): Promise<SourceTables> {
  const found = await mysql.consistentSnapshot(async (ask) => await findTables(ask, schema));
  const faults = columnFaults(schema, found);
  if (faults.length > 0)
    throw new ProjectorError('config-invalid', `MySQL does not fit the settings: ${faults.join('; ')}`);
  return sourceTables(schema, found);
}

/** The columns that the mapping names, with their earlier names. */
export function mappedColumns({orders, items, extraColumns}: SourceSchema): {
  readonly orders: readonly string[];
  readonly items: readonly string[];
} {
  const terms = (where: Condition): string[] => where.map(({column}) => column);
  const earlier = (names: EarlierNames): string[] => [...names.values()].flat();
  const distinct = (names: readonly string[]): string[] => [...new Set(names)];
  return {
    orders: distinct([
      ...[
        orders.id,
        orders.userId,
        ...orders.totalAmount,
        ...earlier(orders.earlier),
        ...terms(orders.where),
      ],
      ...extraColumns.map(({name}) => name),
    ]),
    items: distinct([
      ...[...items.id, items.orderId, items.productId, items.quantity, ...items.amount],
      ...[...earlier(items.earlier), ...terms(items.where)],
    ]),
  };
}

export function sourceTables(schema: SourceSchema, found: FoundTables): SourceTables {
  const {orders, items} = schema;
  const mapped = mappedColumns(schema);
  const among = (table: SourceTable, names: readonly string[]): string[] => {
    const existing = new Set(table.columns.map(({name}) => name));
    return names.filter((name) => existing.has(name));
  };
  const columns = {orders: among(found.orders, mapped.orders), items: among(found.items, mapped.items)};
  const now = (existing: readonly string[], earlier: EarlierNames) => (name: string) =>
    [name, ...(earlier.get(name) ?? [])].find((one) => existing.includes(one)) ?? name;
  const [ofOrders, ofItems] = [now(columns.orders, orders.earlier), now(columns.items, items.earlier)];
  const current: SourceSchema = {
    ...schema,
    orders: {
      ...orders,
      userId: ofOrders(orders.userId),
      totalAmount: orders.totalAmount.map(ofOrders),
      where: present(orders.where, ofOrders),
    },
    items: {
      ...items,
      productId: ofItems(items.productId),
      quantity: ofItems(items.quantity),
      amount: items.amount.map(ofItems),
      where: present(items.where, ofItems),
    },
  };
  const kind = (table: SourceTable, column: string): IdKind =>
    idKind(table.columns.find(({name}) => name === column));
  return {
    schema: current,
    columns,
    kinds: {
      order: kind(found.orders, orders.id),
      product: kind(found.items, current.items.productId),
      user: kind(found.orders, current.orders.userId),
    },
  };
}

/** The same condition with the names that the columns have now. */
function present(condition: Condition, now: (name: string) => string): Condition {
  return condition.map((term) => ({...term, column: now(term.column)}));
}

function idKind(column: SourceColumn | undefined): IdKind {
  switch (column?.type ?? 'int') {
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
      return 'text';
    case 'binary':
    case 'varbinary':
      return 'bytes';
    default:
      return 'whole';
  }
}
