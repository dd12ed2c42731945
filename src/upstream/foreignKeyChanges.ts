/**
 * Actions of foreign keys that change rows of both tables without row events, and what becomes of the line items of a deleted order.
 *
 * Pure: no clock, no I/O.
 */
import type {SourceSchema} from '../domain/sourceSchema.js';
import type {SilentChange} from './silentChange.js';
import type {ForeignKey, SilentChangeFacts} from './silentChangeFacts.js';
import {mappedColumns} from './sourceTables.js';

type Facts = Pick<SilentChangeFacts, 'variables' | 'foreignKeys' | 'tables'>;

/** Foreign keys whose action changes rows of both tables. */
export function foreignKeyChanges(
  {variables, foreignKeys, tables}: Facts,
  schema: SourceSchema,
): SilentChange[] {
  if (hasForeignKeyEvents(variables)) return [];
  return foreignKeys.flatMap((key): SilentChange[] => {
    const columns = mappedIn(key.table, tables, schema);
    const isMapped = key.columns.some((column) => columns.has(column));
    const effects = [
      ...deleteEffects(key, isMapped, isLink(key, schema) ? schema : undefined),
      ...updateEffects(key, isMapped),
    ];
    if (effects.length === 0) return [];
    const actions = effects.map(({action}) => action);
    const what = `foreign key ${named(key)} (${actions.join(', ')}): ${effects.map(({text}) => text).join('; ')}`;
    const fix = `Replace ${actions.join(' and ')} of this key by RESTRICT and change these rows in the application, or use MySQL 9.6 or later.`;
    return [{kind: 'foreign-keys', what, fix}];
  });
}

/**
 * From MySQL 9.6, the SQL layer performs the actions of foreign keys and writes row events. `innodb_native_foreign_keys=ON` leaves them to
 * InnoDB, which writes none. MariaDB never writes them, and its version numbers are higher.
 */
function hasForeignKeyEvents(variables: Facts['variables']): boolean {
  const version = variables.get('version') ?? '';
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  const isSince = Number(major) > 9 || (Number(major) === 9 && Number(minor) >= 6);
  const isNative = /^(?:ON|1)$/i.test(variables.get('innodb_native_foreign_keys') ?? 'OFF');
  return isSince && !isNative && !/mariadb/i.test(version);
}

interface Effect {
  readonly action: string;
  readonly text: string;
}

/**
 * `link` is given for a key from the line items to their order. With `cascade`, Redis removes the line items with the order, so it equals
 * MySQL after both actions: a line item whose order id is NULL counts nowhere. With `keep`, `items-on-delete` reports CASCADE.
 */
function deleteEffects(key: ForeignKey, isMapped: boolean, link: SourceSchema | undefined): Effect[] {
  const {table, onDelete} = key;
  const cause = `a DELETE or REPLACE in ${parentOf(key)}`;
  if (onDelete === 'CASCADE' && link === undefined) {
    const text = `${cause} deletes rows of ${table} without row events, so Redis keeps them`;
    return [{action: 'ON DELETE CASCADE', text}];
  }
  if (onDelete === 'SET NULL' && isMapped && link?.items.onOrderDelete !== 'cascade') {
    const text = `${cause} sets ${columnsOf(key)} to NULL without row events, so Redis keeps the old values`;
    return [{action: 'ON DELETE SET NULL', text}];
  }
  return [];
}

function updateEffects(key: ForeignKey, isMapped: boolean): Effect[] {
  const {onUpdate} = key;
  if (!isMapped || (onUpdate !== 'CASCADE' && onUpdate !== 'SET NULL')) return [];
  const cause = `an UPDATE of ${key.parentColumns.map((column) => `${parentOf(key)}.${column}`).join(', ')}`;
  const text = `${cause} changes ${columnsOf(key)} without row events, so Redis keeps the old values`;
  return [{action: `ON UPDATE ${onUpdate}`, text}];
}

/** The mapped columns of a table, with those from which MySQL computes a mapped generated column. */
export function mappedIn(table: string, tables: Facts['tables'], schema: SourceSchema): ReadonlySet<string> {
  const {orders, items} = mappedColumns(schema);
  const mapped = new Set([
    ...(table === schema.orders.table ? orders : []),
    ...(table === schema.items.table ? items : []),
  ]);
  const generated = tables.find(({name}) => name === table)?.generated ?? [];
  const bases = generated
    .filter(({name}) => mapped.has(name))
    .flatMap(({expression}) => [...expression.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
  return new Set([...mapped, ...bases]);
}

/** True for a key from the line items to the id of their order. */
function isLink(key: ForeignKey, {orders, items}: SourceSchema): boolean {
  return (
    key.table === items.table &&
    key.parentDatabase === undefined &&
    key.parentTable === orders.table &&
    key.columns.some((column, at) => column === items.orderId && key.parentColumns[at] === orders.id)
  );
}

function parentOf({parentDatabase, parentTable}: ForeignKey): string {
  return parentDatabase === undefined ? parentTable : `${parentDatabase}.${parentTable}`;
}

function columnsOf({table, columns}: ForeignKey): string {
  return columns.map((column) => `${table}.${column}`).join(', ');
}

function named(key: ForeignKey): string {
  const parents = key.parentColumns.map((column) => `${parentOf(key)}.${column}`);
  return `${columnsOf(key)} -> ${parents.join(', ')}`;
}

/**
 * The setting against the schema. With RESTRICT or NO ACTION, MySQL deletes an order that has line items only in a session with
 * foreign_key_checks=0, and keeps them.
 */
export function itemsOnDeleteChanges(
  {variables, foreignKeys, tables}: Facts,
  schema: SourceSchema,
): SilentChange[] {
  const {orders, items} = schema;
  // The foreign keys of a table that this user may not read are not visible either.
  if (!tables.some((table) => table.name === items.table)) return [];
  const links = foreignKeys.filter((key) => isLink(key, schema));
  const name = `foreign key ${items.table}.${items.orderId} -> ${orders.table}.${orders.id}`;
  if (
    items.onOrderDelete === 'cascade' &&
    !links.some(({onDelete}) => onDelete === 'CASCADE' || onDelete === 'SET NULL')
  ) {
    const what = `there is no ${name} with ON DELETE CASCADE, so a DELETE or REPLACE of an order leaves its line items in MySQL, but Redis removes them`;
    const fix = 'Set ORDER_ITEMS_ON_ORDER_DELETE=keep, then run `projector rebuild`.';
    return [{kind: 'items-on-delete', what, fix}];
  }
  const isCascade = links.some(({onDelete}) => onDelete === 'CASCADE');
  if (items.onOrderDelete === 'keep' && isCascade && !hasForeignKeyEvents(variables)) {
    const what = `${name} has ON DELETE CASCADE, so MySQL removes the line items of a deleted order without row events, but Redis keeps them: they count nowhere until an order has the same id`;
    const fix = 'Set ORDER_ITEMS_ON_ORDER_DELETE=cascade, then run `projector rebuild`.';
    return [{kind: 'items-on-delete', what, fix}];
  }
  return [];
}
