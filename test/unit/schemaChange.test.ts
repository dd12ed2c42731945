/** Records of schema changes: which of them make an audit necessary. The recorded ones are in fixtures.test.ts. */
import {decodeRecord} from '../../src/decode/decode.js';
import type {Decoded} from '../../src/domain/change.js';
import type {SourceSchema} from '../../src/domain/sourceSchema.js';
import {encoded, SHOP} from '../support/records.js';

const KEY = '{"databaseName":"shop"}';
const OTHER_TABLE = {kind: 'ignored', reason: 'a schema change record of another table'};

interface Ddl {
  readonly ddl: string;
  readonly database?: string;
  /** The ids in `tableChanges`. */
  readonly ids?: readonly string[];
  readonly source?: object;
}

function decode(change: Ddl, schema: SourceSchema = SHOP): Decoded {
  const {ddl, database = 'shop', ids = ['"shop"."orders"'], source = {}} = change;
  const tableChanges = ids.map((id) => ({type: 'ALTER', id, table: null}));
  const from = {server: 'shop', snapshot: null, table: null, ...source};
  return decodeRecord(
    encoded({source: from, ts_ms: 1, databaseName: database, schemaName: null, ddl, tableChanges}, KEY),
    schema,
  );
}

test.each([
  ['ALTER TABLE orders ADD COLUMN note TEXT', 'ALTER TABLE'],
  ['  alter\n table `orders` comment "secret"', 'ALTER TABLE'],
  ['CREATE TABLE orders LIKE orders_2026', 'CREATE TABLE'],
  ['DROP TABLE `shop`.`orders`', 'DROP TABLE'],
  ['RENAME TABLE _orders_new TO orders', 'RENAME TABLE'],
  ['TRUNCATE TABLE orders', 'TRUNCATE TABLE'],
  ['DROP SCHEMA shop', 'DROP DATABASE'],
  ['ALTER ONLINE TABLE orders ADD x INT', 'DDL'],
  ['/* secret */ ALTER TABLE orders', 'DDL'],
  ['', 'DDL'],
])('%j makes an audit necessary (I11)', (ddl, statement) => {
  expect(decode({ddl})).toEqual({kind: 'schema-changed', statement, table: 'orders'});
});

test.each([
  'CREATE INDEX i ON orders (user_id)',
  'CREATE UNIQUE INDEX i ON orders (id)',
  'DROP INDEX i ON orders',
])('%j changes no row, so it is ignored', (ddl) => {
  expect(decode({ddl})).toEqual({kind: 'ignored', reason: 'a schema change that keeps all rows'});
});

test.each(['true', 'first', 'last', 'incremental', true])(
  'a statement of a snapshot (%j) is ignored',
  (snapshot) => {
    expect(decode({ddl: 'DROP TABLE orders', source: {snapshot}})).toMatchObject({kind: 'ignored'});
  },
);

test.each([null, undefined, false, 'false'])(
  'a statement of the binlog (snapshot: %j) is not ignored',
  (snapshot) => {
    expect(decode({ddl: 'DROP TABLE orders', source: {snapshot}})).toMatchObject({kind: 'schema-changed'});
  },
);

test('a statement concerns the table that its changes name, in the database of the source', () => {
  const ddl = 'DROP TABLE x';
  expect(decode({ddl, ids: ['"shop"."carts"', '"shop"."order_items"']})).toMatchObject({
    table: 'order_items',
  });
  for (const ids of [['"shop"."carts"'], ['"archive"."orders"'], ['"shop"."heartbeat"'], ['orders']])
    expect(decode({ddl, ids})).toEqual(OTHER_TABLE);
  const anyDatabase = {...SHOP, database: undefined};
  expect(decode({ddl, ids: ['"a"."orders"'], database: 'a'}, anyDatabase)).toMatchObject({table: 'orders'});
  const quoted = {...SHOP, orders: {...SHOP.orders, table: 'or"ders'}};
  expect(decode({ddl, ids: ['"shop"."or""ders"']}, quoted)).toMatchObject({table: 'or"ders'});
});

test('without changes, the table of the source counts', () => {
  const ddl = 'ALTER TABLE x';
  expect(decode({ddl, ids: [], source: {table: 'carts,order_items'}})).toMatchObject({table: 'order_items'});
  expect(decode({ddl, ids: [], source: {table: 'carts'}})).toEqual(OTHER_TABLE);
  expect(decode({ddl, ids: [], database: 'archive', source: {table: 'orders'}})).toEqual(OTHER_TABLE);
  expect(decode({ddl, ids: []})).toEqual(OTHER_TABLE);
  expect(decode({ddl: 'DROP DATABASE archive', ids: [], database: 'archive'})).toEqual(OTHER_TABLE);
});
