/**
 * MySQL: checks the binlog, the grants and the tables.
 *
 * Debezium depends on the binlog. `sync`, `verify` and `dlq replay` depend on the user of MYSQL_URL.
 *
 * Pure: no clock, no I/O.
 */
import type {Config} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import type {Condition} from '../../domain/condition.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {columnFaults} from '../../upstream/columnRules.js';
import {sourceTables} from '../../upstream/sourceTables.js';
import type {FoundTables, SourceColumn, SourceTable} from '../../upstream/foundTables.js';
import {AUDIT} from '../../upstream/silentChange.js';
import {semiSyncChanges} from '../../upstream/silentChanges.js';
import type {MysqlAnswers} from './askMysql.js';
import {again, fail, judged, ok, warn, type Check} from './check.js';
import {silentChangeChecks} from './silentChangeChecks.js';
import {counted} from '../../runtime/counted.js';

export function judgeVersion(variables: Variables): Check {
  const version = variables.get('version') ?? 'unknown';
  if (!/mariadb/i.test(version)) return ok('mysql', `version ${version}`);
  return fail('mysql', `version ${version}: MariaDB needs another Debezium connector, and was not tested`, {
    fix: 'Use MySQL (docs/compatibility.md).',
  });
}

type Variables = ReadonlyMap<string, string>;

export function mysqlChecks(answers: MysqlAnswers, config: Config): Check[] {
  const schema = sourceSchema(config);
  return [
    judged('mysql', answers.variables, judgeVersion),
    judged('binlog', again(answers.variables), judgeBinlog),
    judged('mysql-grants', answers.grants, judgeGrants),
    judged('tables', answers.tables, (found) => judgeTables(found, schema)),
    ...silentChangeChecks(answers, schema),
  ];
}

/**
 * The settings with which the binlog contains every change with its full row, and why Debezium requires them.
 * A variable that the server does not have counts as correct.
 */
const BINLOG: readonly {name: string; wanted: string; why: string}[] = [
  {name: 'log_bin', wanted: 'ON', why: 'the binlog is disabled, so no changes can be read'},
  {name: 'binlog_format', wanted: 'ROW', why: 'changes are not written as row events'},
  {name: 'binlog_row_image', wanted: 'FULL', why: 'row events do not contain full rows'},
  {name: 'binlog_row_value_options', wanted: '', why: 'row events contain only parts of JSON columns'},
];

const DAY_S = 86_400;

export function judgeBinlog(variables: Variables): Check {
  const wrong = BINLOG.filter(({name, wanted}) => (variables.get(name) ?? wanted).toUpperCase() !== wanted);
  if (wrong.length > 0) {
    const texts = wrong.map(({name, why}) => `${name}=${variables.get(name) ?? ''}: ${why}`);
    const fix = `Set ${wrong.map(({name, wanted}) => `${name}=${wanted}`).join(', ')}, then take a new snapshot.`;
    return fail('binlog', texts.join('; '), {fix});
  }
  if ((variables.get('gtid_mode') ?? 'ON') !== 'ON') {
    const mode = variables.get('gtid_mode') ?? '';
    const failover = `gtid_mode=${mode}: after a failover the connector cannot find its position in the binlog`;
    const late = semiSyncChanges(variables).map(({what}) => what);
    return warn(
      'binlog',
      [failover, ...late].join('; '),
      ['Set gtid_mode=ON and enforce_gtid_consistency=ON.', ...(late.length === 0 ? [] : [AUDIT])].join(' '),
    );
  }
  const keptS = Number(variables.get('binlog_expire_logs_seconds') ?? 0);
  if (keptS > 0 && keptS < 3 * DAY_S) {
    const detail = `binlogs are kept for ${keptS} s: a connector that is down for longer requires a new snapshot`;
    return warn('binlog', detail, 'Raise binlog_expire_logs_seconds to a week or more.');
  }
  const gtids = variables.has('gtid_mode') ? ' and GTIDs' : '';
  return ok('binlog', `row events with full rows${gtids}`);
}

/** The result contains no names of users or hosts. */
export function judgeGrants(grants: readonly string[]): Check {
  const rights = grants.map((grant) => /^GRANT (.+?) ON /i.exec(grant)?.[1] ?? '');
  const reads = rights.some((list) => /\b(?:SELECT|ALL PRIVILEGES)\b/i.test(list));
  if (!reads)
    return fail('mysql-grants', 'the user of MYSQL_URL has no SELECT privilege', {
      fix: 'Grant SELECT on both tables to this user.',
    });
  const isWide = grants.some((grant) => /^GRANT ALL PRIVILEGES ON \*\.\*/i.test(grant));
  if (isWide)
    return warn(
      'mysql-grants',
      'the user of MYSQL_URL has all privileges on all databases',
      'Use a user with only SELECT on both tables.',
    );
  return ok(
    'mysql-grants',
    'the user of MYSQL_URL has a SELECT privilege (the check `tables` tests both tables)',
  );
}

/** The columns of both tables, with the settings that say what is in them. */
export function judgeTables(found: FoundTables, schema: SourceSchema): Check {
  const faults = columnFaults(schema, found);
  if (faults.length > 0)
    return fail('tables', faults.join('; '), {
      fix: 'Correct the settings of the mapping, or the columns (docs/mapping.md).',
    });
  const {orders, items, moneyDecimals, quantityDecimals, isRounded} = sourceTables(schema, found).schema;
  const [inOrders, inItems] = [found.orders, found.items].map(
    ({columns}) =>
      (name: string) =>
        columns.find((column) => column.name === name),
  );
  const amounts = (orders.totalAmount.length > 0 ? orders.totalAmount : items.amount).map((name) =>
    (orders.totalAmount.length > 0 ? inOrders : inItems)?.(name),
  );
  const described = amounts.flatMap((column) => (column === undefined ? [] : [describe(column)]));
  const detail = `both tables can be read; ${described.join(', ')}`;
  const isProduct = orders.totalAmount.length === 0;
  const decimals = amounts.map((column) => column?.decimals ?? 0);
  const most = isProduct ? decimals.reduce((sum, one) => sum + one, 0) : Math.max(...decimals);
  const isDecimal = amounts.every((column) => column?.type === 'decimal');
  if (!orders.isMinor && orders.totalAmount.length > 0 && isDecimal && most < moneyDecimals)
    return warn(
      'tables',
      `${detail}, but MONEY_DECIMALS is ${moneyDecimals}`,
      `Set MONEY_DECIMALS=${most}, then run \`projector rebuild\`.`,
    );
  if (isProduct && !orders.isMinor && !isRounded && most > moneyDecimals)
    return warn(
      'tables',
      `${detail}: their product can have ${counted(most, 'decimal')}, and a row with more than ${moneyDecimals} that are not 0 is quarantined`,
      'Set MONEY_ROUND=true, or raise MONEY_DECIMALS (docs/mapping.md).',
    );
  const doubts = nullableUses(schema, found);
  if (doubts.length > 0)
    return warn(
      'tables',
      `${detail}; these columns can be NULL, and a row that counts is quarantined then: ${doubts.join(', ')}`,
      'Exclude such rows with a condition (docs/mapping.md), or make the columns NOT NULL.',
    );
  const isCut = !orders.isMinor && most > moneyDecimals;
  const cut = !isCut
    ? ''
    : isRounded
      ? `, rounded to ${moneyDecimals}`
      : `, of which the first ${moneyDecimals} count`;
  const quantity = inItems?.(items.quantity);
  const units =
    quantity === undefined || quantity.decimals <= quantityDecimals
      ? ''
      : `; ${describe(quantity)}, of which the first ${quantityDecimals} count`;
  return ok('tables', detail + cut + units);
}

function describe({name, type, decimals}: SourceColumn): string {
  return decimals === 0 ? `${name} is ${type}` : `${name} is ${type} with ${counted(decimals, 'decimal')}`;
}

/** Columns that must have a value in every row that counts. A condition on a column says that its NULL was considered. */
function nullableUses({orders, items}: SourceSchema, found: FoundTables): string[] {
  const among = (table: SourceTable, names: readonly string[], where: Condition): string[] => {
    const considered = where.map(({column}) => column);
    return table.columns
      .filter(({name, isNullable}) => isNullable && names.includes(name) && !considered.includes(name))
      .map(({name}) => `${table.name}.${name}`);
  };
  return [
    ...among(found.orders, orders.totalAmount, orders.where),
    ...among(found.items, [items.quantity, ...items.amount], items.where),
  ];
}
