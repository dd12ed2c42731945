/** `projector orders` on something that stands for Redis: what is printed, and what SCAN may do meanwhile. */
import {ordersCount, ordersList, ordersShow, type OrdersContext} from '../../src/cli/commands/orders.js';
import {main} from '../../src/cli/program.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';

interface Fake {
  /** Keys that SCAN gives, step by step. */
  readonly steps?: readonly (readonly string[])[];
  /** `user_id`, `total_amount`, `items_count` by key; undefined for a key that is no hash. */
  readonly listed?: Readonly<Record<string, (string | null)[] | undefined>>;
  readonly total?: string;
  /** What the script answers: type and content, of the order and of its lines. */
  readonly reply?: readonly (readonly [kind: string, content: readonly string[] | string])[];
  readonly prefix?: string;
}

interface Printed {
  readonly exitCode: number;
  readonly lines: string[];
  readonly notes: string[];
  /** How many hashes were asked for, each time. */
  readonly asked: number[];
}

async function printed(
  {steps = [[]], listed = {}, total = '0', reply = [], prefix = ''}: Fake,
  command: (context: OrdersContext) => Promise<number>,
): Promise<Printed> {
  const [lines, notes, asked]: [string[], string[], number[]] = [[], [], []];
  const redis: OrdersContext['redis'] = {
    scan: async (cursor) => {
      const step = Number(cursor);
      const next = step + 1 < steps.length ? String(step + 1) : '0';
      return await Promise.resolve({cursor: next, keys: [...(steps[step] ?? [])]});
    },
    fieldsOfEach: async (keys, fields) => {
      asked.push(keys.length);
      const gone = fields.map(() => null);
      return await Promise.resolve(keys.map((key) => (key in listed ? listed[key] : gone)));
    },
    run: async () => await Promise.resolve(reply),
    highest: async () => await Promise.resolve([]),
    hash: async () => await Promise.resolve({orders: total}),
  };
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  const exitCode = await command({
    redis,
    output,
    keys: keysWithPrefix(prefix),
    settings: {prefix, moneyDecimals: 2},
  });
  return {exitCode, lines, notes, asked};
}

describe('orders count', () => {
  const count = async (fake: Fake, options: {scan?: boolean; json?: boolean} = {}): Promise<Printed> =>
    await printed(fake, async (on) => await ordersCount({scan: false, json: false, ...options}, on));

  test("prints the worker's count, a bare number", async () => {
    expect(await count({total: '1234'})).toMatchObject({exitCode: 0, lines: ['1234'], notes: []});
    expect((await count({total: '1234'}, {json: true})).lines).toEqual(['{"orders":"1234"}']);
  });

  test('--scan counts keys that came twice once, and none of anything else', async () => {
    const steps = [['order:1', 'order:2', 'order:1'], [], ['order:2', 'order:-3', 'order:x', 'order:04']];
    const found = await count({steps, total: '3'}, {scan: true});
    expect(found).toMatchObject({exitCode: 0, lines: ['3'], notes: []});
    expect((await count({steps, total: '3'}, {scan: true, json: true})).lines).toEqual([
      '{"orders":"3","scanned":"3"}',
    ]);
  });

  test('--scan tells when the two differ, in either form', async () => {
    for (const json of [false, true]) {
      const found = await count({steps: [['shop:order:1']], total: '2', prefix: 'shop:'}, {scan: true, json});
      expect(found.lines).toEqual([json ? '{"orders":"2","scanned":"1"}' : '1']);
      expect(found.notes).toEqual([
        expect.stringMatching(
          /^shop:report:totals holds 2 orders, but SCAN found 1: this is normal while workers write/,
        ),
      ]);
    }
  });
});

describe('orders list', () => {
  const list = async (fake: Fake, {limit = 100, json = true} = {}): Promise<Printed> =>
    await printed(fake, async (on) => await ordersList({limit, json}, on));
  const idsOf = ({lines}: Printed): string[] => lines.map((line) => (JSON.parse(line) as {id: string}).id);
  const listed = {
    'order:1': ['7', '45.99', '2'],
    'order:9007199254740993': ['8', '0.00', '0'],
    'order:-3': ['9', '1.00', null],
  };
  const steps = [['order:1', 'order:9007199254740993'], ['order:1'], ['order:-3', 'order:4', 'order:1']];

  test('as text: a head, then a row for each, printed as they come', async () => {
    expect(await list({steps, listed}, {json: false})).toMatchObject({
      exitCode: 0,
      lines: [
        'id                    user_id               total_amount    items_count',
        '                   1                     7           45.99            2',
        '    9007199254740993                     8            0.00            0',
        '                  -3                     9            1.00  none',
      ],
      notes: [],
    });
  });

  test('as JSON lines, named as in the hash; one that came twice, once (I8)', async () => {
    const {lines} = await list({steps, listed});
    expect(lines).toEqual([
      '{"id":"1","user_id":"7","total_amount":"45.99","items_count":"2"}',
      '{"id":"9007199254740993","user_id":"8","total_amount":"0.00","items_count":"0"}',
      '{"id":"-3","user_id":"9","total_amount":"1.00","items_count":null}',
    ]);
  });

  test('stops at the limit, and asks for no more than that', async () => {
    const found = await list({steps, listed}, {limit: 1});
    expect([idsOf(found), found.asked]).toEqual([['1'], [1]]);
    expect(idsOf(await list({steps, listed}, {limit: 2}))).toEqual(['1', '9007199254740993']);
  });

  test('orders that are deleted meanwhile leave room for others', async () => {
    const gone = Array.from({length: 5}, (_, i) => `order:10${i}`);
    const found = await list({steps: [[...gone, 'order:1', 'order:-3']], listed}, {limit: 2});
    expect(idsOf(found)).toEqual(['1', '-3']);
  });

  test('a long step is read in parts', async () => {
    const keys = Array.from({length: 1_200}, (_, i) => `order:${i}`);
    const found = await list(
      {steps: [keys], listed: Object.fromEntries(keys.map((key) => [key, ['1', '1.00', '0']]))},
      {limit: 5_000},
    );
    expect([idsOf(found).length, found.asked]).toEqual([1_200, [500, 500, 200]]);
  });

  test('a key that is no hash is named, and the rest goes on', async () => {
    const found = await list({steps: [['order:2', 'order:1']], listed: {...listed, 'order:2': undefined}});
    expect(idsOf(found)).toEqual(['1']);
    expect(found.notes).toEqual(['order:2 is not a hash: another program has written it']);
  });

  test('nothing is no head either', async () => {
    expect(await list({}, {json: false})).toMatchObject({exitCode: 0, lines: [], notes: []});
  });
});

describe('orders show', () => {
  const ROW = ['id', '7', 'user_id', '12', 'total_amount', '45.99', 'items_count', '2', 'items', 'x'];
  const LINES = ['string', '99:10:-1;101:15:3'] as const;
  const show = async (reply: Fake['reply'] & object, {json = false, prefix = ''} = {}): Promise<Printed> =>
    await printed({reply, prefix}, async (on) => await ordersShow({id: '7', json}, on));

  test('prints the hash and its lines, by the number of their id', async () => {
    const found = await show([['hash', [...ROW, 'note', 'two\nlines\t\u001b[31m']], LINES]);
    expect(found).toMatchObject({exitCode: 0, notes: []});
    expect(found.lines).toEqual([
      'id            7',
      'user_id       12',
      'total_amount  45.99',
      'items_count   2',
      'items         x',
      'note          two\\nlines\\t\\u001b[31m',
      '',
      'item  product_id  quantity',
      '  99          10        -1',
      ' 101          15         3',
    ]);
  });

  test('as JSON', async () => {
    const found = await show([['hash', ROW], LINES], {json: true});
    expect(found).toMatchObject({exitCode: 0, notes: []});
    expect(found.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        found: true,
        id: '7',
        order: {id: '7', user_id: '12', total_amount: '45.99', items_count: '2', items: 'x'},
        items: [
          {id: '99', product_id: '10', quantity: '-1'},
          {id: '101', product_id: '15', quantity: '3'},
        ],
      },
    ]);
  });

  const NOTHING = ['none', []] as const;
  const NO_LINES = ['none', ''] as const;

  test('an order that is not there: one sentence, exit 3', async () => {
    expect(await show([NOTHING, NO_LINES])).toMatchObject({
      exitCode: 3,
      lines: [],
      notes: ['order 7: not found in Redis'],
    });
    expect(await show([NOTHING, NO_LINES], {json: true})).toMatchObject({
      exitCode: 3,
      lines: ['{"found":false,"id":"7"}'],
      notes: [],
    });
  });

  test('lines without their order are shown, and why they may be there', async () => {
    const found = await show([NOTHING, ['string', '71:10:2']], {prefix: 'shop:'});
    expect(found).toMatchObject({
      exitCode: 3,
      lines: ['item  product_id  quantity', '  71          10         2'],
      notes: [
        'order 7: not found in Redis; shop:order_lines:7 holds 1 line item, kept until the row of the order arrives',
      ],
    });
    const json = await show([NOTHING, ['string', '71:10:2']], {json: true});
    expect(json).toMatchObject({
      exitCode: 3,
      notes: [],
      lines: ['{"found":false,"id":"7","items":[{"id":"71","product_id":"10","quantity":"2"}]}'],
    });
  });

  test('lines that do not fit the row are told', async () => {
    const found = await show([
      ['hash', ROW],
      ['string', '-5:3:1;71:10:1;9007199254740993:1:1'],
    ]);
    expect(found.lines.slice(-4)).toEqual([
      'item              product_id  quantity',
      '              -5           3         1',
      '              71          10         1',
      '9007199254740993           1         1',
    ]);
    expect([found.exitCode, found.notes]).toEqual([
      0,
      [
        'order 7: items_count is 2, but order_lines:7 holds 3 line items: another program has written one of them',
      ],
    ]);
  });

  test.each([
    [[['list', []], NO_LINES] as const, 'order:7 is a list, not a hash'],
    [
      [
        ['hash', ROW],
        ['hash', ''],
      ] as const,
      'order_lines:7 is a hash, not a string',
    ],
    [
      [
        ['hash', ROW],
        ['string', '71:10'],
      ] as const,
      'order_lines:7 holds a line item that cannot be read',
    ],
  ])('something else under its keys %j is refused by name', async (reply, detail) => {
    await expect(show(reply)).rejects.toMatchObject({kind: 'read-model-corrupt', detail});
  });
});

describe('the id of an order', () => {
  async function show(...args: string[]): Promise<{exitCode: number; notes: string[]}> {
    const notes: string[] = [];
    const output = {line: () => undefined, note: (text: string) => notes.push(text)};
    const exitCode = await main(['node', 'projector', 'orders', 'show', ...args], {}, output);
    return {exitCode, notes};
  }

  test.each(['x', '1.5', '', '007', '1e3', '1 2', '0x1', '+1', 'order:1', '\u001b[2J'])(
    '%j is a wrong usage, told in one line',
    async (id) => {
      const {exitCode, notes} = await show(id);
      expect([exitCode, notes.length]).toEqual([2, 1]);
      expect(notes[0]).toMatch(/^projector: usage: ".*" is not an order id: it must be a whole number\. See/);
      expect(notes[0]).not.toMatch(/\p{Cc}/u);
    },
  );

  test.each(['0', '7', '-7', '9007199254740993', '18446744073709551615'])('%s is one', async (id) => {
    for (const args of [[id], ['--json', id], [id, '--json']]) {
      expect(await show(...args)).toEqual({
        exitCode: 2,
        notes: [expect.stringContaining('REDIS_URL is not set')],
      });
    }
  });
});

test.each([[['count']], [['list']], [['show', '7']]])(
  'orders %j without settings: one line that says what is missing, and exit code 2',
  async (args) => {
    const notes: string[] = [];
    const output = {line: (text: string) => notes.push(text), note: (text: string) => notes.push(text)};
    expect(await main(['node', 'projector', 'orders', ...args], {}, output)).toBe(2);
    expect(notes).toEqual([expect.stringMatching(/^projector: config-invalid: .*REDIS_URL is not set/)]);
  },
);
