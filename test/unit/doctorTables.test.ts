/** What `projector doctor`, and every command that reads MySQL, says of the columns of both tables (I9). */
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {judgeTables, judgeVersion} from '../../src/operations/doctor/mysqlChecks.js';
import type {FoundTables, SourceColumn} from '../../src/upstream/foundTables.js';

/** A column such as `total DECIMAL(12,2) NULL`. */
function column(text: string): SourceColumn {
  const [, name = '', fullType = '', nullable = ''] = /^(\w+) (.*?)( NULL)?$/.exec(text) ?? [];
  const type = /^\w+/.exec(fullType)?.[0] ?? '';
  const isText = type.endsWith('char') || type.endsWith('text');
  return {
    name,
    fullType,
    type,
    isNullable: nullable !== '',
    decimals: Number(/,(\d+)\)/.exec(fullType)?.[1] ?? 0),
    collation: isText ? (/ COLLATE (\w+)/.exec(fullType)?.[1] ?? 'utf8mb4_bin') : null,
  };
}

const ORDERS = ['id int', 'user_id int', 'total_amount decimal(12,2)'];
const ITEMS = ['id int', 'order_id int', 'product_id int', 'quantity int'];

/** The tables of the default settings. A column replaces the one with its name. */
function tables(orders: readonly string[] = [], items: readonly string[] = []): FoundTables {
  const columns = (all: readonly string[], others: readonly string[]): SourceColumn[] => {
    const given = others.map(column);
    return [...all.map(column).filter(({name}) => !given.some((one) => one.name === name)), ...given];
  };
  return {
    orders: {name: 'orders', columns: columns(ORDERS, orders)},
    items: {name: 'order_items', columns: columns(ITEMS, items)},
  };
}

function judged(found: FoundTables, settings: Record<string, string> = {}): string {
  const {verdict, detail} = judgeTables(found, sourceSchema(readConfig(settings, [])));
  return `${verdict}: ${detail}`;
}

const CASES: readonly (readonly [string, FoundTables, Record<string, string>, RegExp])[] = [
  ['a DECIMAL', tables(), {}, /^ok: .*total_amount is decimal with 2 decimals$/],
  ['more decimals', tables(['total_amount decimal(14,4)']), {}, /^ok: .*of which the first 2 count$/],
  ['fewer decimals', tables(['total_amount decimal(12,1)']), {}, /^warn: .*but MONEY_DECIMALS is 2$/],
  ['a DOUBLE', tables(['total_amount double']), {}, /^fail: .*needs MONEY_ROUND=true/],
  [
    'a rounded DOUBLE',
    tables(['total_amount double']),
    {MONEY_ROUND: 'true'},
    /^ok: .*total_amount is double$/,
  ],
  [
    'a FLOAT',
    tables(['total_amount float(8,2)']),
    {MONEY_ROUND: 'true'},
    /^fail: orders.total_amount is float\(8,2\)/,
  ],
  ['cents', tables(['total_amount int']), {MONEY_UNIT: 'minor'}, /^ok: .*total_amount is int$/],
  ['cents in a DECIMAL', tables(), {MONEY_UNIT: 'minor'}, /^fail: .*MONEY_UNIT=minor must be TINYINT/],
  [
    'an amount that can be NULL',
    tables(['total_amount decimal(12,2) NULL']),
    {},
    /^warn: .*can be NULL.*orders.total_amount$/,
  ],
  [
    'an amount that can be NULL, with a condition on it',
    tables(['total_amount decimal(12,2) NULL']),
    {ORDERS_WHERE: 'total_amount!='},
    /^ok: /,
  ],
  ['text ids', tables(['id varchar(36)'], ['order_id varchar(36)']), {}, /^ok: /],
  ['bytes as ids', tables(['id binary(16)'], ['order_id binary(16)']), {}, /^ok: /],
  [
    'an order id of two types',
    tables(['id varchar(36)']),
    {},
    /^fail: the order id is a text in id, but a whole number in order_id: their records would have different keys$/,
  ],
  [
    'an order id of two collations',
    tables(['id varchar(36) COLLATE utf8mb4_bin'], ['order_id varchar(36) COLLATE utf8mb4_general_ci']),
    {},
    /^fail: id has the collation utf8mb4_bin, but order_id has utf8mb4_general_ci$/,
  ],
  [
    'a time as an id',
    tables(['user_id datetime']),
    {},
    /^fail: orders.user_id is datetime: the buyer must be/,
  ],
  ['a BOOLEAN as a quantity', tables([], ['quantity tinyint(1)']), {}, /^fail: .*cannot be a BOOLEAN/],
  [
    'a name in another case',
    tables(['User_Id int'].concat([]), []),
    {ORDER_USER_ID_COLUMN: 'USER_ID'},
    /its name is user_id/,
  ],
  ['no table', {...tables(), orders: {name: 'orders', columns: []}}, {}, /^fail: there is no table orders/],
  [
    'a condition on JSON',
    tables(['meta json']),
    {ORDERS_WHERE: 'meta=x'},
    /^fail: orders.meta is json: a condition can only test it for NULL$/,
  ],
  ['a condition on NULL', tables(['deleted_at datetime NULL']), {ORDERS_WHERE: 'deleted_at='}, /^ok: /],
  [
    'a condition on a column that is missing',
    tables(),
    {ORDERS_WHERE: 'state=paid'},
    /^fail: table orders has no column state/,
  ],
  ['a condition on NULL of a column that is missing', tables(), {ORDERS_WHERE: 'state='}, /^ok: /],
  ['an extra POINT', tables(['place point']), {ORDER_EXTRA_COLUMNS: 'place'}, /^fail: orders.place is point/],
  ['a renamed column', tables(['customer_id int']), {ORDER_USER_ID_COLUMN: 'buyer_id,customer_id'}, /^ok: /],
  [
    'the amount of line items',
    tables([], ['price decimal(10,2)']),
    {ORDER_ITEM_AMOUNT_COLUMN: 'price*quantity'},
    /^ok: .*price is decimal with 2 decimals, quantity is int$/,
  ],
  [
    'the amount of line items with too many decimals',
    tables([], ['price decimal(10,2)', 'kg decimal(8,3)']),
    {ORDER_ITEM_AMOUNT_COLUMN: 'price*kg'},
    /^warn: .*their product can have 5 decimals, and a row with more than 2 that are not 0 is quarantined$/,
  ],
  [
    'the rounded amount of line items',
    tables([], ['price decimal(10,2)', 'kg decimal(8,3)']),
    {ORDER_ITEM_AMOUNT_COLUMN: 'price*kg', MONEY_ROUND: 'true'},
    /^ok: .*kg is decimal with 3 decimals, rounded to 2$/,
  ],
  [
    'the amount of line items from a DOUBLE',
    tables([], ['price double']),
    {ORDER_ITEM_AMOUNT_COLUMN: 'price*quantity'},
    /^fail: order_items.price is double: a factor of the amount/,
  ],
];

test.each(CASES)('%s', (...[, found, settings, expected]) => {
  expect(judged(found, settings)).toMatch(expected);
});

test('MariaDB is named, because it was not tested', () => {
  expect(judgeVersion(new Map([['version', '8.0.15']]))).toMatchObject({verdict: 'ok'});
  const {verdict, detail} = judgeVersion(new Map([['version', '10.11.6-MariaDB-0+deb12u1']]));
  expect([verdict, detail]).toEqual([
    'fail',
    expect.stringContaining('MariaDB needs another Debezium connector'),
  ]);
});
