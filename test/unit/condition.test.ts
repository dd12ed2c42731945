/** Conditions on rows: parsed, printed, and evaluated in the stream. test/integration/conditionSql compares them with MySQL. */
import {formatCondition, holds, parseCondition, type Condition} from '../../src/domain/condition.js';
import {Decoder, decodeRecord} from '../../src/decode/decode.js';
import {isAmongSql} from '../../src/upstream/sql.js';
import {lineRow, orderRow, rowRecord, SHOP} from '../support/records.js';

function parsed(text: string): Condition {
  const found = parseCondition(text);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

const on = (text: string, row: Record<string, string | null>): boolean =>
  holds(parsed(text), ({column}) => row[column] ?? null);

test.each([
  ['a=x', {a: 'x'}, true],
  ['a=x', {a: 'X'}, false],
  ['a=x|y', {a: 'y'}, true],
  ['a=x', {a: null}, false],
  ['a!=x', {a: null}, true],
  ['a!=x|', {a: null}, false],
  ['a=', {a: null}, true],
  ['a=', {a: ''}, false],
  ['a!=', {a: '0'}, true],
  ['a=|x', {a: 'x'}, true],
  ['a=x,b!=y', {a: 'x', b: 'z'}, true],
  ['a=x,b!=y', {a: 'x', b: 'y'}, false],
  ['a=x\\,y', {a: 'x,y'}, true],
  ['a=x\\|y', {a: 'x|y'}, true],
  ['a=x=y', {a: 'x=y'}, true],
  ['a=\\\\', {a: '\\'}, true],
] as const)('%s of %j is %s', (text, row, expected) => {
  expect(on(text, row)).toBe(expected);
});

test.each(['a=x,b!=y|z', 'a=|x,b=', 'a=x\\,y\\|z,b=\\\\'])('%s is printed as it was parsed', (text) => {
  expect(formatCondition(parsed(text))).toBe(text);
});

test.each([
  ['', /term 1 has no =/],
  ['a=x,', /term 2 has no =/],
  ['1a=x', /term 1 does not begin with the name of a column/],
  ['=x', /term 1 does not begin/],
])('"%s" is rejected, and the reason contains no value (I11)', (text, reason) => {
  expect(parseCondition(text)).toMatch(reason);
});

describe('a row that does not satisfy its condition (I16)', () => {
  const schema = {
    ...SHOP,
    orders: {...SHOP.orders, where: parsed('status=paid')},
    items: {...SHOP.items, where: parsed('parent_id=')},
  };
  const orderOf = (fields: object): ReturnType<typeof rowRecord> =>
    rowRecord({op: 'u', table: 'orders', before: orderRow(), after: {...orderRow(), ...fields}}, '5');

  test('an order is hidden, whatever its other columns hold', () => {
    expect(decodeRecord(orderOf({status: 'cart', total_amount: null, user_id: 'x'}), schema)).toMatchObject({
      change: {kind: 'order-hidden', orderId: '5'},
    });
  });

  test('a line item is deleted, whatever its other columns hold', () => {
    const after = {...lineRow({quantity: null}), parent_id: 7};
    expect(decodeRecord(rowRecord({op: 'c', table: 'order_items', after}, '5'), schema)).toMatchObject({
      change: {kind: 'item-deleted', orderId: '5', itemId: '71'},
    });
  });

  test.each([
    [true, '1', true],
    [false, '0', true],
    [1, '1', true],
    ['1', '1', true],
    [2, '1', false],
  ])('the value %j and the text %s: %s', (value, text, expected) => {
    const flag = {
      ...schema,
      orders: {...schema.orders, where: [{column: 'status', isNegated: false, values: [text]}]},
    };
    expect(decodeRecord(orderOf({status: value}), flag)).toMatchObject({
      change: {kind: expected ? 'order-upserted' : 'order-hidden'},
    });
  });

  test('a column that is missing is an error, unless the condition names NULL, because the record can be older', () => {
    const without = (where: string): unknown => {
      const row = orderRow();
      Reflect.deleteProperty(row, 'status');
      const named = {...SHOP, orders: {...SHOP.orders, where: parsed(where)}};
      return decodeRecord(rowRecord({op: 'c', table: 'orders', after: row}, '5'), named);
    };
    expect(without('status=paid')).toMatchObject({
      rejection: {reason: expect.stringContaining('ORDERS_WHERE') as string},
    });
    expect(without('status=|paid')).toMatchObject({change: {kind: 'order-upserted'}});
    // MySQL would find the column `user_id`, whatever the case of the name is.
    expect(without('USER_ID=')).toMatchObject({kind: 'rejected'});
    expect(without('status!=')).toMatchObject({change: {kind: 'order-hidden'}});
  });

  test('remembered shapes give the same result as the parser', () => {
    const decoder = new Decoder(schema);
    const statuses = ['paid', 'cart', 'paid', 'cart', null, 'paid'];
    for (const status of statuses) {
      const record = orderOf({status});
      expect(decoder.decode(record)).toEqual(decodeRecord(record, schema));
    }
  });
});

test.each([
  [
    '2026%2F7',
    "(c IN (_utf8mb4 x'323032362f37') AND CAST(CONVERT(CAST(c AS CHAR) USING utf8mb4) AS BINARY) IN (x'323032362f37'))",
  ],
  ['%C3%84', "CAST(CONVERT(CAST(c AS CHAR) USING utf8mb4) AS BINARY) IN (x'c384')"],
])(
  'the id %s is looked up with the index of its column if every character set has its characters',
  (id, expected) => {
    expect(isAmongSql('c', [id], 'text')).toBe(expected);
  },
);
