/**
 * Changes in MySQL that write no row event. Debezium does not see them, so Redis differs from MySQL, and no error says so.
 *
 * Two cases need no finding:
 * - An invisible column. `SELECT *` omits it, but its row events and `information_schema` contain it.
 * - A trigger that changes the binlog settings of its session. A statement that fires it fails, and changes nothing: error 1560 for
 *   binlog_format, 1695 for sql_log_bin, 1765 for binlog_row_value_options. MySQL accepts binlog_row_image in a trigger, but only from a
 *   definer with the privileges of `binlog-sessions` (otherwise error 1227).
 *
 * Pure: no clock, no I/O.
 */
import type {SourceSchema} from '../domain/sourceSchema.js';
import {foreignKeyChanges, itemsOnDeleteChanges, mappedIn} from './foreignKeyChanges.js';
import type {SilentChange} from './silentChange.js';
import {
  BINLOG_PRIVILEGES_SQL,
  SEMI_SYNC_VARIABLES,
  type BinlogAccounts,
  type SilentChangeFacts,
  type StoredTable,
} from './silentChangeFacts.js';
import {counted} from '../runtime/counted.js';

export function silentChanges(facts: SilentChangeFacts, schema: SourceSchema): SilentChange[] {
  return [
    ...foreignKeyChanges(facts, schema),
    ...itemsOnDeleteChanges(facts, schema),
    ...storageChanges(facts.tables, schema),
    ...binlogSessionChanges(facts.accounts),
    ...preparedChanges(facts.prepared),
    ...semiSyncChanges(facts.variables),
  ];
}

/** How both tables are stored. */
export function storageChanges(tables: readonly StoredTable[], schema: SourceSchema): SilentChange[] {
  return tables.flatMap(({name, engine, isPartitioned, generated}): SilentChange[] => {
    const mapped = mappedIn(name, [], schema);
    return [
      ...engineChanges(name, engine),
      ...(isPartitioned ? [partitionChange(name)] : []),
      ...generated.filter((column) => mapped.has(column.name)).map((column) => generatedChange(name, column)),
    ];
  });
}

function engineChanges(name: string, engine: string | null): SilentChange[] {
  if (engine === null) {
    const what = `${name} is a view: MySQL writes row events only for the tables that it reads`;
    return [{kind: 'engines', what, fix: 'Map the tables of the view (docs/mapping.md).'}];
  }
  if (engine.toLowerCase() === 'innodb') return [];
  const what = `${name} uses the storage engine ${engine}: a crash can lose rows whose events are in the binlog, a statement that fails halfway keeps its changes, and \`sync\` and \`verify\` cannot read the table in a snapshot`;
  return [{kind: 'engines', what, fix: `Run ALTER TABLE ${name} ENGINE=InnoDB.`}];
}

function partitionChange(name: string): SilentChange {
  const what = `${name} is partitioned: DROP, TRUNCATE and EXCHANGE PARTITION change its rows without row events`;
  const fix = 'Delete the rows of a partition with DELETE before you drop, truncate or exchange it.';
  return {kind: 'partitions', what, fix};
}

function generatedChange(table: string, {name}: {readonly name: string}): SilentChange {
  const what = `${table}.${name} is a generated column: a new expression changes its values without row events, so Redis keeps the old ones`;
  const fix = 'After a change of the expression, run `projector audit --once --repair`.';
  return {kind: 'generated-columns', what, fix};
}

export function binlogSessionChanges({count, isComplete}: BinlogAccounts): SilentChange[] {
  if (count === 0) return [];
  const seen = isComplete ? 'accounts' : 'accounts that this user can see';
  const what = `${count} of the ${seen} may set sql_log_bin, binlog_format, binlog_row_image or binlog_row_value_options for a session, whose changes then write no row events or incomplete ones`;
  const fix = `Change both tables only with other accounts. To list these (mysql.* are internal): SELECT DISTINCT grantee FROM information_schema.user_privileges WHERE privilege_type IN (${BINLOG_PRIVILEGES_SQL})`;
  return [{kind: 'binlog-sessions', what, fix: `${fix}.`}];
}

/**
 * MySQL writes the row events of an XA transaction at XA PREPARE, and Debezium sends them then. XA COMMIT and XA ROLLBACK write no row
 * events. So Redis has the rows before MySQL shows them, and keeps them after XA ROLLBACK. An initial load between both does not read the
 * rows, and starts after their events, so that Redis lacks them after XA COMMIT.
 */
export function preparedChanges(prepared: number | undefined): SilentChange[] {
  if (prepared === undefined || prepared === 0) return [];
  const number = counted(prepared, 'XA transaction is', 'XA transactions are');
  const what = `${number} prepared: after XA ROLLBACK, Redis keeps the rows; after XA COMMIT, an initial load that ran before it lacks them`;
  const fix =
    'Commit or roll back what XA RECOVER lists before an initial load, then run `projector verify --repair`.';
  return [{kind: 'prepared-transactions', what, fix}];
}

/** MySQL then shows a transaction after it is in the binlog, and without GTIDs a command cannot wait for it (S8). */
export function semiSyncChanges(variables: SilentChangeFacts['variables']): SilentChange[] {
  const isOn = SEMI_SYNC_VARIABLES.some((name) => /^(?:ON|1)$/i.test(variables.get(name) ?? 'OFF'));
  const isWithout = /^OFF/i.test(variables.get('gtid_mode') ?? 'ON');
  if (!isOn || !isWithout) return [];
  const what =
    'semi-synchronous replication is on and GTIDs are off: MySQL shows a transaction late, and `sync` and `verify` wait only 200 ms for it, so they can miss its rows';
  return [{kind: 'semi-sync', what, fix: 'Set gtid_mode=ON and enforce_gtid_consistency=ON.'}];
}
