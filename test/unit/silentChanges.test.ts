/** Which changes in MySQL write no row event, from what information_schema says (test/integration/silentChanges asks a real server). */
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import type {ForeignKey, SilentChangeFacts, StoredTable} from '../../src/upstream/silentChangeFacts.js';
import {silentChanges} from '../../src/upstream/silentChanges.js';

const ORDERS: StoredTable = {name: 'orders', engine: 'InnoDB', isPartitioned: false, generated: []};
const ITEMS: StoredTable = {...ORDERS, name: 'order_items'};

/** A foreign key such as `orders(user_id) users(id) ON DELETE CASCADE ON UPDATE SET NULL`. */
function key(text: string): ForeignKey {
  const [, table = '', columns = '', database, parentTable = '', parents = ''] =
    /^(\w+)\(([\w,]+)\) (?:(\w+)\.)?(\w+)\(([\w,]+)\)/.exec(text) ?? [];
  const action = (event: string): string =>
    new RegExp(`ON ${event} (CASCADE|SET NULL|RESTRICT)`).exec(text)?.[1] ?? 'NO ACTION';
  return {
    table,
    columns: columns.split(','),
    parentDatabase: database,
    parentTable,
    parentColumns: parents.split(','),
    onDelete: action('DELETE'),
    onUpdate: action('UPDATE'),
  };
}

const LINK = key('order_items(order_id) orders(id) ON DELETE CASCADE');

/** A server and tables in which nothing can go wrong, with these differences. */
function facts(other: Partial<SilentChangeFacts> = {}): SilentChangeFacts {
  return {
    variables: new Map([['version', '8.0.15']]),
    foreignKeys: [LINK],
    tables: [ORDERS, ITEMS],
    accounts: {count: 0, isComplete: true},
    prepared: 0,
    ...other,
  };
}

type OnDelete = 'cascade' | 'keep';

interface Settings {
  readonly environment?: Record<string, string>;
}

function found(given: SilentChangeFacts, {environment = {}}: Settings = {}): string[] {
  const schema = sourceSchema(readConfig(environment, []));
  return silentChanges(given, schema).map(({kind, what}) => `${kind}: ${what}`);
}

function on(version: string, native?: string): SilentChangeFacts['variables'] {
  return new Map([
    ['version', version],
    ...(native === undefined ? [] : [['innodb_native_foreign_keys', native] as const]),
  ]);
}

test('the shipped tables have no finding', () => {
  expect(found(facts())).toEqual([]);
});

const USERS = key('orders(user_id) users(id) ON DELETE CASCADE');

test.each([
  ['8.0.15', undefined, true],
  ['8.4.6', undefined, true],
  ['9.5.0', undefined, true],
  ['9.6.0', 'OFF', false],
  ['9.6.0', 'ON', true],
  ['9.7.2-log', 'OFF', false],
  ['9.7.2', 'ON', true],
  ['10.0.1', 'OFF', false],
  ['8.0.35-27', undefined, true],
  ['10.11.6-MariaDB-0+deb12u1', undefined, true],
  ['unknown', undefined, true],
])(
  'MySQL %s with innodb_native_foreign_keys=%s: a cascade is a finding: %s',
  (version, native, isFinding) => {
    const kinds = found(facts({variables: on(version, native), foreignKeys: [LINK, USERS]}));
    expect(kinds).toEqual(isFinding ? [expect.stringMatching(/^foreign-keys: .*ON DELETE CASCADE/)] : []);
  },
);

const KEYS: readonly (readonly [string, RegExp | null])[] = [
  [
    'orders(user_id) users(id) ON DELETE CASCADE',
    /^foreign-keys: foreign key orders\.user_id -> users\.id \(ON DELETE CASCADE\): a DELETE or REPLACE in users deletes rows of orders without row events, so Redis keeps them$/,
  ],
  ['orders(shop_id) shops(id) ON DELETE CASCADE', /deletes rows of orders/],
  [
    'orders(shop_id) platform.shops(id) ON DELETE CASCADE',
    /-> platform\.shops\.id .* in platform\.shops deletes/,
  ],
  ['orders(parent_id) orders(id) ON DELETE CASCADE', /in orders deletes rows of orders/],
  ['order_items(product_id) products(id) ON DELETE CASCADE', /deletes rows of order_items/],
  // It is not the order of the line item.
  ['order_items(refund_id) orders(id) ON DELETE CASCADE', /deletes rows of order_items/],
  ['order_items(order_id) archive.orders(id) ON DELETE CASCADE', /deletes rows of order_items/],
  ['orders(user_id) users(id) ON DELETE SET NULL', /sets orders\.user_id to NULL without row events/],
  ['orders(shop_id) shops(id) ON DELETE SET NULL', null],
  ['orders(user_id) users(id) ON UPDATE CASCADE', /an UPDATE of users\.id changes orders\.user_id/],
  ['orders(shop_id,user_id) members(shop,id) ON UPDATE SET NULL', /UPDATE of members\.shop, members\.id/],
  ['orders(shop_id) shops(id) ON UPDATE CASCADE', null],
  [
    'order_items(product_id) products(id) ON DELETE SET NULL ON UPDATE CASCADE',
    /\(ON DELETE SET NULL, ON UPDATE CASCADE\): .*; an UPDATE of products\.id/,
  ],
  ['order_items(product_id) products(id) ON DELETE RESTRICT', null],
  ['orders(user_id) users(id)', null],
  ['order_items(order_id) orders(id) ON DELETE CASCADE ON UPDATE CASCADE', /\(ON UPDATE CASCADE\): /],
  // Redis removes the line items with the order, and a line item without an order counts nowhere.
  ['order_items(order_id) orders(id) ON DELETE SET NULL', null],
];

test.each(KEYS)('a foreign key %s', (text, expected) => {
  const all = found(facts({foreignKeys: [LINK, key(text)]}));
  expect(all).toEqual(expected === null ? [] : [expect.stringMatching(expected)]);
});

test('a column from which MySQL computes a mapped generated column counts as mapped', () => {
  const generated = [{name: 'user_id', expression: 'coalesce(`buyer`,0)'}];
  const foreignKeys = [LINK, key('orders(buyer) users(id) ON DELETE SET NULL')];
  expect(found(facts({foreignKeys, tables: [{...ORDERS, generated}, ITEMS]}))).toEqual([
    expect.stringMatching(/^foreign-keys: .*sets orders\.buyer to NULL/),
    expect.stringMatching(/^generated-columns: /),
  ]);
});

describe('the line items of a deleted order', () => {
  test.each<readonly [OnDelete, string | null, string, RegExp | null]>([
    ['cascade', 'ON DELETE CASCADE', '8.4.0', null],
    ['cascade', 'ON DELETE SET NULL', '8.4.0', null],
    // A session with foreign_key_checks=0 deletes the order, and keeps its line items.
    [
      'cascade',
      'ON DELETE RESTRICT',
      '8.4.0',
      /^items-on-delete: there is no foreign key .* with ON DELETE CASCADE, so/,
    ],
    [
      'cascade',
      null,
      '8.4.0',
      /^items-on-delete: there is no foreign key order_items\.order_id -> orders\.id/,
    ],
    ['cascade', null, '9.7.0', /^items-on-delete: there is no/],
    ['cascade', 'ON DELETE CASCADE', '9.7.0', null],
    ['keep', null, '8.4.0', null],
    ['keep', 'ON DELETE RESTRICT', '8.4.0', null],
    [
      'keep',
      'ON DELETE CASCADE',
      '8.4.0',
      /^items-on-delete: .*MySQL removes the line items .* Redis keeps them/,
    ],
    ['keep', 'ON DELETE CASCADE', '9.7.0', null],
    ['keep', 'ON DELETE SET NULL', '8.4.0', /^foreign-keys: .*sets order_items\.order_id to NULL/],
    ['keep', 'ON DELETE SET NULL', '9.7.0', null],
  ])('%s, %s, MySQL %s', (...[itemsOnOrderDelete, action, version, expected]) => {
    const foreignKeys = action === null ? [] : [key(`order_items(order_id) orders(id) ${action}`)];
    const all = found(facts({foreignKeys, variables: on(version)}), {
      environment: {ORDER_ITEMS_ON_ORDER_DELETE: itemsOnOrderDelete},
    });
    expect(all).toEqual(expected === null ? [] : [expect.stringMatching(expected)]);
  });

  test('a table that this user may not read has no finding', () => {
    expect(found(facts({foreignKeys: [], tables: [ORDERS]}))).toEqual([]);
  });

  test('the fix names the other value of the setting', () => {
    const fixOf = (foreignKeys: ForeignKey[], onDelete: OnDelete): string | undefined =>
      silentChanges(
        facts({foreignKeys}),
        sourceSchema(readConfig({ORDER_ITEMS_ON_ORDER_DELETE: onDelete}, [])),
      )[0]?.fix;
    expect(fixOf([], 'cascade')).toContain('ORDER_ITEMS_ON_ORDER_DELETE=keep');
    expect(fixOf([LINK], 'keep')).toContain('ORDER_ITEMS_ON_ORDER_DELETE=cascade');
  });
});

const STORAGE: readonly (readonly [string, Partial<StoredTable>, RegExp | null])[] = [
  ['MyISAM', {engine: 'MyISAM'}, /^engines: orders uses the storage engine MyISAM: a crash can lose rows/],
  ['another case', {engine: 'INNODB'}, null],
  ['a view', {engine: null}, /^engines: orders is a view/],
  ['partitions', {isPartitioned: true}, /^partitions: orders is partitioned: .*EXCHANGE PARTITION/],
  [
    'a mapped generated column',
    {generated: [{name: 'total_amount', expression: '(`net` + `tax`)'}]},
    /^generated-columns: orders\.total_amount is a generated column/,
  ],
  ['another generated column', {generated: [{name: 'year', expression: 'year(`at`)'}]}, null],
];

test.each(STORAGE)('a table with %s', (_name, other, expected) => {
  const all = found(facts({tables: [{...ORDERS, ...other}, ITEMS]}));
  expect(all).toEqual(expected === null ? [] : [expect.stringMatching(expected)]);
});

test('an extra column can be a generated column', () => {
  const tables = [{...ORDERS, generated: [{name: 'year', expression: 'year(`at`)'}]}, ITEMS];
  const environment = {ORDER_EXTRA_COLUMNS: 'year'};
  expect(found(facts({tables}), {environment})).toEqual([expect.stringMatching(/^generated-columns: /)]);
});

test('accounts that may change the binlog settings of their session are counted', () => {
  expect(found(facts({accounts: {count: 2, isComplete: true}}))).toEqual([
    expect.stringMatching(/^binlog-sessions: 2 of the accounts may set sql_log_bin/),
  ]);
  expect(found(facts({accounts: {count: 1, isComplete: false}}))).toEqual([
    expect.stringMatching(/^binlog-sessions: 1 of the accounts that this user can see may set/),
  ]);
  expect(found(facts({accounts: {count: 0, isComplete: false}}))).toEqual([]);
});

test('prepared XA transactions are counted, and nothing is said if they are unknown', () => {
  expect(found(facts({prepared: 1}))).toEqual([
    expect.stringMatching(/^prepared-transactions: 1 XA transaction is/),
  ]);
  expect(found(facts({prepared: 3}))).toEqual([
    expect.stringMatching(/^prepared-transactions: 3 XA transactions are/),
  ]);
  expect(found(facts({prepared: undefined}))).toEqual([]);
});

test.each([
  ['rpl_semi_sync_source_enabled', 'ON', 'OFF', true],
  ['rpl_semi_sync_master_enabled', 'ON', 'OFF_PERMISSIVE', true],
  ['rpl_semi_sync_master_enabled', 'OFF', 'OFF', false],
  ['rpl_semi_sync_source_enabled', 'ON', 'ON', false],
])('%s=%s with gtid_mode=%s is a finding: %s', (...[name, value, mode, isFinding]) => {
  const variables = new Map([...on('8.4.0'), [name, value] as const, ['gtid_mode', mode] as const]);
  expect(found(facts({variables}))).toEqual(
    isFinding ? [expect.stringMatching(/^semi-sync: .*GTIDs are off/)] : [],
  );
});
