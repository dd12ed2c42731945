/** The words and numbers of the tab Shop of the live page. */
import {
  changeWords,
  grouped,
  idOr,
  idText,
  orderFields,
  samplesOf,
  share,
  withPoint,
  type ShopPoint,
} from '../../src/page/shopWording.js';

const point = (seconds: number, revenue: string, orders = '1'): ShopPoint => ({
  atMs: seconds * 1_000,
  totals: {orders, units: '1', revenue},
});

test.each([
  ['0', '0'],
  ['1234567.50', '1,234,567.50'],
  ['-1234.5', '-1,234.5'],
  ['9007199254740993.00', '9,007,199,254,740,993.00'],
])('the number %s is shown as %s', (number, text) => expect(grouped(number)).toBe(text));

test.each([
  ['1.00', '1.50', '+0.50 in the last 1 min'],
  ['9007199254740993.00', '9007199254742994.01', '+2,001.01 in the last 1 min'],
  ['5.00', '3.99', '−1.01 in the last 1 min'],
  ['-0.50', '0.50', '+1.00 in the last 1 min'],
  ['7', '8', '+1 in the last 1 min'],
  ['3.00', '3.00', 'no change in the last 1 min'],
])('from %s to %s the change is "%s", exactly', (before, now, words) => {
  expect(changeWords([point(0, before), point(30, '99'), point(60, now)], 'revenue')).toBe(words);
});

test('one point shows no change', () => {
  for (const points of [[], [point(0, '1')]])
    expect(changeWords(points, 'revenue')).toBe('its change appears here');
});

test('the points are those of the last 15 minutes, and an answer that arrives again adds none', () => {
  const points = [point(0, '1'), point(100, '2'), point(1_000, '3')];
  expect(withPoint(points, point(1_000, '3')).map(({atMs}) => atMs / 1_000)).toEqual([100, 1_000]);
});

test('a curve shows the values above the lowest one, so that the change of a large total is visible', () => {
  const points = [point(0, '1005.00'), point(2, '1000.00'), point(4, '1020.50')];
  expect(samplesOf(points, 'revenue').map(({value}) => value)).toEqual([5, 0, 20.5]);
});

test.each([
  ['5', '10', 0.5],
  ['10', '10', 1],
  ['-5', '10', 0],
  ['0', '0', 0],
  ['-3', '-1', 0],
])('a bar of %s, if the longest is %s, has the length %d', (value, highest, length) => {
  expect(share(value, highest)).toBe(length);
});

test('an id is shown as MySQL prints it, and foreign text as it is', () => {
  expect(['SKU%201', '%3Cimg%20src%3Dx%3E', 'S1/L', '50%', '7'].map(idText)).toEqual([
    ...['SKU 1', '<img src=x>', 'S1/L', '50%', '7'],
  ]);
  expect([idOr('', 'none'), idOr('a%3Ab', 'none')]).toEqual(['none', 'a:b']);
});

test('the fields of an order are named for people; extra columns keep their names and values', () => {
  const order = {
    id: '2026%2F7',
    user_id: '',
    total_amount: '1234.50',
    items_count: '2',
    items: 'product_id:1,quantity:1',
    status: 'a%20b',
    constructor: 'x',
  };
  expect(orderFields(order)).toEqual([
    ['Order', '2026/7'],
    ['Buyer', 'none (guest)'],
    ['Amount', '1,234.50'],
    ['Line items', '2'],
    ['status', 'a%20b'],
    ['constructor', 'x'],
  ]);
});
