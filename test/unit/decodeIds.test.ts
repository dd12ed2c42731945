/** Ids are exact at any size, and the id in the row equals the id in the key. */
import {Decoder, decodeRecord} from '../../src/decode/decode.js';
import {isId, textOfId} from '../../src/domain/id.js';
import {body, encoded, FORMS, json, lineRow, orderRow, rowRecord, SHOP} from '../support/records.js';

const BIG = 9_223_372_036_854_775_807n;
const IDS = [
  9_007_199_254_740_991n,
  9_007_199_254_740_992n,
  9_007_199_254_740_993n,
  BIG,
  18_446_744_073_709_551_615n,
];

describe.each(FORMS)('a row event as %s', (form) => {
  test.each(IDS)('the id %d stays exact in the row and in the key (I8) (F68)', (id) => {
    const event = {op: 'c', table: 'orders', after: orderRow({id, user_id: id - 1n})};
    expect(decodeRecord(rowRecord(event, String(id), form), SHOP)).toMatchObject({
      change: {orderId: String(id), row: {userId: String(id - 1n)}},
    });
    const line = {op: 'd', table: 'order_items', before: lineRow({id: id - 2n, order_id: id})};
    expect(decodeRecord(rowRecord(line, String(id), form), SHOP)).toMatchObject({
      change: {orderId: String(id), itemId: String(id - 2n)},
    });
  });

  test('two ids beyond 2^53 that differ by one stay different (I8)', () => {
    const event = {op: 'c', table: 'orders', after: orderRow({id: BIG})};
    const decoded = decodeRecord(rowRecord(event, String(BIG - 1n), form), SHOP);
    expect(decoded).toMatchObject({kind: 'rejected'});
  });
});

test('ids can be strings', () => {
  const row = lineRow({id: '71', order_id: String(BIG), product_id: '-3', quantity: '-2'});
  const record = rowRecord({op: 'c', table: 'order_items', after: row}, String(BIG));
  expect(decodeRecord(record, SHOP)).toMatchObject({
    change: {itemId: '71', item: {productId: '-3', quantity: '-2'}},
  });
});

test.each([
  ['a UUID', '6f1c0d5e-0000-4000-8000-00000000000a', '6f1c0d5e-0000-4000-8000-00000000000a'],
  ['leading zeros', '05', '05'],
  ['a separator of keys', 'a:b', 'a%3Ab'],
  ['separators of line items', '1:2;3', '1%3A2%3B3'],
  ['a percent sign', '50%', '50%25'],
  ['a slash', 'a/b', 'a%2Fb'],
  ['a blank and other characters', 'é *', '%C3%A9%20%2A'],
  ['null as a text', 'null', 'null'],
])('an id that is text with %s has one form in the row and in the key (I8)', (_name, text, id) => {
  for (const form of FORMS) {
    const line = {
      op: 'c',
      table: 'order_items',
      after: lineRow({id: text, order_id: text, product_id: text}),
    };
    expect(decodeRecord(rowRecord(line, JSON.stringify(text), form), SHOP)).toMatchObject({
      change: {orderId: id, itemId: id, item: {productId: id}},
    });
    const order = {op: 'c', table: 'orders', after: orderRow({id: text, user_id: text})};
    expect(decodeRecord(rowRecord(order, JSON.stringify(text), form), SHOP)).toMatchObject({
      change: {orderId: id, row: {userId: id}},
    });
  }
  expect([isId(id), textOfId(id)]).toEqual([true, text]);
});

test('an id of several columns is their ids, joined by a slash', () => {
  const schema = {...SHOP, items: {...SHOP.items, id: ['product_id', 'size']}};
  const decoder = new Decoder(schema);
  for (const [size, id] of [
    ['XL', '10/XL'],
    ['M/L', '10/M%2FL'],
    ['S', '10/S'],
  ] as const) {
    const event = {op: 'c', table: 'order_items', after: lineRow({size})};
    expect(decoder.decode(rowRecord(event, '5'))).toMatchObject({change: {itemId: id}});
  }
});

test.each([
  ['empty text', ''],
  ['a fraction', 5.5],
  ['null', null],
  ['a boolean', true],
  ['an array', [5]],
  ['an object', {value: 5}],
  ['a number with an exponent beyond 2^53', 1e300],
])('an id that is %s is rejected', (_name, id) => {
  const record = rowRecord({op: 'c', table: 'orders', after: orderRow({id})}, '5');
  expect(decodeRecord(record, SHOP)).toMatchObject({
    rejection: {kind: 'record-undecodable', reason: expect.stringContaining('column id') as string},
  });
});

test('an update that changes an id is rejected, because the old row would remain in Redis (S2)', () => {
  const cases = [
    {table: 'orders', before: orderRow({id: 4n}), after: orderRow()},
    {table: 'order_items', before: lineRow({order_id: 4n}), after: lineRow()},
    {table: 'order_items', before: lineRow({id: 70n}), after: lineRow()},
    {table: 'orders', before: orderRow({id: BIG - 1n}), after: orderRow({id: BIG})},
  ];
  for (const {table, before, after} of cases) {
    const key = json(after['order_id'] ?? after['id']);
    expect(decodeRecord(rowRecord({op: 'u', table, before, after}, key), SHOP)).toMatchObject({
      rejection: {reason: expect.stringContaining('the update changes') as string},
    });
  }
});

describe('the record key must be the order id (S2)', () => {
  const value = body({op: 'c', table: 'order_items', after: lineRow({order_id: BIG})});

  test.each([
    ['bare', `${BIG}`],
    ['as JSON text', `"${BIG}"`],
    ['with its schema', `{"schema":{"type":"int64"},"payload":${BIG}}`],
    ['as text with its schema', `{"schema":{"type":"string"},"payload":"${BIG}"}`],
  ])('the key is accepted in this form: %s', (_name, key) => {
    expect(decodeRecord(encoded(value, key), SHOP)).toMatchObject({kind: 'change'});
  });

  test.each([
    ['missing', null, 'the record has no key'],
    ['empty', '', "the record's key is not the order id"],
    ['the line item id', '71', "the record's key is not the order id"],
    ['the previous id beyond 2^53', `${BIG - 1n}`, "the record's key is not the order id"],
    ['a struct', `{"order_id":${BIG}}`, "the record's key is not the order id"],
    ['an array', `[${BIG}]`, "the record's key is not the order id"],
    ['not JSON', '{', "the record's key is not the order id"],
    ['JSON null', 'null', "the record's key is not the order id"],
  ])('the record is rejected if its key is %s', (_name, key, reason) => {
    expect(decodeRecord(encoded(value, key), SHOP)).toMatchObject({
      rejection: {kind: 'record-undecodable', reason: expect.stringContaining(reason) as string},
    });
  });
});
