/** What MySQL says of itself and of both tables that decides which changes write no row event (silentChanges.ts). */
import type {RowQuery, TextRow} from '../clients/mysql.js';
import type {SourceSchema} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';

/** A foreign key whose child is one of the two tables. */
export interface ForeignKey {
  /** The child table. */
  readonly table: string;
  readonly columns: readonly string[];
  /** Undefined if the parent table is in the database of both tables. */
  readonly parentDatabase: string | undefined;
  readonly parentTable: string;
  /** In the order of `columns`. */
  readonly parentColumns: readonly string[];
  /** For example `CASCADE`, `SET NULL` or `NO ACTION`. */
  readonly onDelete: string;
  readonly onUpdate: string;
}

export interface StoredTable {
  readonly name: string;
  /** Null for a view. */
  readonly engine: string | null;
  readonly isPartitioned: boolean;
  readonly generated: readonly GeneratedColumn[];
}

export interface GeneratedColumn {
  readonly name: string;
  /** The expression as MySQL prints it, with the columns that it reads in backticks. */
  readonly expression: string;
}

export interface BinlogAccounts {
  /** The number of accounts that may change the binlog settings of their session, without the internal accounts of MySQL. */
  readonly count: number;
  /** False if this user sees only its own privileges. */
  readonly isComplete: boolean;
}

export interface SilentChangeFacts {
  /** Variables of the server, by name in lower case. A variable that the server does not have is absent. */
  readonly variables: ReadonlyMap<string, string>;
  readonly foreignKeys: readonly ForeignKey[];
  readonly tables: readonly StoredTable[];
  readonly accounts: BinlogAccounts;
  /** The number of prepared XA transactions. Undefined if this user may not list them. */
  readonly prepared: number | undefined;
}

/** Both names of the variable: MySQL 8.0.26 renamed it. */
export const SEMI_SYNC_VARIABLES = ['rpl_semi_sync_source_enabled', 'rpl_semi_sync_master_enabled'] as const;
const VARIABLES = ['version', 'innodb_native_foreign_keys', 'gtid_mode', ...SEMI_SYNC_VARIABLES];

/**
 * Each of these is enough to set sql_log_bin, binlog_format, binlog_row_image and binlog_row_value_options for a session. Without them,
 * MySQL 8.0 refuses with error 1227. BINLOG_ADMIN is not enough. Before 8.0, only SUPER exists.
 */
export const BINLOG_PRIVILEGES = ['SUPER', 'SYSTEM_VARIABLES_ADMIN', 'SESSION_VARIABLES_ADMIN'] as const;

/** The list of BINLOG_PRIVILEGES in SQL. */
export const BINLOG_PRIVILEGES_SQL = BINLOG_PRIVILEGES.map((name) => `'${name}'`).join(', ');

/** A user with SELECT on both tables sees all of it, except the privileges of other accounts and the XA transactions. */
export async function findSilentChangeFacts(
  ask: RowQuery,
  {orders, items}: SourceSchema,
): Promise<SilentChangeFacts> {
  const names = [orders.table, items.table];
  return {
    variables: await findVariables(ask),
    foreignKeys: await findForeignKeys(ask, names),
    tables: await findStoredTables(ask, names),
    accounts: await findBinlogAccounts(ask),
    prepared: await countPrepared(ask),
  };
}

async function findVariables(ask: RowQuery): Promise<ReadonlyMap<string, string>> {
  const rows = await ask('SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', [VARIABLES]);
  return new Map(rows.map((row) => [row['Variable_name'] ?? '', row['Value'] ?? '']));
}

async function findForeignKeys(ask: RowQuery, names: readonly string[]): Promise<ForeignKey[]> {
  const rows = await ask(
    'SELECT k.table_name AS tab, k.constraint_name AS name, k.column_name AS col, k.referenced_table_schema AS parent_db, ' +
      'k.referenced_table_schema = k.table_schema AS is_own, k.referenced_table_name AS parent, ' +
      'k.referenced_column_name AS parent_col, r.delete_rule AS on_delete, r.update_rule AS on_update ' +
      'FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r ' +
      'ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name ' +
      'WHERE k.table_schema = DATABASE() AND k.table_name IN (?) AND k.referenced_table_name IS NOT NULL ' +
      'ORDER BY k.table_name, k.constraint_name, k.ordinal_position',
    [names],
  );
  const byName = new Map<string, TextRow[]>();
  for (const row of rows) {
    const name = `${row['tab'] ?? ''}/${row['name'] ?? ''}`;
    byName.set(name, [...(byName.get(name) ?? []), row]);
  }
  return [...byName.values()].map(foreignKeyOf);
}

/** One row for each column of the key. */
function foreignKeyOf(rows: readonly TextRow[]): ForeignKey {
  const [first = {}] = rows;
  return {
    table: first['tab'] ?? '',
    columns: rows.map((row) => row['col'] ?? ''),
    parentDatabase: first['is_own'] === '1' ? undefined : (first['parent_db'] ?? ''),
    parentTable: first['parent'] ?? '',
    parentColumns: rows.map((row) => row['parent_col'] ?? ''),
    onDelete: first['on_delete'] ?? '',
    onUpdate: first['on_update'] ?? '',
  };
}

async function findStoredTables(ask: RowQuery, names: readonly string[]): Promise<StoredTable[]> {
  const tables = await ask(
    'SELECT table_name AS name, engine AS engine, create_options AS options FROM information_schema.tables ' +
      'WHERE table_schema = DATABASE() AND table_name IN (?) ORDER BY table_name',
    [names],
  );
  const columns = await ask(
    'SELECT table_name AS tab, column_name AS name, extra AS extra, generation_expression AS expression ' +
      'FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (?) ORDER BY ordinal_position',
    [names],
  );
  // A default such as CURRENT_TIMESTAMP is `DEFAULT_GENERATED`, which is no generated column.
  const generated = columns.filter((row) => /\b(?:VIRTUAL|STORED) GENERATED\b/i.test(row['extra'] ?? ''));
  return tables.map((table) => ({
    name: table['name'] ?? '',
    engine: table['engine'] ?? null,
    isPartitioned: /\bpartitioned\b/i.test(table['options'] ?? ''),
    generated: generated
      .filter((row) => row['tab'] === table['name'])
      .map((row) => ({name: row['name'] ?? '', expression: row['expression'] ?? ''})),
  }));
}

/** MySQL counts, so that no names of accounts leave it. */
async function findBinlogAccounts(ask: RowQuery): Promise<BinlogAccounts> {
  const isInternal = "grantee REGEXP '^.mysql[.](session|sys|infoschema).@'";
  const rows = await ask(
    `SELECT COUNT(DISTINCT IF(privilege_type IN (${BINLOG_PRIVILEGES_SQL}) AND NOT ${isInternal}, grantee, NULL)) AS accounts, ` +
      `COUNT(IF(${isInternal}, 1, NULL)) AS internal FROM information_schema.user_privileges`,
    [],
  );
  const numberOf = (name: string): number => Number(rows[0]?.[name] ?? 0);
  // Every server has the internal accounts. A user that does not see them sees only its own privileges.
  return {count: numberOf('accounts'), isComplete: numberOf('internal') > 0};
}

/** XA RECOVER is possible in a snapshot. Without XA_RECOVER_ADMIN, MySQL returns ER_XAER_RMERR (1401), which does not name the privilege. */
async function countPrepared(ask: RowQuery): Promise<number | undefined> {
  try {
    return (await ask('XA RECOVER', [])).length;
  } catch (error) {
    const isRefused = error instanceof ProjectorError && /^mysql-(?:denied|rejected)$/.test(error.kind);
    if (isRefused) return undefined;
    throw error;
  }
}
