/** Two tables with a column of every type, random rows for them, and random mappings of their columns. */
import {Random} from './random.js';
import type {SourceSchema} from '../../src/domain/sourceSchema.js';
import {SHOP} from './records.js';

interface Type {
  readonly ddl: string;
  /** A value in SQL. */
  readonly value: (random: Random) => string;
  /** The type is a date or a time. */
  readonly isTime?: true;
}

const digits = (random: Random, least: number, most: number): string => String(random.int(least, most));
const quotedText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
const TEXTS = [
  '',
  'a',
  'A',
  'á',
  'paid',
  '007',
  '5',
  '5.0',
  'a:b',
  '1;2',
  'x/y',
  '%41',
  '日本',
  '🛒 x',
  "o'k",
  'tab\t',
];
const text = (random: Random): string => quotedText(random.pick(TEXTS));
const hex = (random: Random, bytes: number): string =>
  `x'${Array.from({length: bytes}, () => random.pick(['00', '01', '7f', '80', 'ff'])).join('')}'`;
const pad = (random: Random, most: number): string => digits(random, 0, most).padStart(2, '0');
const clock = (random: Random): string => `${pad(random, 23)}:${pad(random, 59)}:${pad(random, 59)}`;
const day = (random: Random): string => `20${pad(random, 37)}-0${random.int(1, 9)}-1${random.int(0, 9)}`;

export const TYPES: Readonly<Record<string, Type>> = {
  // The connector of the tests makes the key of this column.
  order_id: {ddl: 'BIGINT NOT NULL', value: (r) => digits(r, 1, 40)},
  a_tiny: {ddl: 'TINYINT', value: (r) => digits(r, -128, 127)},
  a_tiny_unsigned: {ddl: 'TINYINT UNSIGNED', value: (r) => digits(r, 0, 255)},
  a_flag: {ddl: 'BOOLEAN', value: (r) => digits(r, 0, 1)},
  a_small: {ddl: 'SMALLINT', value: (r) => digits(r, -32_768, 32_767)},
  a_medium: {ddl: 'MEDIUMINT', value: (r) => digits(r, 0, 999)},
  an_int: {ddl: 'INT', value: (r) => digits(r, -2_147_483_648, 2_147_483_647)},
  a_count: {ddl: 'INT NOT NULL', value: (r) => digits(r, 0, 9)},
  a_big: {ddl: 'BIGINT', value: (r) => r.pick(['9007199254740993', '-9223372036854775808', '7', '0'])},
  a_big_unsigned: {ddl: 'BIGINT UNSIGNED', value: (r) => r.pick(['9223372036854775807', '1', '0'])},
  a_filled: {ddl: 'INT(6) ZEROFILL', value: (r) => digits(r, 0, 99)},
  a_decimal: {ddl: 'DECIMAL(12,2)', value: (r) => `${digits(r, -99, 9_999_999)}.${pad(r, 99)}`},
  a_price: {ddl: 'DECIMAL(12,2) NOT NULL', value: (r) => `${digits(r, 0, 999)}.${pad(r, 99)}`},
  a_long_decimal: {
    ddl: 'DECIMAL(20,6)',
    value: (r) => `${digits(r, 0, 999)}.${r.pick(['500000', '250000', '005000'])}`,
  },
  a_whole_decimal: {ddl: 'DECIMAL(10,0)', value: (r) => digits(r, 0, 999)},
  a_float: {ddl: 'FLOAT', value: (r) => r.pick(['0.1', '1.5', '-3', '16777216', '1e20'])},
  a_short_float: {ddl: 'FLOAT(8,2)', value: (r) => r.pick(['0.1', '45.99', '-3', '123456.79'])},
  a_double: {
    ddl: 'DOUBLE',
    value: (r) => r.pick(['0.1', '45.99', '9999999999.99', '1e-7', '2.675', '-0.005']),
  },
  a_bit: {ddl: 'BIT(1)', value: (r) => r.pick(["b'0'", "b'1'"])},
  bits: {ddl: 'BIT(9)', value: (r) => r.pick(["b'101'", "b'111111111'"])},
  a_char: {ddl: 'CHAR(12)', value: text},
  a_varchar: {ddl: 'VARCHAR(40) COLLATE utf8mb4_general_ci', value: text},
  a_binary_text: {ddl: 'VARCHAR(40) COLLATE utf8mb4_bin', value: text},
  a_latin_text: {
    ddl: 'VARCHAR(20) CHARACTER SET latin1',
    value: (r) => quotedText(r.pick(['', 'a', 'ä', 'ß 1', '7'])),
  },
  a_text: {ddl: 'TEXT', value: text},
  an_enum: {ddl: "ENUM('new', 'paid', 'it''s')", value: (r) => r.pick(["'new'", "'paid'", "'it''s'"])},
  an_enum_with_comma: {ddl: "ENUM('new', 'x,y')", value: (r) => r.pick(["'new'", "'x,y'"])},
  a_set: {ddl: "SET('a', 'b', 'c')", value: (r) => r.pick(["''", "'a'", "'a,c'"])},
  a_uuid: {ddl: 'BINARY(16)', value: (r) => hex(r, 16)},
  bytes: {ddl: 'VARBINARY(16)', value: (r) => hex(r, r.int(0, 5))},
  a_blob: {ddl: 'BLOB', value: (r) => hex(r, r.int(0, 5))},
  a_date: {ddl: 'DATE', value: (r) => `'${day(r)}'`, isTime: true},
  a_time: {ddl: 'TIME(3)', value: (r) => `'${clock(r)}.${r.pick(['000', '120', '007'])}'`, isTime: true},
  a_datetime: {
    ddl: 'DATETIME(6)',
    value: (r) => `'${day(r)} ${clock(r)}.${r.pick(['000000', '120000', '000007'])}'`,
    isTime: true,
  },
  a_timestamp: {
    ddl: 'TIMESTAMP(3) NULL',
    value: (r) => `'${day(r)} ${clock(r)}.${r.pick(['000', '120'])}'`,
    isTime: true,
  },
  a_year: {ddl: 'YEAR', value: (r) => digits(r, 1_901, 2_155)},
  some_json: {
    ddl: 'JSON',
    value: (r) => r.pick([`'{"b": [1, true, null], "a": "x, y: z"}'`, `'[]'`, `'"t"'`, `'7'`]),
  },
};

const NAMES = Object.keys(TYPES);
/** Columns that MySQL computes. */
const COMPUTED = {
  a_virtual_text: "VARCHAR(60) AS (CONCAT(a_count, '-', a_flag)) VIRTUAL",
  a_stored_sum: 'INT AS (a_count + 1) STORED',
};

export const COLUMN_NAMES = [...NAMES, ...Object.keys(COMPUTED)];

export function wideSchema(): string {
  const columns = [...NAMES.map((name) => `${name} ${TYPES[name]?.ddl ?? ''}`)];
  const computed = Object.entries(COMPUTED).map(([name, ddl]) => `${name} ${ddl}`);
  return ['orders', 'order_items']
    .map((table) => `CREATE TABLE ${table} (id BIGINT PRIMARY KEY, ${[...columns, ...computed].join(', ')});`)
    .join('\n');
}

/** One INSERT of random rows with these ids. A fifth of all values that can be NULL is NULL. */
export function wideRows(table: string, ids: readonly number[], random: Random): string {
  const valueOf = (name: string): string => {
    const {ddl = '', value} = TYPES[name] ?? {};
    return value === undefined || (!ddl.endsWith('NOT NULL') && random.chance(0.2)) ? 'NULL' : value(random);
  };
  const rows = ids.map((id) => `(${[String(id), ...NAMES.map(valueOf)].join(', ')})`);
  return `INSERT INTO ${table} (id, ${NAMES.join(', ')}) VALUES ${rows.join(', ')}`;
}

/** A random mapping. `textsOf` returns texts that a column of a table contains. */
export function randomMapping(
  random: Random,
  textsOf: (table: string, column: string) => readonly string[],
): SourceSchema {
  const name = (): string => random.pick(COLUMN_NAMES);
  const among = (...names: readonly string[]): string =>
    random.chance(0.9) ? random.pick([...names]) : name();
  const where = (table: string, notNull: readonly string[]): SourceSchema['orders']['where'] => [
    ...(random.chance(0.6) ? notNull.map((column) => ({column, isNegated: true, values: [null]})) : []),
    ...Array.from({length: random.int(0, 2)}, () => {
      const column = name();
      const known = textsOf(table, column);
      const values = Array.from({length: random.int(1, 3)}, () =>
        known.length === 0 || random.chance(0.3) ? null : random.pick([...known]),
      );
      return {column, isNegated: random.chance(0.5), values};
    }),
  ];
  const isMinor = random.chance(0.2);
  const amounts = isMinor
    ? ['a_count', 'an_int', 'a_medium']
    : ['a_decimal', 'a_price', 'a_long_decimal', 'a_double'];
  const totalAmount = [...new Set(Array.from({length: random.int(1, 2)}, () => among(...amounts)))];
  const factors = [
    'a_price',
    'a_decimal',
    'a_count',
    'a_tiny',
    'a_big_unsigned',
    'a_tiny_unsigned',
    'a_long_decimal',
  ];
  const ofItems = random.chance(0.2)
    ? [...new Set([among('a_price', 'a_decimal', 'a_tiny_unsigned'), among(...factors)])]
    : [];
  const quantity = among('a_count', 'a_long_decimal', 'a_tiny', 'a_whole_decimal');
  const isOwnId = random.chance(0.5);
  const ids = ['a_varchar', 'a_uuid', 'a_binary_text', 'an_int', 'a_latin_text', 'bytes', 'a_filled'];
  const orderId = isOwnId ? 'a_count' : among(...ids);
  return {
    ...SHOP,
    database: undefined,
    orders: {
      ...SHOP.orders,
      isMinor,
      id: isOwnId ? 'id' : orderId,
      userId: among(...ids, 'a_char'),
      guestUserId: random.chance(0.3) ? random.pick(['0', 'a', '7', 'ff00']) : undefined,
      totalAmount: ofItems.length > 0 ? [] : totalAmount,
      where: where('orders', ofItems.length > 0 ? [] : totalAmount),
    },
    items: {
      ...SHOP.items,
      id: random.chance(0.5) ? ['id'] : ['id', name()],
      orderId,
      productId: among(...ids, 'a_char'),
      quantity,
      amount: ofItems,
      where: where('order_items', [quantity, ...ofItems]),
    },
    extraColumns: [...new Set(Array.from({length: random.int(0, 3)}, name))].map((one) => ({
      name: one,
      type: formOf(one),
    })),
    moneyDecimals: random.pick([0, 2, 2, 3, 4]),
    quantityDecimals: random.pick([0, 0, 2, 3]),
    isRounded: random.chance(0.4),
  };
}

function formOf(name: string): 'text' | 'time' | 'json' {
  if (name === 'some_json') return 'json';
  return TYPES[name]?.isTime === true ? 'time' : 'text';
}
