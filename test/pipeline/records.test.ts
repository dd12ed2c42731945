/**
 * Records that Debezium sends rarely, or should never send. The tests write them into topics of their own.
 */
import {HandMade, lineRecord, ORDER_5, orderRecord} from '../support/handMade.js';
import type {NewRecord} from '../support/kafka.js';
import {encoded, lineRow, orderRow, rowRecord} from '../support/records.js';

let log: HandMade;

async function opened(name: string, partitions = 1): Promise<HandMade> {
  log = await HandMade.open(name, partitions);
  return log;
}

afterEach(async () => {
  await log.close();
});

test('a topic may contain the envelope, the envelope with its schema and the flat form in any sequence (F57)', async () => {
  await opened('records-forms');
  await log.write(
    orderRecord({}, 'with schema'),
    lineRecord({quantity: 1}),
    lineRecord({quantity: 3}, 'flat'),
    orderRecord({id: 6n}, 'flat'),
    rowRecord({op: 'd', table: 'orders', before: orderRow({id: 6n})}, '6', 'with schema'),
  );
  await log.applied();

  expect(await log.order('5')).toEqual(ORDER_5);
  expect(await log.order('6')).toEqual({});
});

test('a record that is not a row of the two tables is ignored, moves the position, and is counted once (I6) (F50, F52)', async () => {
  await opened('records-ignored');
  await log.write(
    orderRecord(),
    {key: '5', value: null},
    {key: null, value: null},
    rowRecord({op: 'u', table: 'heartbeat', after: {id: 1, ts: '2026-11-23T10:00:00Z'}}, '1'),
    rowRecord({op: 'c', table: 'invoices', after: {id: 1}}, '1'),
    encoded({ts_ms: 1795426801749}, null),
    encoded({source: {db: 'shop'}, databaseName: 'shop', ddl: 'ALTER TABLE x', tableChanges: []}, null),
    encoded({status: 'BEGIN', id: 'a:1', event_count: null, data_collections: null, ts_ms: 1}, 'a:1'),
    encoded({status: 'END', id: 'a:1', event_count: 2, data_collections: [], ts_ms: 1}, 'a:1'),
    lineRecord(),
  );
  await log.applied();

  expect(await log.order('5')).toEqual(ORDER_5);
  expect(await log.worker.end('SIGTERM')).toMatchObject({code: 0});
  expect(log.worker.log.findLast(({msg}) => msg === 'summary')).toMatchObject({
    applied: 2,
    ignored: 8,
    quarantined: 0,
  });
});

test('the value of source.snapshot does not change how a row is applied', async () => {
  await opened('records-snapshot');
  const event = (snapshot: string | null, quantity: number): NewRecord =>
    encoded(
      {
        before: null,
        after: lineRow({quantity}),
        source: {table: 'order_items', db: 'shop', snapshot, ts_ms: 1, gtid: null},
        op: snapshot === null || snapshot === 'false' ? 'u' : 'r',
      },
      '5',
    );
  for (const snapshot of ['first', 'true', 'last', 'incremental', 'false', null]) {
    await log.write(orderRecord(), event(snapshot, 8), event('incremental', 9), event(snapshot, 3));
    await log.applied();
    expect(await log.order('5')).toEqual(ORDER_5);
    expect((await log.model())['product:10:sold']).toBe('3');
  }
});

test('events after a MySQL failover are applied, although their binlog file and position are smaller and their GTID differs (S3) (F74)', async () => {
  await opened('records-failover');
  const from = (gtid: string, [file, pos]: [string, number], quantity: number): NewRecord =>
    encoded(
      {
        before: lineRow(),
        after: lineRow({quantity}),
        source: {
          table: 'order_items',
          db: 'shop',
          gtid,
          file,
          pos,
          row: 0,
          server_id: 1,
          ts_ms: 9 - quantity,
        },
        op: 'u',
      },
      '5',
    );
  await log.write(
    orderRecord(),
    from('aaaa:900', ['binlog.000009', 9_000], 1),
    from('aaaa:901', ['binlog.000001', 200], 2),
    from('bbbb:1', ['binlog.000001', 100], 3),
  );
  await log.applied();

  expect(await log.order('5')).toEqual(ORDER_5);
});

test('each event of a compressed transaction is counted, although all of them share one binlog position', async () => {
  await opened('records-compressed');
  const source = {table: 'order_items', db: 'shop', gtid: 'aaaa:7', file: 'binlog.000002', pos: 157, row: 0};
  const created = (id: bigint): NewRecord =>
    encoded({before: null, after: lineRow({id}), source, op: 'c'}, '5');
  await log.write(orderRecord(), created(71n), created(72n), created(73n));
  await log.applied();

  expect((await log.order('5'))['items_count']).toBe('3');
  expect((await log.model())['product:10:sold']).toBe('9');
});

test('ids of orders, line items, products and users beyond 2^53 keep every digit (I8) (F68)', async () => {
  await opened('records-beyond');
  const [id, user, product, itemId] = [
    9007199254740993n,
    9223372036854775807n,
    9007199254740995n,
    -9007199254740997n,
  ];
  await log.write(
    orderRecord({id, user_id: user}),
    lineRecord({order_id: id, id: itemId, product_id: product}),
    lineRecord({order_id: id, id: itemId + 1n, product_id: product, quantity: 1}),
  );
  await log.applied();

  expect(await log.order(String(id))).toEqual({
    id: '9007199254740993',
    user_id: '9223372036854775807',
    total_amount: '45.99',
    items_count: '2',
    items: 'product_id:9007199254740995,quantity:3;product_id:9007199254740995,quantity:1',
  });
  expect(await log.model()).toMatchObject({
    'product:9007199254740995:sold': '4',
    'report:users': '9223372036854775807 4599',
    'report:products': '9007199254740995 4',
  });
});

/**
 * A known limit before MySQL 9.6, seen with real servers:
 *
 * 1. An incremental snapshot reads a line item.
 * 2. Its order is deleted. The cascade deletes the line item, but MySQL writes no event for it to the
 *    binlog.
 * 3. So Debezium does not remove the line item from the window of the snapshot, and sends it after the
 *    delete.
 */
test('an incremental snapshot may bring back a line item of a deleted order, which no counter includes (S4)', async () => {
  await opened('records-ghost');
  const read = {
    before: null,
    after: lineRow(),
    source: {table: 'order_items', snapshot: 'incremental'},
    op: 'r',
  };
  await log.write(
    orderRecord(),
    lineRecord(),
    rowRecord({op: 'd', table: 'orders', before: orderRow()}, '5'),
    encoded(read, '5'),
  );
  await log.applied();

  expect(await log.model()).toEqual({
    'order_lines:5': '71:10:3',
    'product:10:sold': '0',
    'report:totals': '[["orders","0"],["revenue","0"],["units","0"]]',
  });
});
