/** `projector orders` on a fake Redis: what each command prints, also if SCAN returns a key twice. */
import {ordersCount, ordersList, ordersShow, type OrdersContext} from '../../src/cli/commands/orders.js';
import {main} from '../../src/cli/program.js';
import {keySpace} from '../../src/redis-model/keys.js';

interface Fake {
  /** The keys that each SCAN call returns. */
  readonly steps?: readonly (readonly string[])[];
  /** `user_id`, `total_amount`, `items_count` by key; undefined for a key that is not a hash. */
  readonly listed?: Readonly<Record<string, (string | null)[] | undefined>>;
  readonly total?: string;
  /** The reply of the script: type and content of the order, then of its line items. */
  readonly reply?: readonly (readonly [kind: string, content: readonly string[] | string])[];
  readonly prefix?: string;
}

interface Printed {
  readonly exitCode: number;
  readonly lines: string[];
  readonly notes: string[];
  /** The number of hashes in each request. */
  readonly asked: number[];
}

async function printed(
  {steps = [[]], listed = {}, total = '0', reply = [], prefix = ''}: Fake,
  command: (context: OrdersContext) => Promise<number>,
): Promise<Printed> {
  const [lines, notes, asked]: [string[], string[], number[]] = [[], [], []];
  const redis: OrdersContext['redis'] = {
    keysMatching: async function* () {
      for (const step of steps) yield await Promise.resolve([...step]);
    },
    fieldsOfEach: async (keys, fields) => {
      asked.push(keys.length);
      const gone = fields.map(() => null);
      return await Promise.resolve(keys.map((key) => (key in listed ? listed[key] : gone)));
    },
    run: async () => await Promise.resolve(reply),
    getAll: async () => await Promise.reject(new Error('not used')),
    highest: async () => await Promise.resolve([]),
    hash: async () => await Promise.resolve({orders: total}),
  };
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  const exitCode = await command({
    redis,
    output,
    keys: keySpace('single', prefix),
    settings: {prefix, moneyDecimals: 2, quantityDecimals: 0},
  });
  return {exitCode, lines, notes, asked};
}

describe('orders count', () => {
  const count = async (fake: Fake, options: {scan?: boolean; json?: boolean} = {}): Promise<Printed> =>
    await printed(fake, async (on) => await ordersCount({scan: false, json: false, ...options}, on));

  test('prints the count in report:totals as a bare number, or as JSON', async () => {
    expect(await count({total: '1234'})).toMatchObject({exitCode: 0, lines: ['1234'], notes: []});
    expect((await count({total: '1234'}, {json: true})).lines).toEqual(['{"orders":"1234"}']);
  });

  test('--scan counts a key that SCAN returns twice only once, and ignores keys that are not orders', async () => {
    const steps = [['order:1', 'order:2', 'order:1'], [], ['order:2', 'order:-3', 'order:{x}', 'order:a b']];
    const found = await count({steps, total: '3'}, {scan: true});
    expect(found).toMatchObject({exitCode: 0, lines: ['3'], notes: []});
    expect((await count({steps, total: '3'}, {scan: true, json: true})).lines).toEqual([
      '{"orders":"3","scanned":"3"}',
    ]);
  });

  test('--scan reports a difference between SCAN and report:totals, in text and in JSON output', async () => {
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

  test('the text output is a header and one row for each order, in the order of SCAN', async () => {
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

  test('the JSON output is one object per line with the field names of the hash; a repeated key is printed once (I8)', async () => {
    const {lines} = await list({steps, listed});
    expect(lines).toEqual([
      '{"id":"1","user_id":"7","total_amount":"45.99","items_count":"2"}',
      '{"id":"9007199254740993","user_id":"8","total_amount":"0.00","items_count":"0"}',
      '{"id":"-3","user_id":"9","total_amount":"1.00","items_count":null}',
    ]);
  });

  test('the list stops at the limit and requests no further orders', async () => {
    const found = await list({steps, listed}, {limit: 1});
    expect([idsOf(found), found.asked]).toEqual([['1'], [1]]);
    expect(idsOf(await list({steps, listed}, {limit: 2}))).toEqual(['1', '9007199254740993']);
  });

  test('orders that are deleted during the scan do not count towards the limit', async () => {
    const gone = Array.from({length: 5}, (_, i) => `order:10${i}`);
    const found = await list({steps: [[...gone, 'order:1', 'order:-3']], listed}, {limit: 2});
    expect(idsOf(found)).toEqual(['1', '-3']);
  });

  test('a long result of SCAN is read in batches of 500', async () => {
    const keys = Array.from({length: 1_200}, (_, i) => `order:${i}`);
    const found = await list(
      {steps: [keys], listed: Object.fromEntries(keys.map((key) => [key, ['1', '1.00', '0']]))},
      {limit: 5_000},
    );
    expect([idsOf(found).length, found.asked]).toEqual([1_200, [500, 500, 200]]);
  });

  test('a key that is not a hash is named in a note, and the other orders are listed', async () => {
    const found = await list({steps: [['order:2', 'order:1']], listed: {...listed, 'order:2': undefined}});
    expect(idsOf(found)).toEqual(['1']);
    expect(found.notes).toEqual(['order:2 is not a hash: another program has written it']);
  });

  test('an empty list has no header', async () => {
    expect(await list({}, {json: false})).toMatchObject({exitCode: 0, lines: [], notes: []});
  });
});

describe('orders show', () => {
  const ROW = ['id', '7', 'user_id', '12', 'total_amount', '45.99', 'items_count', '2', 'items', 'x'];
  const LINES = ['string', '99:10:-1;101:15:3'] as const;
  const show = async (reply: Fake['reply'] & object, {json = false, prefix = ''} = {}): Promise<Printed> =>
    await printed({reply, prefix}, async (on) => await ordersShow({id: '7', json}, on));

  test('prints the fields of the hash with control characters escaped, then the line items in numeric order of their ids', async () => {
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

  test('the JSON output contains the order and its line items', async () => {
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

  test('an order that does not exist is reported in one sentence, with exit code 3', async () => {
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

  test('line items without their order are printed, with a note that says why they can exist', async () => {
    const found = await show([NOTHING, ['string', '71:10:2']], {prefix: 'shop:'});
    expect(found).toMatchObject({
      exitCode: 3,
      lines: ['item  product_id  quantity', '  71          10         2'],
      notes: [
        'order 7: not found in Redis; shop:order_lines:7 holds 1 line item, kept until the row of the order arrives, or satisfies ORDERS_WHERE',
      ],
    });
    const json = await show([NOTHING, ['string', '71:10:2']], {json: true});
    expect(json).toMatchObject({
      exitCode: 3,
      notes: [],
      lines: ['{"found":false,"id":"7","items":[{"id":"71","product_id":"10","quantity":"2"}]}'],
    });
  });

  test('a note reports line items whose number differs from items_count', async () => {
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
  ])('foreign content %j is rejected, and the error names the key', async (reply, detail) => {
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

  test('an empty text is not an order id: the command exits with code 2 and prints one line', async () => {
    const {exitCode, notes} = await show('');
    expect([exitCode, notes.length]).toEqual([2, 1]);
    expect(notes[0]).toMatch(/^projector: usage: the order id must not be empty\. See/);
  });

  test.each([
    '0',
    '-7',
    '9007199254740993',
    '18446744073709551615',
    '007',
    '6f1c-00',
    'a b',
    'a%3Ab',
    '\u001b[2J',
  ])('%s is an order id', async (id) => {
    for (const args of [[id], ['--json', id], [id, '--json']]) {
      expect(await show(...args)).toEqual({
        exitCode: 2,
        notes: [expect.stringContaining('REDIS_URL is not set')],
      });
    }
  });
});

test.each([[['count']], [['list']], [['show', '7']]])(
  'orders %j without settings prints one line that names the missing settings, and exits with code 2',
  async (args) => {
    const notes: string[] = [];
    const output = {line: (text: string) => notes.push(text), note: (text: string) => notes.push(text)};
    expect(await main(['node', 'projector', 'orders', ...args], {}, output)).toBe(2);
    expect(notes).toEqual([expect.stringMatching(/^projector: config-invalid: .*REDIS_URL is not set/)]);
  },
);
