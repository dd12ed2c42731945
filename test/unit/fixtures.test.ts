/** Every recorded message decodes to the changes that its SQL statement made, in both forms. */
import type {Change} from '../../src/domain/change.js';
import {decodeRecord} from '../../src/decode/decode.js';
import {fixture, fixtureNames, fixtureRecords} from '../support/fixtures.js';
import {SHOP} from '../support/records.js';

const SCHEMA = {...SHOP, extraColumns: [{name: 'created_at', type: 'time'} as const]};
const CREATED = '2026-11-23 10:20:30.28';

function updated(orderId: string, [userId, totalAmount]: [string, string], createdAt = CREATED): Change {
  return {kind: 'order-upserted', orderId, row: {userId, totalAmount, extra: [createdAt]}};
}
function order(orderId: string, row: [string, string], createdAt = CREATED): Change {
  return {...updated(orderId, row, createdAt), isCreate: true} as Change;
}
function line(orderId: string, itemId: string, [productId, quantity]: [string, string]): Change {
  return {kind: 'item-upserted', orderId, itemId, item: {productId, quantity}};
}
const lineGone = (orderId: string, itemId: string): Change => ({kind: 'item-deleted', orderId, itemId});
const orderGone = (orderId: string): Change => ({kind: 'order-deleted', orderId});

const CREATED_WITH_LINES = [
  order('2', ['8', '120.50']),
  line('2', '3', ['10', '1']),
  line('2', '4', ['16', '3']),
];

/** The changes of each recorded case. The flat form of a case must decode to the same changes. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  snapshot: [order('1', ['7', '45.99']), line('1', '1', ['10', '1']), line('1', '2', ['15', '2'])],
  'order-created': CREATED_WITH_LINES,
  'order-updated': [updated('2', ['9', '121.00'])],
  'item-updated': [line('2', '4', ['17', '4'])],
  'item-moved': [lineGone('2', '3'), line('1', '3', ['10', '1'])],
  'item-deleted': [lineGone('1', '3')],
  'order-key-changed': [
    order('50', ['5', '1.00'], '2026-11-23 10:20:30'),
    orderGone('50'),
    order('51', ['5', '1.00'], '2026-11-23 10:20:30'),
  ],
  'order-deleted': [orderGone('2')],
  'id-beyond-2-53': [
    order('9007199254740993', ['9223372036854775807', '9999999999.99'], '2026-11-23 10:20:30.999'),
  ],
  'mysql-9.7-order-created': CREATED_WITH_LINES,
  'mysql-9.7-order-deleted': [lineGone('2', '3'), lineGone('2', '4'), orderGone('2')],
};

const rowCases = fixtureNames().filter((name) => !/^(?:heartbeat|truncate|schema)/.test(name));

test.each(rowCases)('recorded messages decode to the changes of their SQL (I3, I8, I9): %s', (name) => {
  const decoded = fixtureRecords(name).map((record) => decodeRecord(record, SCHEMA));
  const expected = CHANGES[name.replace('.flat', '')];

  expect(expected).toBeDefined();
  expect(decoded).toEqual(
    expected?.map((change) => ({kind: 'change', change, sourceTimeMs: expect.any(Number) as number})),
  );
});

test.each(['heartbeat', 'heartbeat.flat'])('a recorded heartbeat decodes with its time: %s', (name) => {
  expect(fixtureRecords(name).map((record) => decodeRecord(record, SCHEMA))).toEqual([
    {kind: 'heartbeat', sourceTimeMs: expect.any(Number) as number},
  ]);
});

test.each([
  ['truncate', 'TRUNCATE TABLE', 'order_items'],
  ['schema-altered', 'ALTER TABLE', 'orders'],
  ['schema-altered.flat', 'ALTER TABLE', 'orders'],
  ['schema-created', 'CREATE TABLE', 'order_items'],
  ['schema-created.flat', 'CREATE TABLE', 'order_items'],
  ['schema-dropped', 'DROP TABLE', 'order_items'],
  ['schema-dropped.flat', 'DROP TABLE', 'order_items'],
  ['schema-partition-dropped', 'ALTER TABLE', 'order_items'],
  ['schema-partition-dropped.flat', 'ALTER TABLE', 'order_items'],
  ['schema-renamed', 'RENAME TABLE', 'orders'],
  ['schema-renamed.flat', 'RENAME TABLE', 'orders'],
  ['schema-database-dropped.flat', 'DROP DATABASE', 'orders'],
])('a recorded schema change of our tables is named without its text (I11): %s', (name, statement, table) => {
  expect(fixtureRecords(name).map((record) => decodeRecord(record, SCHEMA))).toEqual([
    {kind: 'schema-changed', statement, table},
  ]);
});

test.each([
  ['schema-snapshot', 12, 'a schema change record of a snapshot'],
  ['schema-snapshot.flat', 12, 'a schema change record of a snapshot'],
  ['schema-heartbeat', 1, 'a schema change record of another table'],
])('a recorded schema change that removes no row of our tables is ignored: %s', (name, count, reason) => {
  const decoded = fixtureRecords(name).map((record) => decodeRecord(record, SCHEMA));
  expect(decoded).toEqual(Array.from({length: count}, () => ({kind: 'ignored', reason})));
});

test('a line item that moves goes to two partitions, under the keys of its two orders (S2)', () => {
  for (const name of ['item-moved', 'item-moved.flat']) {
    const {records} = fixture(name);
    expect(records.map(({key}) => key)).toEqual(['2', '1']);
    expect(new Set(records.map(({partition}) => partition)).size).toBe(2);
  }
});

test('all events of an order, from both tables, are in one partition (S2)', () => {
  const partitions = new Map<string, Set<number>>();
  for (const name of Object.keys(CHANGES).filter((key) => !key.startsWith('mysql'))) {
    for (const {key, partition} of fixture(name).records) {
      partitions.set(key ?? '', (partitions.get(key ?? '') ?? new Set()).add(partition));
    }
  }
  expect(partitions.size).toBe(5);
  for (const home of partitions.values()) expect(home.size).toBe(1);
});

test('every case is recorded in both forms, except TRUNCATE, which has no flat form', () => {
  const names = new Set(fixtureNames());
  for (const name of [...Object.keys(CHANGES), 'heartbeat']) {
    expect([name, names.has(name), names.has(`${name}.flat`)]).toEqual([name, true, true]);
  }
  expect(names.has('truncate') && !names.has('truncate.flat')).toBe(true);
});
