/** The forms in which a row event can arrive, and the records that are not row events. */
import {order} from '../support/changes.js';
import {Decoder, decodeRecord} from '../../src/decode/decode.js';
import type {Decoded} from '../../src/domain/change.js';
import {
  body,
  encoded,
  FORMS,
  KEEPING,
  lineRow,
  orderRow,
  rowRecord,
  SHOP,
  SOURCE_TIME_MS,
} from '../support/records.js';

const decode = (value: unknown, key: string | null = '5'): Decoded => decodeRecord(encoded(value, key), SHOP);

describe.each(FORMS)('a row event as %s', (form) => {
  test.each(['c', 'u', 'r'])('op %s decodes to an upsert of the full row (I3)', (op) => {
    const row = orderRow();
    const event = {
      op,
      table: 'orders',
      before: op === 'u' ? orderRow({total_amount: '1.00'}) : null,
      after: row,
    };
    expect(decodeRecord(rowRecord(event, '5', form), SHOP)).toEqual({
      kind: 'change',
      change: order('5', {user: '7', total: '45.99', isCreate: op !== 'u'}),
      sourceTimeMs: SOURCE_TIME_MS,
    });
  });

  test('a line item decodes to an upsert under its order', () => {
    const event = {op: 'c', table: 'order_items', after: lineRow()};
    expect(decodeRecord(rowRecord(event, '5', form), SHOP)).toEqual({
      kind: 'change',
      change: {
        kind: 'item-upserted',
        orderId: '5',
        itemId: '71',
        item: {productId: '10', quantity: '3'},
      },
      sourceTimeMs: SOURCE_TIME_MS,
    });
  });

  test('a delete event requires only the ids of the row', () => {
    const orderDelete = rowRecord({op: 'd', table: 'orders', before: {id: 5n}}, '5', form);
    expect(decodeRecord(orderDelete, SHOP)).toMatchObject({change: {kind: 'order-deleted', orderId: '5'}});
    const lineDelete = rowRecord({op: 'd', table: 'order_items', before: {id: 71n, order_id: 5n}}, '5', form);
    expect(decodeRecord(lineDelete, SHOP)).toMatchObject({
      change: {kind: 'item-deleted', orderId: '5', itemId: '71'},
    });
  });

  test('the delete of an order removes its line items, or with keep only its row, also if its shape is known', () => {
    for (const [schema, kind] of [
      [SHOP, 'order-deleted'],
      [KEEPING, 'order-hidden'],
    ] as const) {
      const decoder = new Decoder(schema);
      for (const id of [5n, 6n, 7n]) {
        const record = rowRecord({op: 'd', table: 'orders', before: orderRow({id})}, String(id), form);
        const change = {kind, orderId: String(id)};
        expect(decodeRecord(record, schema)).toEqual({kind: 'change', change, sourceTimeMs: SOURCE_TIME_MS});
        expect(decoder.decode(record)).toEqual(decodeRecord(record, schema));
      }
    }
  });

  test('TRUNCATE of either table is a schema change, because it produces no row events', () => {
    for (const table of ['orders', 'order_items']) {
      const decoded = {kind: 'schema-changed', statement: 'TRUNCATE TABLE', table};
      expect(decodeRecord(rowRecord({op: 't', table}, null, form), SHOP)).toEqual(decoded);
    }
  });

  test('a logical message is ignored, and an unknown op is rejected (F50)', () => {
    expect(decodeRecord(rowRecord({op: 'm', table: 'orders'}, '5', form), SHOP)).toMatchObject({
      kind: 'ignored',
    });
    const unknown = rowRecord({op: 'x', table: 'orders', after: orderRow()}, '5', form);
    expect(decodeRecord(unknown, SHOP)).toMatchObject({rejection: {reason: 'the event has an unknown op'}});
  });

  test('rows of the heartbeat table and of other tables decode to no change', () => {
    const heartbeat = rowRecord({op: 'u', table: 'heartbeat', after: {id: 1, ts: 'x'}}, '1', form);
    expect(decodeRecord(heartbeat, SHOP)).toEqual({kind: 'heartbeat', sourceTimeMs: SOURCE_TIME_MS});
    const other = rowRecord({op: 'c', table: 'users', after: {id: 1}}, null, form);
    expect(decodeRecord(other, SHOP)).toEqual({
      kind: 'ignored',
      reason: 'a row of another table',
      table: form === 'flat' ? 'users' : 'shop.users',
    });
  });
});

test('an envelope without its row or without source.table is rejected (F51)', () => {
  expect(decode(body({op: 'd', table: 'orders', before: null}))).toMatchObject({
    rejection: {reason: 'the delete event has no row in before (set binlog_row_image=FULL in MySQL)'},
  });
  expect(decode(body({op: 'u', table: 'orders', after: null}))).toMatchObject({
    rejection: {reason: 'the event with op u has no row in after'},
  });
  expect(decode({op: 'c', source: {ts_ms: 1}, after: orderRow()})).toMatchObject({
    rejection: {reason: 'the envelope has no source.table'},
  });
});

test('a flat record is a delete if __deleted is true, as a string or as a boolean', () => {
  for (const deleted of ['true', true]) {
    expect(decode({...orderRow(), __op: 'u', __table: 'orders', __deleted: deleted})).toMatchObject({
      change: {kind: 'order-deleted', orderId: '5'},
    });
  }
});

test('a flat record without op or table is rejected, and the reason names the setting that adds them', () => {
  for (const value of [
    {...orderRow(), __deleted: 'false'},
    {...orderRow(), __op: 'c'},
  ]) {
    expect(decode(value)).toMatchObject({
      rejection: {
        reason: 'the flat record has no __op or no __table (set add.fields=op,table in the connector)',
      },
    });
  }
});

test('a record with only ts_ms is a heartbeat of Debezium, with and without a schema', () => {
  expect(decode({ts_ms: 1_795_426_801_749})).toEqual({kind: 'heartbeat', sourceTimeMs: 1_795_426_801_749});
  expect(decode({schema: {}, payload: {ts_ms: 12}})).toEqual({kind: 'heartbeat', sourceTimeMs: 12});
});

test('a missing value, JSON null and a null payload are tombstones (F52)', () => {
  expect(decodeRecord({key: Buffer.from('5'), value: null}, SHOP)).toEqual({kind: 'tombstone'});
  expect(decode('null')).toEqual({kind: 'tombstone'});
  expect(decode({schema: null, payload: null})).toEqual({kind: 'tombstone'});
});

test('transaction records are ignored, and the reason names them (F50)', () => {
  const begin = {status: 'BEGIN', id: 'file=1,pos=2', event_count: null, data_collections: null, ts_ms: 1};
  expect(decode(begin)).toEqual({kind: 'ignored', reason: 'a transaction record'});
  expect(decode({...begin, status: 'END', event_count: 2})).toMatchObject({kind: 'ignored'});
});

test.each([
  ['an empty object', {}],
  ['a bare row', orderRow()],
  ['an unknown envelope', {op: 1, source: {}}],
])('%s is rejected, not skipped (I6)', (_name, value) => {
  expect(decode(value)).toMatchObject({
    kind: 'rejected',
    rejection: {kind: 'record-undecodable', reason: expect.stringContaining('neither Debezium') as string},
  });
});

test('table and column names can be mapped', () => {
  const schema = {
    ...SHOP,
    orders: {...SHOP.orders, table: 'bestellung', id: 'nr', userId: 'kunde', totalAmount: ['summe']},
  };
  const record = rowRecord({op: 'c', table: 'bestellung', after: {nr: 5, kunde: 9, summe: '1.00'}}, '5');
  expect(decodeRecord(record, schema)).toMatchObject({
    change: {orderId: '5', row: {userId: '9', totalAmount: '1.00'}},
  });
});

test('a field named __proto__ has no effect (F58)', () => {
  const row = `{"id":5,"user_id":7,"total_amount":"45.99","__proto__":{"id":6,"polluted":true}}`;
  const big = row.replace('"user_id":7', '"user_id":9007199254740993');
  for (const [text, userId] of [
    [row, '7'],
    [big, '9007199254740993'],
  ] as const) {
    const value = `{"op":"c","source":{"table":"orders"},"after":${text},"__proto__":{"op":"d"}}`;
    expect(decode(value)).toMatchObject({change: {kind: 'order-upserted', orderId: '5', row: {userId}}});
  }
  expect('polluted' in {}).toBe(false);
});

describe('a row of a table that is not part of the source (F86)', () => {
  test.each([
    ['another table', {__op: 'c', __table: 'carts', __source_db: 'shop'}, 'shop.carts'],
    ['another table, without the database', {__op: 'c', __table: 'carts'}, 'carts'],
    [
      'the same table in another database',
      {__op: 'c', __table: 'orders', __source_db: 'archive'},
      'archive.orders',
    ],
    [
      'the same in an envelope',
      {op: 'c', source: {db: 'archive', table: 'order_items'}},
      'archive.order_items',
    ],
  ])('%s is ignored, and named', (_, fields, table) => {
    expect(decode({...orderRow(), ...fields})).toMatchObject({kind: 'ignored', table});
  });

  test('a remembered shape does not match the same row of another database', () => {
    const decoder = new Decoder(SHOP);
    const record = (db: string): unknown => ({
      op: 'c',
      before: null,
      after: orderRow(),
      source: {db, table: 'orders'},
    });
    for (const db of ['shop', 'shop', 'archive', 'shop']) {
      expect(decoder.decode(encoded(record(db), '5'))).toMatchObject(
        db === 'shop' ? {kind: 'change'} : {kind: 'ignored', table: 'archive.orders'},
      );
    }
  });

  test.each([
    ['the record names none', SHOP, {__op: 'c', __table: 'orders'}],
    [
      'the settings name none',
      {...SHOP, database: undefined},
      {__op: 'c', __table: 'orders', __source_db: 'any'},
    ],
  ])('a row is accepted if %s', (_, schema, fields) => {
    expect(decodeRecord(encoded({...orderRow(), ...fields}, '5'), schema)).toMatchObject({kind: 'change'});
  });
});
