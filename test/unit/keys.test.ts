/** The exact keys of the reader's contract. apply.lua must use the same keys. */
import {isOwnKey, keysWithPrefix} from '../../src/redis-model/keys.js';
import {APPLY_SCRIPT} from '../../src/apply/script.js';

test.each(['', 'shop:'])('the keys with prefix %j are those of the contract', (prefix) => {
  const keys = keysWithPrefix(prefix);
  expect([
    keys.order('5'),
    keys.orderLines('5'),
    keys.productSold('10'),
    keys.reportProducts,
    keys.reportUsers,
    keys.reportTotals,
    keys.position('shop.order-events', 3),
  ]).toEqual(
    [
      'order:5',
      'order_lines:5',
      'product:10:sold',
      'report:products',
      'report:users',
      'report:totals',
      'projector:position:shop.order-events:3',
    ].map((key) => prefix + key),
  );
});

test('`KEYS order:*` counts orders, because no other key begins with order:', () => {
  const keys = keysWithPrefix('');
  const others = [keys.orderLines('5'), keys.productSold('5'), keys.reportTotals, keys.position('order:', 0)];
  expect(others.filter((key) => key.startsWith('order:'))).toEqual([]);
});

test('the apply script uses the same keys', () => {
  const keys = keysWithPrefix('');
  const spelled = [
    `prefix .. '${keys.order('')}' .. id`,
    `prefix .. '${keys.orderLines('')}' .. id`,
    "prefix .. 'product:' .. product .. ':sold'",
    `prefix .. '${keys.reportProducts}'`,
    `prefix .. '${keys.reportUsers}'`,
    `prefix .. '${keys.reportTotals}'`,
    `prefix .. '${keys.quarantine}'`,
    `prefix .. '${keys.layout}'`,
    `prefix .. '${keys.chunks}'`,
  ];
  expect(spelled.filter((text) => !APPLY_SCRIPT.lua.includes(text))).toEqual([]);
});

test('isOwnKey distinguishes keys of the read model from foreign and malformed ones', () => {
  const keys = keysWithPrefix('shop:');
  const own = [
    ...[keys.order('5'), keys.order('-9007199254740993'), keys.orderLines('5'), keys.productSold('7')],
    ...[keys.reportProducts, keys.reportUsers, keys.reportTotals, keys.quarantine, keys.chunks, keys.layout],
    ...[keys.rebuildLock, keys.stagingMark, keys.position('shop.order-events', 5)],
  ];
  expect(own.filter((key) => !isOwnKey(key, 'shop:'))).toEqual([]);
  const foreign = [
    'order:5',
    'shop:order:',
    'shop:order:a b',
    'shop:order:5:note',
    'shop:product:7',
    'shop:session:1',
  ];
  expect(
    [...foreign, 'shop:report:other', 'shop:projector:other', ''].filter((key) => isOwnKey(key, 'shop:')),
  ).toEqual([]);
});

test.each(['', 'shop:'])(
  'with prefix %j, orderIdOf returns the id for the key of an order and undefined for any other key',
  (prefix) => {
    const keys = keysWithPrefix(prefix);
    expect(keys.orders).toBe(`${prefix}order:*`);
    for (const id of ['0', '5', '-5', '9007199254740993', 'x', '05', 'a%3Ab'])
      expect(keys.orderIdOf(keys.order(id))).toBe(id);
    const others = [
      keys.orderLines('5'),
      keys.order('a%3a'),
      keys.order('a/b'),
      keys.order('5:x'),
      `x${keys.order('5')}`,
    ];
    expect(others.filter((key) => keys.orderIdOf(key) !== undefined)).toEqual([]);
  },
);
