/** What MySQL says of a table that is not ours, and some of its rows. */
import type {Connection, RowDataPacket} from 'mysql2/promise';
import {quoted} from '../src/upstream/sql.js';

/** A value that mysql2 returns, and accepts again. */
export type Value = string | number | Buffer | null;
export type Row = Readonly<Record<string, Value>>;

export interface Table {
  readonly name: string;
  /** Without columns that MySQL computes. */
  readonly columns: readonly string[];
  readonly nullable: ReadonlySet<string>;
  /** The longest text that a column can hold. */
  readonly lengths: ReadonlyMap<string, number>;
  /** Columns of a unique key that is not the primary key, with their types. */
  readonly unique: ReadonlyMap<string, string>;
  readonly foreign: ReadonlySet<string>;
  readonly templates: readonly Row[];
}

export async function describe(connection: Connection, name: string): Promise<Table> {
  const rows = async (sql: string, values: readonly string[] = []): Promise<Row[]> =>
    (await connection.query<(RowDataPacket & Row)[]>(sql, [...values]))[0];
  const columns = await rows(
    `SELECT column_name AS name, data_type AS type, is_nullable AS nullable, character_maximum_length AS length
     FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = ? AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position`,
    [name],
  );
  const typeOf = new Map(columns.map((row) => [String(row['name']), String(row['type'])]));
  const unique = await rows(
    `SELECT DISTINCT column_name AS name FROM information_schema.statistics
     WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0 AND index_name <> 'PRIMARY'`,
    [name],
  );
  const foreign = await rows(
    `SELECT DISTINCT column_name AS name FROM information_schema.key_column_usage
     WHERE table_schema = DATABASE() AND table_name = ? AND referenced_table_name IS NOT NULL`,
    [name],
  );
  const foreignNames = new Set(foreign.map((row) => String(row['name'])));
  const templates = await rows(`SELECT * FROM ${quoted(name)} LIMIT 100`);
  return {
    name,
    columns: [...typeOf.keys()],
    nullable: new Set(columns.filter((row) => row['nullable'] === 'YES').map((row) => String(row['name']))),
    lengths: new Map(columns.map((row) => [String(row['name']), Number(row['length'] ?? 0)])),
    unique: new Map(
      unique
        .map((row) => String(row['name']))
        .filter((one) => !foreignNames.has(one))
        .map((one) => [one, typeOf.get(one) ?? '']),
    ),
    foreign: foreignNames,
    // mysql2 parses JSON. It is written again as text.
    templates: templates.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([column, value]) => [
          column,
          typeOf.get(column) === 'json' && value !== null ? JSON.stringify(value) : value,
        ]),
      ),
    ),
  };
}
