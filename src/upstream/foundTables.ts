/** The two tables as `information_schema` describes them. */
import type {RowQuery, TextRow} from '../clients/mysql.js';
import type {SourceSchema} from '../domain/sourceSchema.js';

export interface SourceColumn {
  readonly name: string;
  /** Lower case, for example `decimal`. */
  readonly type: string;
  /** With its length and attributes, for example `int(6) unsigned zerofill`. */
  readonly fullType: string;
  readonly isNullable: boolean;
  readonly decimals: number;
  readonly collation: string | null;
}

export interface SourceTable {
  readonly name: string;
  readonly columns: readonly SourceColumn[];
}

export interface FoundTables {
  readonly orders: SourceTable;
  readonly items: SourceTable;
}

/** A table without columns does not exist, or this user may not read it. */
export async function findTables(ask: RowQuery, {orders, items}: SourceSchema): Promise<FoundTables> {
  const rows = await ask(
    'SELECT table_name AS tab, column_name AS name, data_type AS kind, column_type AS full, is_nullable AS nullable, ' +
      'numeric_scale AS scale, collation_name AS collation FROM information_schema.columns ' +
      'WHERE table_schema = DATABASE() AND table_name IN (?) ORDER BY ordinal_position',
    [[orders.table, items.table]],
  );
  const table = (name: string): SourceTable => ({
    name,
    columns: rows.filter((row) => row['tab'] === name).map(columnOf),
  });
  return {orders: table(orders.table), items: table(items.table)};
}

function columnOf(row: TextRow): SourceColumn {
  return {
    name: row['name'] ?? '',
    type: (row['kind'] ?? '').toLowerCase(),
    fullType: (row['full'] ?? '').toLowerCase(),
    isNullable: row['nullable'] === 'YES',
    decimals: Number(row['scale'] ?? 0),
    collation: row['collation'] ?? null,
  };
}
