import {orderTexts} from '../support/orderTexts.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {compareOrders, ordersOfRows} from '../../src/operations/verify/orders.js';
import {
  compareProducts,
  compareTotals,
  compareUsers,
  minorUnits,
  sumsOf,
  totalsOf,
} from '../../src/operations/verify/sums.js';

const keys = keysWithPrefix('');

/** The value is undefined for a key that is not a string. */
type Texts = Record<string, string | undefined>;

function host({
  strings = {},
  scores = {},
  hashes = {},
  texts = {},
}: {
  strings?: Record<string, string>;
  scores?: Record<string, string>;
  hashes?: Record<string, Record<string, string> | undefined>;
  texts?: Texts;
}) {
  const hash = (name: string): Record<string, string> | undefined =>
    Object.hasOwn(hashes, name) ? hashes[name] : {};
  const text = (name: string): string | null | undefined => (Object.hasOwn(texts, name) ? texts[name] : null);
  return {
    run: orderTexts(hash, text),
    getAll: async (names: readonly string[]) =>
      await Promise.resolve(names.map((name) => strings[name] ?? null)),
    scores: async (_key: string, members: readonly string[]) =>
      await Promise.resolve(members.map((member) => scores[member] ?? null)),
    texts: async (names: readonly string[]) => await Promise.resolve(names.map(text)),
    hash: async (key: string) => await Promise.resolve(hashes[key] ?? {}),
    hashes: async (names: readonly string[]) => await Promise.resolve(names.map(hash)),
  };
}

test.each([
  ['45.99', 2, '4599'],
  ['-0.50', 2, '-50'],
  ['45', 2, '4500'],
  ['45.9', 2, '4590'],
  ['12', 0, '12'],
  ['90071992547409930.07', 2, '9007199254740993007'],
])('%s with %i decimals are %s minor units', (amount, decimals, expected) => {
  expect(minorUnits(amount, decimals)).toBe(expected);
});

test('sums by id are converted from the rows of MySQL, and NULL counts as 0', () => {
  const rows = [
    {id: '7', total: '1.50'},
    {id: '9007199254740993', total: null},
  ];
  expect([...sumsOf(rows, 2)]).toEqual([
    ['7', '150'],
    ['9007199254740993', '0'],
  ]);
});

test('the counter and the score of a product are compared; a missing counter equals 0, but a score of 0 is wrong', async () => {
  const sums = new Map([
    ['1', '5'],
    ['2', '0'],
    ['3', '0'],
    ['4', '6'],
    ['5', '7'],
  ]);
  const redis = host({
    strings: {'product:1:sold': '5', 'product:2:sold': '0', 'product:4:sold': '7', 'product:5:sold': '7'},
    scores: {1: '5', 3: '0', 4: '6', 5: '1e+17'},
  });
  const found = await compareProducts(redis, sums, keys);
  const texts = [...found].map(([id, findings]) => [
    id,
    ...findings.map((f) => `${f.kind} ${f.expected ?? '-'} ${f.found ?? '-'}`),
  ]);
  expect(texts).toEqual([
    ['1'],
    ['2'],
    ['3', 'score-differs - 0'],
    ['4', 'counter-differs 6 7'],
    ['5', 'score-differs 7 100000000000000000'],
  ]);
});

test('the scores of users and the totals are compared with the sums of MySQL', async () => {
  const redis = host({
    scores: {1: '150', 2: '1.5'},
    hashes: {'report:totals': {orders: '2', units: '3'}},
  });
  const users = await compareUsers(
    redis,
    new Map([
      ['1', '150'],
      ['2', '1'],
      ['3', '4'],
    ]),
    keys,
  );
  expect([...users.values()].map((findings) => findings.map(({found}) => found))).toEqual([
    [],
    ['1.5'],
    [null],
  ]);
  const totals = await compareTotals(
    redis,
    totalsOf({orders: '2', units: '4', revenue: '0.00'}, {units: 0, revenue: 2}),
    keys,
  );
  expect(totals.get('all')).toEqual([
    {kind: 'total-differs', key: 'report:totals', field: 'units', expected: '4', found: '3'},
  ]);
});

test('an order is compared with the form that the worker would write, with line items and extra columns (I9)', async () => {
  const row = {userId: '5', totalAmount: '45.99', extra: ['paid', null]};
  const lines = [
    {kind: 'item-upserted', orderId: '1', itemId: '10', item: {productId: '7', quantity: '1'}},
    {kind: 'item-upserted', orderId: '1', itemId: '9', item: {productId: '8', quantity: '2'}},
  ] as const;
  const order = {kind: 'order-upserted', orderId: '1', row} as const;
  const source = new Map([
    ['1', {changes: [order, ...lines], fault: undefined}],
    ['2', {changes: [], fault: undefined}],
    ['3', {changes: [], fault: 'MySQL: column x'}],
    ['4', {changes: [], fault: undefined}],
  ]);
  const items = 'product_id:8,quantity:2;product_id:7,quantity:1';
  const hash = {id: '1', user_id: '5', total_amount: '45.99', items_count: '2', items, status: 'paid'};
  const right = {'order:1': hash};
  const rightLines: Texts = {'order_lines:1': '9:8:2;10:7:1'};
  const expected = ordersOfRows(source, {extraColumns: ['status', 'note'], itemDecimals: undefined});
  const compare = async (
    hashes: Record<string, Record<string, string> | undefined>,
    texts = rightLines,
  ): Promise<string[]> =>
    [...(await compareOrders(host({hashes, texts}), expected, keys)).values()]
      .flat()
      .map(
        ({kind, key, field, expected, found}) =>
          `${kind} ${key} ${field ?? ''} ${expected ?? '-'} ${found ?? '-'}`,
      );
  const fault = 'order-differs order:3  MySQL: column x -';
  expect(await compare(right)).toEqual([fault]);
  expect(await compare({...right, 'order:1': {...hash, note: 'x'}})).toEqual([
    'order-differs order:1 note - x',
    fault,
  ]);
  expect(await compare({...right, 'order:1': {}})).toEqual(['order-missing order:1  a hash -', fault]);
  const withLines = async (texts: Texts): Promise<string[]> =>
    await compare(right, {...rightLines, ...texts});
  expect(await withLines({'order_lines:2': '1:1:1'})).toEqual([
    'order-ghost order_lines:2  - a string',
    fault,
  ]);
  expect(await compare(right, {})).toEqual(['order-missing order_lines:1  a string -', fault]);
  expect(await withLines({'order_lines:1': '10:7:1;9:8:2'})).toEqual([
    'order-differs order_lines:1  9:8:2;10:7:1 10:7:1;9:8:2',
    fault,
  ]);
  expect(await withLines({'order_lines:2': undefined})).toEqual([
    'order-differs order_lines:2  a string another type',
    fault,
  ]);
  expect(await compare({...right, 'order:4': undefined})).toEqual([
    fault,
    'order-differs order:4  a hash another type',
  ]);
});
