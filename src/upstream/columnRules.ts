/**
 * Which columns the read model can contain exactly. The reasons are in decode/TYPES.md.
 *
 * I9: a column is refused if its values can have one text in the stream and another one in MySQL, because then `verify` would report a
 * difference that no repair removes.
 *
 * Pure: no clock, no I/O.
 */
import type {Condition} from '../domain/condition.js';
import type {EarlierNames, ExtraColumn, SourceSchema} from '../domain/sourceSchema.js';
import type {FoundTables, SourceColumn, SourceTable} from './foundTables.js';

const WHOLE = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];
const TEXT = ['char', 'varchar', 'tinytext', 'text'];
const IDS = [...WHOLE, ...TEXT, 'binary', 'varbinary'];
const COMPARED = [...WHOLE, ...TEXT, 'mediumtext', 'longtext', 'enum', 'set', 'decimal', 'year'];

/** Types whose values have several forms. The form of an extra column must say so (domain/canonical.ts). */
const FORMS: Readonly<Record<string, ExtraColumn['type']>> = {
  json: 'json',
  date: 'time',
  time: 'time',
  datetime: 'time',
  timestamp: 'time',
};

/** Debezium prints such a value with a backslash. */
function hasComma({type, fullType}: SourceColumn): boolean {
  return type === 'enum' && (fullType.match(/'(?:[^']|'')*'/g) ?? []).some((value) => value.includes(','));
}

const COMMA = 'Debezium prints the comma in its values with a backslash';

/** Types that an extra column cannot have, with the reason if it is not plain. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  float: ', because MySQL prints only 6 digits of it (use DOUBLE or DECIMAL)',
  bit: '',
  vector: '',
  ...Object.fromEntries(
    ['geometry', 'point', 'linestring', 'polygon', 'geomcollection', 'geometrycollection'].map((type) => [
      type,
      '',
    ]),
  ),
  ...Object.fromEntries(['multipoint', 'multilinestring', 'multipolygon'].map((type) => [type, ''])),
};

/** One sentence for each column that does not fit. */
export function columnFaults(schema: SourceSchema, found: FoundTables): string[] {
  const {orders, items} = schema;
  const missing = [found.orders, found.items].filter(({columns}) => columns.length === 0);
  if (missing.length > 0)
    return missing.map(
      ({name}) => `there is no table ${name} that this user may read (names must have the exact case)`,
    );
  const of = new Columns(found.orders, orders.earlier);
  const inItems = new Columns(found.items, items.earlier);
  of.require(orders.id, 'the order id', IDS);
  of.require(orders.userId, 'the buyer', IDS);
  for (const name of orders.totalAmount) requireAmount(of, name, schema);
  of.compared(orders.where);
  for (const name of items.id) inItems.require(name, 'the id of a line item', IDS);
  inItems.require(items.orderId, 'the order id', IDS);
  inItems.require(items.productId, 'the product', IDS);
  inItems.require(items.quantity, 'the quantity', [...WHOLE, 'decimal']);
  for (const name of items.amount) inItems.require(name, 'a factor of the amount', [...WHOLE, 'decimal']);
  inItems.compared(items.where);
  for (const column of schema.extraColumns) of.requireShown(column);
  return [...of.faults, ...inItems.faults, ...keyFaults(of.find(orders.id), inItems.find(items.orderId))];
}

function requireAmount(of: Columns, name: string, {orders, isRounded}: SourceSchema): void {
  if (orders.isMinor) of.require(name, 'an amount with MONEY_UNIT=minor', WHOLE);
  else if (isRounded) of.require(name, 'an amount with MONEY_ROUND=true', ['decimal', 'double']);
  else
    of.require(name, 'an amount (a whole number needs MONEY_UNIT=minor, a DOUBLE needs MONEY_ROUND=true)', [
      'decimal',
    ]);
}

/** All events of an order must have the same key (S2), and a query must find the line items of an order. */
function keyFaults(order: SourceColumn | undefined, ofItem: SourceColumn | undefined): string[] {
  if (order === undefined || ofItem === undefined) return [];
  const family = ({type}: SourceColumn): string =>
    WHOLE.includes(type) ? 'a whole number' : TEXT.includes(type) ? 'a text' : `of type ${type}`;
  if (family(order) !== family(ofItem))
    return [
      `the order id is ${family(order)} in ${order.name}, but ${family(ofItem)} in ${ofItem.name}: their records would have different keys`,
    ];
  if (order.collation === ofItem.collation) return [];
  return [
    `${order.name} has the collation ${order.collation ?? 'none'}, but ${ofItem.name} has ${ofItem.collation ?? 'none'}`,
  ];
}

class Columns {
  readonly faults: string[] = [];
  readonly #table: SourceTable;
  readonly #earlier: EarlierNames;

  constructor(table: SourceTable, earlier: EarlierNames) {
    this.#table = table;
    this.#earlier = earlier;
  }

  find(name: string): SourceColumn | undefined {
    const {columns} = this.#table;
    const names = [name, ...(this.#earlier.get(name) ?? [])];
    return names.map((one) => columns.find((column) => column.name === one)).find((one) => one !== undefined);
  }

  require(name: string, use: string, types: readonly string[]): void {
    const column = this.find(name);
    if (column === undefined) {
      this.#missing(name, use);
      return;
    }
    const {type, fullType} = column;
    if (!types.includes(type)) this.#unfit(column, `${use} must be ${types.join(', ').toUpperCase()}`);
    // Debezium prints a BOOLEAN as true or false, or as a number, depending on where it has read the table's DDL.
    else if (fullType.startsWith('tinyint(1)')) this.#unfit(column, `${use} cannot be a BOOLEAN`);
  }

  /** NULL can be tested in every column. Other values are compared as texts. */
  compared(condition: Condition): void {
    for (const {column: name, values} of condition) {
      const column = this.find(name);
      if (column === undefined) {
        if (!values.includes(null)) this.#missing(name, 'a condition');
        continue;
      }
      if (values.every((value) => value === null)) continue;
      if (hasComma(column)) this.#unfit(column, COMMA);
      if (COMPARED.includes(column.type) && !column.fullType.includes('zerofill')) continue;
      this.#unfit(column, 'a condition can only test it for NULL');
    }
  }

  /** An extra column that does not exist is absent from Redis. */
  requireShown({name, type}: ExtraColumn): void {
    const column = this.find(name);
    if (column === undefined || column.fullType === 'bit(1)') return;
    const why = NOT_SHOWN[column.type];
    if (why !== undefined) this.#unfit(column, `an extra column cannot show it${why}`);
    else if (hasComma(column)) this.#unfit(column, COMMA);
    const form = FORMS[column.type] ?? type;
    if (form !== type) this.#unfit(column, `write it as ${name}:${form} in ORDER_EXTRA_COLUMNS`);
  }

  #missing(name: string, use: string): void {
    const other = this.#table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
    const hint = other === undefined ? '' : `; its name is ${other.name}`;
    this.faults.push(`table ${this.#table.name} has no column ${name} (${use})${hint}`);
  }

  #unfit({name, fullType}: SourceColumn, why: string): void {
    this.faults.push(`${this.#table.name}.${name} is ${fullType}: ${why}`);
  }
}
