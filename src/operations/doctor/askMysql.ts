/** Asks MySQL for its variables, the grants of this user, the two tables, and what changes them without row events. */
import {MysqlClient, type RowQuery, type TextRow} from '../../clients/mysql.js';
import {mysqlSettings} from '../../config/clientOptions.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {findTables, type FoundTables} from '../../upstream/foundTables.js';
import {
  findSilentChangeFacts,
  SEMI_SYNC_VARIABLES,
  type SilentChangeFacts,
} from '../../upstream/silentChangeFacts.js';
import {sourceTables} from '../../upstream/sourceTables.js';
import {quoted} from '../../upstream/sql.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import type {Questions} from './asking.js';
import type {Answer} from './check.js';

export interface MysqlAnswers {
  /** Variables of the server, by name in lower case. A variable that the server does not have is absent. */
  readonly variables: Answer<ReadonlyMap<string, string>>;
  readonly grants: Answer<readonly string[]>;
  /** An answer also means that both tables can be read. */
  readonly tables: Answer<FoundTables>;
  readonly silentChanges: Answer<SilentChangeFacts>;
}

export const VARIABLES = [
  ...['version', 'log_bin', 'binlog_format', 'binlog_row_image', 'binlog_row_value_options'],
  ...['gtid_mode', 'binlog_expire_logs_seconds', 'server_id', 'binlog_transaction_compression'],
  ...SEMI_SYNC_VARIABLES,
] as const;
const MYSQL = {what: 'MySQL', kind: 'mysql-unreachable'} as const;

export async function askMysql(config: ConfigWith<'mysqlUrl'>, questions: Questions): Promise<MysqlAnswers> {
  const schema = sourceSchema(config);
  let mysql: MysqlClient | undefined;
  try {
    const connected = await questions.ask(MYSQL, async () => {
      mysql = new MysqlClient(mysqlSettings(config, config.mysqlUrl));
      await mysql.connect();
      return mysql;
    });
    // There is only one connection, so the questions are asked one after the other.
    const ask = async <T>(question: (ask: RowQuery) => Promise<T>): Promise<Answer<T>> =>
      await questions.after(connected, MYSQL, async (client) => await client.consistentSnapshot(question));
    const names = VARIABLES.map((name) => `'${name}'`).join(', ');
    const rows = await ask(
      async (query) => await query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`, []),
    );
    const grants = await ask(async (query) => await query('SHOW GRANTS', []));
    const tables = await ask(async (query) => await readTables(query, schema));
    const silentChanges = await ask(async (query) => await findSilentChangeFacts(query, schema));
    return {
      variables: mapped<readonly TextRow[], ReadonlyMap<string, string>>(
        connected.kind === 'answer' ? rows : connected,
        variablesOf,
      ),
      grants: mapped(grants, (found) => found.map((row) => Object.values(row)[0] ?? '')),
      tables,
      silentChanges,
    };
  } finally {
    mysql?.close();
  }
}

/**
 * Reads what MySQL says of both tables, and selects every column that the projector uses, with LIMIT 0. If a right is missing, it rejects
 * with the error of MySQL, which names it.
 */
async function readTables(query: RowQuery, schema: SourceSchema): Promise<FoundTables> {
  const found = await findTables(query, schema);
  const {columns} = sourceTables(schema, found);
  for (const [table, names] of [
    [schema.orders.table, columns.orders],
    [schema.items.table, columns.items],
  ] as const) {
    const list = names.length === 0 ? '1' : names.map(quoted).join(', ');
    await query(`SELECT ${list} FROM ${quoted(table)} LIMIT 0`, []);
  }
  return found;
}

function variablesOf(rows: readonly TextRow[]): ReadonlyMap<string, string> {
  return new Map(rows.map((row) => [row['Variable_name'] ?? '', row['Value'] ?? '']));
}

function mapped<A, B>(answer: Answer<A>, map: (value: A) => B): Answer<B> {
  return answer.kind === 'answer' ? {kind: 'answer', value: map(answer.value)} : answer;
}
