/** MySQL is the reference: a value that comes through Debezium must be the same text as MySQL prints. */
import {canonicalText} from '../../src/domain/canonical.js';
import {freshId, Pipeline} from '../support/pipeline.js';
import {chosenSeed, Random} from '../support/random.js';

const seed = chosenSeed();
const random = new Random(seed);
let shop: Pipeline;

beforeAll(async () => {
  shop = await Pipeline.open('values', {ORDER_EXTRA_COLUMNS: 'status,created_at:time,note'});
});

/** The comparison covers only the five fields of an order. The tests in this file check the other columns. */
async function differences(): Promise<readonly string[]> {
  const isOther = /^order:-?\d+ (?:status|created_at|note): MySQL -, /;
  return (await shop.differences()).filter((line) => !isOther.test(line));
}

afterEach(async () => {
  await shop.applied();
  expect(await differences()).toEqual([]);
});

afterAll(async () => {
  await shop.close();
});

const USERS = [
  '0',
  '-1',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
];
const AMOUNTS = ['0.00', '0.01', '-0.01', '-45.90', '9999999999.99', '-9999999999.99', '100.00', '7.10'];
const STATUSES = [
  '',
  ' ',
  'new',
  '0012',
  '1e3',
  '-',
  '+x',
  'null',
  '日本語 ñ',
  '🛒🫖👩‍👩‍👧',
  `"quoted" 'single'`,
  'a;b:c,d{e}f',
  'back\\slash \\n \\u0041',
  'line\r\nbreak\ttab',
  '\u0001\u001f\u007f',
  '%00 & <b>',
  '2026-11-23T10:00:00Z',
];
const TIMES = ['.000', '.280', '.999', '.001', '.100'].map((fraction) => `2026-11-23 10:20:30${fraction}`);
const RARE_TIMES = ['1970-01-01 00:00:01.000', '2038-01-19 03:14:07.000', '2024-02-29 23:59:59.999'];

function randomRow(): readonly string[] {
  const character = (): string => random.pick(Array.from('abc äß€ж中🎁"\\;:,{}\r\n\''));
  return [
    random.chance(0.5) ? random.pick(USERS) : String(random.int(-1_000_000, 1_000_000)),
    random.chance(0.5)
      ? random.pick(AMOUNTS)
      : `${random.int(0, 9_999_999_999)}.${String(random.int(0, 99)).padStart(2, '0')}`,
    random.chance(0.5) ? random.pick(STATUSES) : Array.from({length: random.int(0, 20)}, character).join(''),
    random.pick([...TIMES, ...RARE_TIMES]),
  ];
}

test(`300 random rows have the same text through Debezium as from MySQL (F69, F71, F73) (I8, I9), seed ${seed}`, async () => {
  const edges = Math.max(USERS.length, AMOUNTS.length, STATUSES.length, TIMES.length);
  const rows = Array.from({length: 300}, (_, i) =>
    i >= edges
      ? randomRow()
      : [USERS, AMOUNTS, STATUSES, [...TIMES, ...RARE_TIMES]].map((values) => values[i % values.length]!),
  );
  const first = await shop.insert('INSERT INTO orders (user_id, total_amount, status, created_at) VALUES ?', [
    rows,
  ]);
  await shop.applied();

  const stored = await shop.rows(
    'SELECT id, user_id, total_amount, status, created_at FROM orders WHERE id >= ?',
    [first],
  );
  expect(stored.length).toBe(300);
  for (const {id, user_id, total_amount, status, created_at} of stored) {
    expect(await shop.order(id!)).toEqual({
      id,
      user_id,
      total_amount,
      status,
      created_at: canonicalText(created_at!),
      items_count: '0',
      items: '',
    });
  }
  expect(new Set(stored.map(({created_at}) => created_at)).size).toBeGreaterThanOrEqual(TIMES.length);
});

test('a column that is added while the worker runs is applied with its default, with NULL, and for older rows (F54)', async () => {
  const before = await shop.placeOrder('1.00', []);
  await shop.applied();
  await shop.sql("ALTER TABLE orders ADD COLUMN note VARCHAR(20) NULL DEFAULT 'gift'");
  try {
    const insert = 'INSERT INTO orders (user_id, total_amount, note) VALUES (?, 1, ?)';
    const withNull = await shop.insert(insert, [freshId(), null]);
    const withText = await shop.insert(insert, [freshId(), 'fragile']);
    const withDefault = await shop.placeOrder('1.00', []);
    await shop.applied();

    expect(await shop.order(before.id)).not.toHaveProperty('note');
    expect(await shop.order(withNull)).not.toHaveProperty('note');
    expect(await shop.order(withText)).toMatchObject({note: 'fragile'});
    expect(await shop.order(withDefault.id)).toMatchObject({note: 'gift'});

    await shop.sql('UPDATE orders SET note = NULL WHERE id = ?', [withText]);
    await shop.sql('UPDATE orders SET total_amount = 2 WHERE id = ?', [before.id]);
    await shop.applied();
    expect(await shop.order(withText)).not.toHaveProperty('note');
    expect(await shop.order(before.id)).toMatchObject({note: 'gift', total_amount: '2.00'});
  } finally {
    await shop.sql('ALTER TABLE orders DROP COLUMN note');
  }
});

test('ids beyond 2^53, also from AUTO_INCREMENT, keep every digit through MySQL, Debezium and Redis (I8)', async () => {
  const insertOrder = 'INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 4.20)';
  const [orderId, itemId, product] = ['9007199254740993', '9007199254740995', '9223372036854775807'];
  const user = '9223372036854775806';
  try {
    await shop.sql(insertOrder, [orderId, user]);
    await shop.sql(
      'INSERT INTO order_items (id, order_id, product_id, quantity, unit_price) VALUES (?, ?, ?, 2, 1)',
      [itemId, orderId, product],
    );
    const next = await shop.placeOrder('1.00', [[product, 5]]);
    expect(next.id).toBe('9007199254740994');
    await shop.sql('UPDATE order_items SET quantity = 3 WHERE id = ?', [itemId]);
    await shop.applied();

    expect(await shop.order(orderId)).toMatchObject({
      id: orderId,
      user_id: user,
      items: `product_id:${product},quantity:3`,
    });
    expect(await shop.lines(orderId)).toEqual({[itemId]: `${product}:3`});
    expect(await shop.lines(next.id)).toEqual({'9007199254740996': `${product}:5`});
    expect(await shop.sold(product)).toBe('8');
    expect(await shop.reported('users', user)).toBe('420');
    expect(await differences()).toEqual([]);
  } finally {
    // The next tests expect small ids again.
    await shop.sql('DELETE FROM orders WHERE id > 9007199254740992');
    await shop.sql('ALTER TABLE orders AUTO_INCREMENT = 1');
    await shop.sql('ALTER TABLE order_items AUTO_INCREMENT = 1');
  }
  await shop.applied();
  expect(await shop.order(orderId)).toEqual({});
  expect(await shop.sold(product)).toBe('0');
});
