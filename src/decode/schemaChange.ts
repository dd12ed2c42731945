/**
 * Reads the records of schema changes, which Debezium writes with `include.schema.changes=true`. Both connectors write the same form.
 *
 * A statement can remove or rewrite rows without an event of these rows, for example DROP PARTITION. So an audit is necessary after it.
 * Source: Debezium 3.6 documentation, MySQL connector, "Schema change topic". What it does not say was seen with MySQL 8.0 and Debezium 3.6:
 *
 * - The records of all captured tables arrive, also those of the heartbeat table and the signal table.
 * - A table that is renamed to a name that is not captured gives no record. But the table that takes its name gives one: CREATE TABLE, or
 *   the second half of the RENAME TABLE. So CREATE TABLE also makes an audit necessary. If the table exists already, it gives no record.
 * - TRUNCATE TABLE gives a row event with op `t`. The flat form has no record of it.
 *
 * I11: the text of a statement is not kept, because it can contain values.
 *
 * Pure: no clock, no I/O.
 */
import type {Decoded, SchemaStatement} from '../domain/change.js';
import type {SourceSchema} from '../domain/sourceSchema.js';
import {isJsonObject, type JsonObject} from './fields.js';

/** Undefined if the record is not one of a schema change. */
export function schemaChangeOf(body: JsonObject, schema: SourceSchema): Decoded | undefined {
  const {ddl, databaseName, source} = body;
  if (ddl === undefined || databaseName === undefined) return undefined;
  const from = isJsonObject(source) ? source : {};
  if (isSnapshot(from['snapshot'])) return {kind: 'ignored', reason: 'a schema change record of a snapshot'};
  const statement = statementOf(ddl);
  const table = concernedTable({body, source: from, statement}, schema);
  if (table === undefined) return {kind: 'ignored', reason: 'a schema change record of another table'};
  if (KEEPS_ROWS.has(statement)) return {kind: 'ignored', reason: 'a schema change that keeps all rows'};
  return {kind: 'schema-changed', statement, table};
}

/** These statements change no row. */
const KEEPS_ROWS: ReadonlySet<SchemaStatement> = new Set(['CREATE INDEX', 'DROP INDEX'] as const);

/** A snapshot describes the tables as statements. Debezium writes `true`, `first`, `last`, ... in it, and null, false or `false` else. */
function isSnapshot(value: unknown): boolean {
  return typeof value === 'string' ? value !== 'false' : value === true;
}

const STATEMENTS: Readonly<Record<string, SchemaStatement>> = {
  'ALTER TABLE': 'ALTER TABLE',
  'CREATE INDEX': 'CREATE INDEX',
  'CREATE UNIQUE': 'CREATE INDEX',
  'CREATE TABLE': 'CREATE TABLE',
  'DROP DATABASE': 'DROP DATABASE',
  'DROP SCHEMA': 'DROP DATABASE',
  'DROP INDEX': 'DROP INDEX',
  'DROP TABLE': 'DROP TABLE',
  'RENAME TABLE': 'RENAME TABLE',
  'TRUNCATE TABLE': 'TRUNCATE TABLE',
};

function statementOf(ddl: unknown): SchemaStatement {
  const [, first = '', second = ''] =
    /^\s*([a-z]+)\s+([a-z]+)/i.exec(typeof ddl === 'string' ? ddl : '') ?? [];
  return STATEMENTS[`${first} ${second}`.toUpperCase()] ?? 'DDL';
}

interface Statement {
  readonly body: JsonObject;
  readonly source: JsonObject;
  readonly statement: SchemaStatement;
}

/** The first of our tables that the statement concerns. DROP DATABASE names no table and concerns all of its database. */
function concernedTable({body, source, statement}: Statement, schema: SourceSchema): string | undefined {
  const {orders, items, database: ours} = schema;
  const {databaseName: database, tableChanges} = body;
  const changes: readonly unknown[] = Array.isArray(tableChanges) ? tableChanges : [];
  const ids = changes.map((change) => (isJsonObject(change) ? change['id'] : undefined));
  const isOurs = typeof database === 'string' && (ours === undefined || ours === database);
  const tables = [orders.table, items.table];
  if (ids.length > 0) {
    const idOf = (table: string): string => [ours ?? String(database), table].map(quoted).join('.');
    return tables.find((table) => ids.includes(idOf(table)));
  }
  if (!isOurs) return undefined;
  if (statement === 'DROP DATABASE') return orders.table;
  const {table: names} = source;
  return typeof names === 'string' ? tables.find((table) => names.split(',').includes(table)) : undefined;
}

/** A name as Debezium prints it in an id. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
