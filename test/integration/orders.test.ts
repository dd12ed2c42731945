/** `projector orders` and `projector report LIST` on a real Redis that also holds foreign keys. */
import type {Change} from '../../src/domain/change.js';
import {main} from '../../src/cli/program.js';
import {item, order, orderGone} from '../support/changes.js';
import {RedisBench} from '../support/redisBench.js';

const DATABASE = 4;
const PREFIX = 'shop:';
/** More orders than one SCAN reply contains, and more than the default limit of a list. */
const MANY = 2_500;
/** 2^53 + 1 and its negative: the smallest integers by magnitude that a double cannot hold. */
const BEYOND = ['9007199254740993', '-9007199254740993'];

interface Printed {
  readonly exitCode: number;
  readonly lines: string[];
  readonly notes: string[];
}

interface Listed {
  readonly id: string;
  readonly user_id: string;
  readonly total_amount: string;
  readonly items_count: string;
}

let bench: RedisBench;
beforeEach(async () => (bench = await RedisBench.open(DATABASE, {prefix: PREFIX})));
afterEach(async () => await bench.close());

async function projector(...args: string[]): Promise<Printed> {
  const [lines, notes]: [string[], string[]] = [[], []];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  const environment = {REDIS_URL: bench.url, REDIS_KEY_PREFIX: PREFIX};
  return {exitCode: await main(['node', 'projector', ...args], environment, output), lines, notes};
}

function parsed<T>({lines}: Printed): T[] {
  return lines.map((text) => JSON.parse(text) as T);
}

describe('2,500 orders, next to keys that are not orders', () => {
  /** The rows that a list must print, by order id. */
  const wanted = new Map<string, Listed>();

  beforeEach(async () => {
    const changes = [...Array.from({length: MANY}, (_, i) => String(i + 1)), ...BEYOND].map((id, i) => {
      const [user, total] = [String(i % 10), `${i}.50`];
      const lines = Array.from({length: i % 3}, (_, j) => item(`${id}/${i * 10 + j}`, {product: `${i % 7}`}));
      wanted.set(id, {id, user_id: user, total_amount: total, items_count: String(lines.length)});
      return [order(id, {user, total}), ...lines];
    });
    const chunks: Change[][] = [];
    for (let at = 0; at < changes.length; at += 500) chunks.push(changes.slice(at, at + 500).flat());
    await bench.applyAll(chunks);
    const others = Array.from({length: 3_000}, (_, i) => [`order:${i}`, 'x', `${PREFIX}order:{${i}}`, 'x']);
    await bench.redis.mset(others.flat());
  });

  test('orders list prints each order once with its exact values, and no other key', async () => {
    const found = await projector('orders', 'list', '--limit', '5000', '--json');
    expect([found.exitCode, found.notes, found.lines.length]).toEqual([0, [], wanted.size]);
    expect(new Map(parsed<Listed>(found).map((row) => [row.id, row]))).toEqual(wanted);
    const text = await projector('orders', 'list', '--limit', '5000');
    const ids = text.lines.slice(1).map((row) => row.trim().split(/ +/)[0]);
    expect(new Set(ids)).toEqual(new Set(wanted.keys()));
  });

  test('orders list prints at most --limit orders, or 100 by default', async () => {
    for (const [args, rows] of [
      [[], 100],
      [['--limit', '1'], 1],
      [['--limit', '777'], 777],
    ] as const) {
      const found = parsed<Listed>(await projector('orders', 'list', '--json', ...args));
      expect(found).toHaveLength(rows);
      expect(new Set(found.map(({id}) => id)).size).toBe(rows);
      expect(found).toEqual(found.map(({id}) => wanted.get(id)));
    }
  });

  test('orders count prints the counter of the worker; --scan reports if the number of keys differs', async () => {
    const count = String(wanted.size);
    expect(await projector('orders', 'count')).toEqual({exitCode: 0, lines: [count], notes: []});
    expect(await projector('orders', 'count', '--scan')).toEqual({exitCode: 0, lines: [count], notes: []});
    await bench.redis.del(`${PREFIX}order:17`);
    const found = await projector('orders', 'count', '--scan', '--json');
    expect(parsed(found)).toEqual([{orders: count, scanned: String(wanted.size - 1)}]);
    expect(found.notes).toEqual([
      expect.stringContaining(`holds ${count} orders, but SCAN found ${wanted.size - 1}`),
    ]);
  });

  test('orders list prints a lasting order exactly once while others are created and deleted', async () => {
    let next = MANY;
    const printed = projector('orders', 'list', '--limit', '999999', '--json');
    const listing = {isOver: false};
    void printed.finally(() => (listing.isOver = true));
    // There are enough orders that Redis resizes its hash table during the scan.
    while (!listing.isOver || next < 3 * MANY) {
      const ids = Array.from({length: 250}, () => String(++next));
      await bench.applyAll([
        ids.map((id) => order(id)),
        ids.filter((_, i) => i % 3 > 0).map((id) => orderGone(id)),
      ]);
    }
    const found = parsed<Listed>(await printed);
    const ids = found.map(({id}) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const listed = new Map(found.map((row) => [row.id, row]));
    expect([...wanted.keys()].filter((id) => !listed.has(id))).toEqual([]);
    expect([...wanted].filter(([id, row]) => listed.get(id)?.total_amount !== row.total_amount)).toEqual([]);
  });
});

describe('orders show', () => {
  test.each(BEYOND)('prints order %s in full, with its line items sorted by id (I8)', async (id) => {
    await bench.applyAll([
      [
        order(id, {user: '9007199254740995', total: '45.99'}),
        item(`${id}/100`, {product: '15', quantity: '3'}),
        item(`${id}/20`, {product: '10'}),
      ],
    ]);
    const row = {
      id,
      user_id: '9007199254740995',
      total_amount: '45.99',
      items_count: '2',
      items: 'product_id:10,quantity:1;product_id:15,quantity:3',
    };
    const json = await projector('orders', 'show', id, '--json');
    expect([json.exitCode, json.notes, parsed(json)]).toEqual([
      0,
      [],
      [
        {
          found: true,
          id,
          order: row,
          items: [
            {id: '20', product_id: '10', quantity: '1'},
            {id: '100', product_id: '15', quantity: '3'},
          ],
        },
      ],
    ]);
    const text = await projector('orders', 'show', id);
    expect([text.exitCode, text.notes]).toEqual([0, []]);
    expect(text.lines.map((shown) => shown.trim().split(/ +/))).toEqual([
      ...Object.entries(row),
      [''],
      ['item', 'product_id', 'quantity'],
      ['20', '10', '1'],
      ['100', '15', '3'],
    ]);
  });

  test('reports a missing order with exit code 3, even if similar keys exist', async () => {
    await bench.applyAll([[order('70'), order('-7')]]);
    await bench.redis.hset('order:7', 'id', '7');
    expect(await projector('orders', 'show', '7')).toEqual({
      exitCode: 3,
      lines: [],
      notes: ['order 7: not found in Redis'],
    });
    const json = await projector('orders', 'show', '7', '--json');
    expect(json).toEqual({exitCode: 3, lines: ['{"found":false,"id":"7"}'], notes: []});
  });

  test('reports line items that were kept because the row of their order has not arrived', async () => {
    await bench.applyAll([[item('7/71', {product: '10', quantity: '2'})]]);
    const found = await projector('orders', 'show', '7');
    expect(found).toMatchObject({
      exitCode: 3,
      notes: [expect.stringMatching(/^order 7: not found .* shop:order_lines:7 holds 1 line item, .*$/)],
    });
    expect(await projector('orders', 'list')).toEqual({exitCode: 0, lines: [], notes: []});
    await bench.applyAll([[order('7')]]);
    expect(await projector('orders', 'show', '7')).toMatchObject({exitCode: 0, notes: []});
  });

  test('names a key that is not a hash, and orders list skips this key', async () => {
    await bench.applyAll([[order('7'), order('8')]]);
    await bench.redis.del('shop:order:7');
    await bench.redis.lpush('shop:order:7', 'foreign');
    expect(await projector('orders', 'show', '7')).toEqual({
      exitCode: 5,
      lines: [],
      notes: [expect.stringMatching(/^projector: read-model-corrupt: shop:order:7 is a list, not a hash\./)],
    });
    const list = await projector('orders', 'list', '--json');
    expect(list.notes).toEqual(['shop:order:7 is not a hash: another program has written it']);
    expect(parsed<Listed>(list).map(({id}) => id)).toEqual(['8']);
  });
});

test('report prints the same values for one list as in the full report', async () => {
  const changes = Array.from({length: 5}, (_, i) => [
    order(String(i), {user: String(i), total: `${i + 1}.00`}),
    item(`${i}/${i}`, {product: String(i), quantity: String(i + 1)}),
  ]);
  await bench.applyAll([changes.flat()]);
  const [whole] = parsed<Record<string, unknown>>(await projector('report', '--limit', '2', '--json'));
  const alone = async (list: string): Promise<unknown> =>
    parsed(await projector('report', list, '--top', '2', '--json'))[0];
  expect(whole).toEqual({
    totals: await alone('totals'),
    bestSellers: await alone('products'),
    topSpenders: await alone('users'),
  });
  expect(whole).toMatchObject({
    totals: {orders: '5', units: '15', revenue: '15.00'},
    bestSellers: [
      {productId: '4', unitsSold: '5'},
      {productId: '3', unitsSold: '4'},
    ],
  });
});

test('an unreachable Redis is reported in one line, with exit code 4', async () => {
  const notes: string[] = [];
  const output = {line: () => undefined, note: (text: string) => notes.push(text)};
  const environment = {REDIS_URL: 'redis://127.0.0.1:1', REDIS_KEY_PREFIX: PREFIX};
  for (const args of [['count', '--scan'], ['list'], ['show', '7']])
    expect(await main(['node', 'projector', 'orders', ...args], environment, output)).toBe(4);
  expect(notes).toEqual(Array(3).fill(expect.stringMatching(/^projector: redis-unreachable: /)));
});
