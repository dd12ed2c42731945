/**
 * Changes in MySQL that write no row event. They are warnings, because Redis equals MySQL until somebody makes such a change.
 *
 * Pure: no clock, no I/O.
 */
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {foreignKeyChanges, itemsOnDeleteChanges} from '../../upstream/foreignKeyChanges.js';
import {AUDIT, type SilentChange} from '../../upstream/silentChange.js';
import type {SilentChangeFacts} from '../../upstream/silentChangeFacts.js';
import {binlogSessionChanges, preparedChanges, storageChanges} from '../../upstream/silentChanges.js';
import {again, judged, ok, skipped, warn, type Answer, type Check} from './check.js';

export const SILENT_CHANGE_CHECKS = [
  'foreign-keys',
  'items-on-delete',
  'storage',
  'binlog-sessions',
  'prepared-transactions',
] as const;

type Name = (typeof SILENT_CHANGE_CHECKS)[number];

interface Answers {
  readonly tables: Answer<unknown>;
  readonly silentChanges: Answer<SilentChangeFacts>;
}

/**
 * One question has all answers. If it fails, the first check reports the error. Of a table that this user may not read,
 * `information_schema` says nothing, so the first three checks are skipped then.
 */
export function silentChangeChecks({tables, silentChanges}: Answers, schema: SourceSchema): Check[] {
  const ofTables = tables.kind === 'answer' ? silentChanges : again<SilentChangeFacts>(tables);
  const answers = [ofTables, again(ofTables), again(ofTables)];
  return SILENT_CHANGE_CHECKS.map((name, at) =>
    judged(name, answers[at] ?? again(silentChanges), (value) => JUDGES[name](value, schema)),
  );
}

const JUDGES: Readonly<Record<Name, (facts: SilentChangeFacts, schema: SourceSchema) => Check>> = {
  'foreign-keys': (facts, schema) =>
    verdict(
      'foreign-keys',
      foreignKeyChanges(facts, schema),
      'no foreign key changes rows of both tables without row events',
    ),
  'items-on-delete': (facts, schema) =>
    verdict(
      'items-on-delete',
      itemsOnDeleteChanges(facts, schema),
      `ORDER_ITEMS_ON_ORDER_DELETE=${schema.items.onOrderDelete} fits the foreign keys`,
    ),
  storage: ({tables}, schema) =>
    verdict(
      'storage',
      storageChanges(tables, schema),
      'both tables are InnoDB, without partitions and mapped generated columns',
    ),
  'binlog-sessions': ({accounts}) =>
    verdict(
      'binlog-sessions',
      binlogSessionChanges(accounts),
      accounts.isComplete
        ? 'no account may change the binlog settings of its session'
        : 'the user of MYSQL_URL may not change the binlog settings of its session, and cannot see the privileges of other accounts',
    ),
  'prepared-transactions': ({prepared}) =>
    prepared === undefined
      ? skipped(
          'prepared-transactions',
          'the user of MYSQL_URL may not list prepared XA transactions, which requires XA_RECOVER_ADMIN',
        )
      : verdict('prepared-transactions', preparedChanges(prepared), 'no XA transaction is prepared'),
};

function verdict(name: Name, changes: readonly SilentChange[], none: string): Check {
  if (changes.length === 0) return ok(name, none);
  const fixes = new Set(changes.map(({fix}) => fix));
  return warn(name, changes.map(({what}) => what).join('; '), [...fixes, AUDIT].join(' '));
}
