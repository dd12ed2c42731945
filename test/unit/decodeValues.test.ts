/** Amounts, quantities and extra columns, and bytes that are not a record. */
import {decodeRecord} from '../../src/decode/decode.js';
import type {Decoded} from '../../src/domain/change.js';
import {encoded, lineRow, orderRow, rowRecord, SHOP, type Row} from '../support/records.js';

const decodeOrder = (fields: Row, schema = SHOP): Decoded =>
  decodeRecord(rowRecord({op: 'c', table: 'orders', after: orderRow(fields)}, '5'), schema);
const decodeLine = (fields: Row): Decoded =>
  decodeRecord(rowRecord({op: 'c', table: 'order_items', after: lineRow(fields)}, '5'), SHOP);

describe('amounts are strings with a fixed number of decimals (S5) (F69)', () => {
  test.each(['0.00', '45.99', '-45.99', '9999999999.99', '-9999999999.99', '0.05'])('%s passes', (amount) => {
    expect(decodeOrder({total_amount: amount})).toMatchObject({change: {row: {totalAmount: amount}}});
  });

  test.each([
    ['nothing before the point', '.99'],
    ['a leading zero', '045.99'],
    ['a comma', '45,99'],
    ['an exponent', '4e1.99'],
    ['base64 of decimal.handling.mode=precise', 'EfM='],
    ['a space', ' 45.99'],
    ['empty', ''],
    ['a number', 45.99],
    ['null', null],
    ['a struct', {scale: 2, value: 'EfM='}],
  ])('an amount with this fault is rejected, and the reason names the settings: %s', (_name, amount) => {
    expect(decodeOrder({total_amount: amount})).toMatchObject({
      rejection: {
        reason: expect.stringMatching(
          /^column total_amount is .*decimal\.handling\.mode=string.*MONEY_DECIMALS/,
        ) as string,
      },
    });
  });

  test.each([
    ['surplus zeros are cut', '10000.00000000', '10000.00'],
    ['missing zeros are added', '45.9', '45.90'],
    ['no decimals at all', '45', '45.00'],
    ['a negative zero is zero', '-0.0000', '0.00'],
    ['a negative amount', '-0.5', '-0.50'],
  ])('%s', (_name, amount, expected) => {
    expect(decodeOrder({total_amount: amount})).toMatchObject({change: {row: {totalAmount: expected}}});
  });

  test('a decimal that would be lost is rejected, and the reason names the setting', () => {
    expect(decodeOrder({total_amount: '45.991'})).toMatchObject({
      rejection: {
        reason: 'column total_amount has more than 2 decimals that are not 0 (MONEY_DECIMALS, MONEY_ROUND)',
      },
    });
  });

  test.each([
    [{totalAmount: ['total_amount'], isMinor: true}, {total_amount: 4599}, '45.99'],
    [{totalAmount: ['total_amount'], isMinor: true}, {total_amount: '-5'}, '-0.05'],
    [{totalAmount: ['total_amount', 'shipping']}, {total_amount: '45.99', shipping: '-46.0000'}, '-0.01'],
    [{totalAmount: ['total_amount', 'shipping'], isMinor: true}, {total_amount: 1, shipping: 99}, '1.00'],
  ])('amounts in %j', (columns, row, expected) => {
    const schema = {...SHOP, orders: {...SHOP.orders, ...columns}};
    const record = rowRecord({op: 'c', table: 'orders', after: orderRow(row)}, '5');
    expect(decodeRecord(record, schema)).toMatchObject({change: {row: {totalAmount: expected}}});
  });

  test('more than 15 digits are rejected, because sums would not be exact in a script (I8)', () => {
    expect(decodeOrder({total_amount: '99999999999999.99'})).toMatchObject({
      rejection: {reason: 'column total_amount has more than 15 digits, so sums would not be exact'},
    });
  });

  test('the number of decimals is a setting and can be 0', () => {
    const three = {...SHOP, moneyDecimals: 3};
    expect(decodeOrder({total_amount: '1.250'}, three)).toMatchObject({kind: 'change'});
    const none = {...SHOP, moneyDecimals: 0};
    expect(decodeOrder({total_amount: '125'}, none)).toMatchObject({kind: 'change'});
    expect(decodeOrder({total_amount: '1.25'}, none)).toMatchObject({kind: 'rejected'});
  });
});

describe('quantities (F68)', () => {
  test.each([0, -2, 2_147_483_647, '9999999999'])('%s passes', (quantity) => {
    expect(decodeLine({quantity})).toMatchObject({change: {item: {quantity: String(quantity)}}});
  });

  test.each([
    ['NULL', null, 'column quantity is null; expected a whole number (QUANTITY_DECIMALS)'],
    [
      'a fraction',
      1.5,
      'column quantity is a number of another form; expected a whole number (QUANTITY_DECIMALS)',
    ],
    ['with 11 digits', '10000000000', 'column quantity has more than 10 digits, so sums would not be exact'],
    [
      'with 16 digits',
      9_007_199_254_740_993n,
      'column quantity has more than 10 digits, so sums would not be exact',
    ],
  ])('%s is rejected', (_name, quantity, reason) => {
    expect(decodeLine({quantity})).toMatchObject({rejection: {reason}});
  });

  test('the reason distinguishes a missing column from NULL (F56)', () => {
    const record = rowRecord(
      {op: 'c', table: 'order_items', after: {...lineRow(), quantity: undefined}},
      '5',
    );
    expect(decodeRecord(record, SHOP)).toMatchObject({
      rejection: {reason: 'column quantity is missing; expected a whole number (QUANTITY_DECIMALS)'},
    });
  });
});

describe('extra columns', () => {
  const schema = {
    ...SHOP,
    extraColumns: [
      {name: 'status', type: 'text'},
      {name: 'created_at', type: 'time'},
    ],
  } as const;
  const extra = (fields: Row): unknown => {
    const decoded = decodeOrder(fields, schema);
    return decoded.kind === 'change' && decoded.change.kind === 'order-upserted'
      ? decoded.change.row.extra
      : decoded;
  };

  test('text stays unchanged, and times get their canonical form (I9) (F73)', () => {
    const fields = {status: '2026-11-23T08:32:40Z', created_at: '2026-11-23T08:32:40.280Z'};
    expect(extra(fields)).toEqual(['2026-11-23T08:32:40Z', '2026-11-23 08:32:40.28']);
  });

  test('a null or missing column is null, and an empty string stays an empty string', () => {
    expect(extra({status: null})).toEqual([null, null]);
    expect(extra({status: '', created_at: null})).toEqual(['', null]);
  });

  test('numbers and booleans become the text that MySQL prints, exact at any size (I8)', () => {
    expect(extra({status: 9_007_199_254_740_993n, created_at: true})).toEqual(['9007199254740993', '1']);
    expect(extra({status: 2.5, created_at: false})).toEqual(['2.5', '0']);
  });

  test('a fraction in the same row as an id beyond 2^53 keeps its text', () => {
    expect(extra({status: 2.5, user_id: 9_007_199_254_740_993n})).toEqual(['2.5', null]);
  });

  test('a struct is rejected', () => {
    expect(extra({status: {a: 1}})).toMatchObject({
      rejection: {reason: 'column status is an object; expected a string, a number or a boolean'},
    });
  });
});

describe('bytes that are not a record (F49)', () => {
  test.each([
    ['not JSON', '{"op":"c"', /^the value \(9 bytes\) is not JSON$/],
    ['empty', '', /is not JSON$/],
    ['an array', '[{"op":"c"}]', /JSON, but not an object/],
    ['a number', '5', /JSON, but not an object/],
    ['a string', '"x"', /JSON, but not an object/],
    ['nested very deeply', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, /JSON, but not an object/],
    [
      'nested very deeply in an object',
      `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
      /neither Debezium/,
    ],
  ])('a value that is %s is rejected', (_name, text, reason) => {
    expect(decodeRecord(encoded(text, '5'), SHOP)).toMatchObject({
      kind: 'rejected',
      rejection: {kind: 'record-undecodable', reason: expect.stringMatching(reason) as string},
    });
  });

  test('a value that is not UTF-8 is rejected', () => {
    const value = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(decodeRecord({key: Buffer.from('5'), value}, SHOP)).toMatchObject({
      rejection: {reason: 'the value is not UTF-8 text'},
    });
  });

  test('a deeply nested column next to an id beyond 2^53 is rejected, and nothing is thrown (F53)', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const row = `{"id":9007199254740993,"user_id":7,"total_amount":"1.00","note":${deep}}`;
    const value = `{"op":"c","source":{"table":"orders"},"after":${row}}`;
    expect(decodeRecord(encoded(value, '9007199254740993'), SHOP)).toMatchObject({kind: 'rejected'});
  });

  test.each([
    ['10 MB of text', {note: 'x'.repeat(10_000_000)}],
    [
      '100,000 columns',
      Object.fromEntries(Array.from({length: 100_000}, (_, index) => [`c${index}`, index])),
    ],
  ])('a row with %s in addition to its valid columns is accepted (F53, F25b)', (_name, columns) => {
    const record = rowRecord({op: 'c', table: 'orders', after: orderRow(columns)}, '5');
    expect(decodeRecord(record, SHOP)).toMatchObject({kind: 'change', change: {orderId: '5'}});
  });

  test('a duplicate name in the same row as an id beyond 2^53 is rejected', () => {
    const value = `{"op":"c","source":{"table":"orders"},"after":{"id":9007199254740993,"a":1,"a":2}}`;
    expect(decodeRecord(encoded(value, '9007199254740993'), SHOP)).toMatchObject({kind: 'rejected'});
  });
});

test('no reason for a rejection contains a value of the row (I11)', () => {
  const secret = 'Zq7Secret';
  const rows: Row[] = [
    {id: {value: secret}},
    {user_id: {value: secret}},
    {total_amount: secret},
    {total_amount: {value: secret}},
    {user_id: [secret]},
    {total_amount: `${secret}.99`},
  ];
  const reasons = [
    ...rows.map((fields) => decodeOrder({...fields})),
    ...['quantity', 'product_id', 'order_id'].map((column) => decodeLine({[column]: [secret]})),
    decodeLine({quantity: secret}),
    decodeLine({order_id: secret}),
    decodeRecord(rowRecord({op: secret, table: 'orders', after: orderRow()}, '5'), SHOP),
    decodeRecord(encoded(`{"note":"${secret}"`, '5'), SHOP),
    decodeRecord(encoded({note: secret}, '5'), SHOP),
    decodeRecord(rowRecord({op: 'c', table: 'orders', after: orderRow()}, secret), SHOP),
    decodeRecord(encoded(`{"id":9007199254740993,"${secret}":{"x":"${secret}"`, '5'), SHOP),
  ].map((decoded) => (decoded.kind === 'rejected' ? decoded.rejection.reason : 'NOT REJECTED'));
  expect(reasons).not.toContain('NOT REJECTED');
  expect(reasons.filter((reason) => reason.includes(secret))).toEqual([]);
});

describe('nobody and nothing', () => {
  test.each([null, '', '0', 0])('the buyer %j is nobody, if 0 is the guest', (user) => {
    const schema = {...SHOP, orders: {...SHOP.orders, guestUserId: '0'}};
    const record = rowRecord({op: 'c', table: 'orders', after: orderRow({user_id: user})}, '5');
    expect(decodeRecord(record, schema)).toMatchObject({change: {row: {userId: ''}}});
  });

  test('a buyer 0 is a buyer, if no guest is set', () => {
    expect(decodeOrder({user_id: 0})).toMatchObject({change: {row: {userId: '0'}}});
  });

  test('a line item can have no product', () => {
    expect(decodeLine({product_id: null})).toMatchObject({change: {item: {productId: ''}}});
  });

  test('a line item without an order is ignored, also when it is deleted', () => {
    const reason = 'a line item without an order';
    const row = lineRow({order_id: null});
    for (const event of [
      {op: 'c', after: row},
      {op: 'd', before: row},
    ])
      expect(decodeRecord(rowRecord({table: 'order_items', ...event}, null), SHOP)).toEqual({
        kind: 'ignored',
        reason,
      });
  });

  test('an update that takes a line item out of its order is rejected: the connector has the wrong key columns', () => {
    const event = {op: 'u', table: 'order_items', before: lineRow(), after: lineRow({order_id: null})};
    expect(decodeRecord(rowRecord(event, '5'), SHOP)).toMatchObject({
      rejection: {reason: expect.stringContaining('the update changes order_id') as string},
    });
  });

  test.each([
    ['1.0000', '1'],
    ['-17.00', '-17'],
    ['0.2500', undefined],
  ])('the quantity %s', (text, expected) => {
    const decoded = decodeLine({quantity: text});
    if (expected === undefined) expect(decoded).toMatchObject({kind: 'rejected'});
    else expect(decoded).toMatchObject({change: {item: {quantity: expected}}});
  });
});
