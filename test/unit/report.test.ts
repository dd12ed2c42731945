/** The output of commands: amounts with their decimals, tables, and `projector report`. */
import {table} from '../../src/cli/terminal/output.js';
import {main} from '../../src/cli/program.js';
import {printReport, type ReportList} from '../../src/cli/commands/report.js';
import {withDecimals, type ReportSource} from '../../src/operations/report/report.js';

test.each([
  ['4599', 2, '45.99'],
  ['5', 2, '0.05'],
  ['0', 2, '0.00'],
  ['-5', 2, '-0.05'],
  ['-4599', 2, '-45.99'],
  ['100', 2, '1.00'],
  ['4599', 0, '4599'],
  ['1', 8, '0.00000001'],
  ['900719925474099300', 2, '9007199254740993.00'],
])('%s minor units with %d decimals are printed as %s', (minorUnits, decimals, printed) => {
  expect(withDecimals(minorUnits, decimals)).toBe(printed);
});

test('each column is as wide as its longest cell, and numbers are aligned to the right', () => {
  const rows = [
    ['10', '7', 'ten'],
    ['longer than its title', '-1200.50', ''],
  ];
  expect(table(['product', 'units', 'name'], rows)).toEqual([
    'product                units     name',
    '                   10         7  ten',
    'longer than its title  -1200.50',
  ]);
});

test('a table without rows consists of its header', () => {
  expect(table(['a', 'b'], [])).toEqual(['a  b']);
});

describe('projector report', () => {
  const SETS: Record<string, {member: string; score: string}[]> = {
    'shop:report:products': [
      {member: '10', score: '1e+17'},
      {member: '15', score: '3'},
    ],
    'shop:report:users': [{member: '7', score: '4599'}],
  };
  const TOTALS = {orders: '2', units: '7', revenue: '4599'};
  const PRODUCTS = [
    {productId: '10', unitsSold: '100000000000000000'},
    {productId: '15', unitsSold: '3'},
  ];

  /** The lines that a report prints, and the keys that it read. */
  async function printed(
    list: ReportList | undefined,
    {top = 10, json = false} = {},
  ): Promise<{lines: string[]; asked: string[]}> {
    const [lines, asked]: [string[], string[]] = [[], []];
    const redis: ReportSource = {
      highest: async (key, limit) => {
        asked.push(key);
        return await Promise.resolve((SETS[key] ?? []).slice(0, limit));
      },
      hash: async (key) => {
        asked.push(key);
        return await Promise.resolve(key === 'shop:report:totals' ? TOTALS : {});
      },
    };
    const output = {line: (text: string) => lines.push(text), note: () => undefined};
    const settings = {prefix: 'shop:', moneyDecimals: 2, quantityDecimals: 0};
    await printReport({list, top, json}, {redis, settings, output});
    return {lines, asked};
  }

  test('without the name of a list the command prints all three lists', async () => {
    const {lines} = await printed(undefined);
    expect(lines).toEqual([
      '2 orders, 7 units, revenue 45.99',
      '',
      'best sellers: product  units',
      `${' '.repeat(19)}10  100000000000000000`,
      `${' '.repeat(19)}15  ${'3'.padStart(18)}`,
      '',
      'top spenders: user  spent',
      `${' '.repeat(17)}7  45.99`,
    ]);
    const json = await printed(undefined, {json: true});
    expect(json.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        totals: {orders: '2', units: '7', revenue: '45.99'},
        bestSellers: PRODUCTS,
        topSpenders: [{userId: '7', spent: '45.99'}],
      },
    ]);
  });

  test.each([
    ['products' as const, PRODUCTS],
    ['users' as const, [{userId: '7', spent: '45.99'}]],
    ['totals' as const, {orders: '2', units: '7', revenue: '45.99'}],
  ])('%s prints only this list and reads only its key', async (list, value) => {
    const {lines, asked} = await printed(list, {json: true});
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([value]);
    expect(asked).toEqual([`shop:report:${list}`]);
    const whole = (await printed(undefined)).lines;
    const alone = (await printed(list)).lines;
    expect(whole.join('\n')).toContain(alone.join('\n'));
    expect(alone.length).toBeGreaterThan(0);
  });

  test.each(['1.5', 'inf', '-inf', 'nan'])(
    'a score of %s was not written by a worker: the error names the key',
    async (score) => {
      const products = SETS['shop:report:products'];
      SETS['shop:report:products'] = [{member: '10', score}];
      try {
        await expect(printed('products')).rejects.toMatchObject({
          kind: 'read-model-corrupt',
          detail: 'shop:report:products: the score of a member is not a whole number',
        });
      } finally {
        if (products !== undefined) SETS['shop:report:products'] = products;
      }
    },
  );

  test('--top limits the number of rows of a list', async () => {
    const {lines} = await printed('products', {top: 1, json: true});
    expect(JSON.parse(lines[0]!)).toEqual(PRODUCTS.slice(0, 1));
  });

  test.each([
    [['orders'], /Allowed choices are products, users, totals/],
    [['products', '--top', '0'], /must be a whole number from 1 to 999999/],
    [['--limit', '5.5'], /must be a whole number from 1 to 999999/],
    [['--top', '5', '--limit', '5'], /'--limit <rows>' cannot be used with option '--top <rows>'/],
  ])('the arguments %j are a usage error', async (args, notified) => {
    const notes: string[] = [];
    const output = {line: () => undefined, note: (text: string) => notes.push(text)};
    expect(await main(['node', 'projector', 'report', ...args], {}, output)).toBe(2);
    expect(notes.join('\n')).toMatch(notified);
  });

  test.each([[['--limit', '5']], [['users', '--top', '5']]])('the arguments %j are valid', async (args) => {
    const notes: string[] = [];
    const output = {line: () => undefined, note: (text: string) => notes.push(text)};
    expect(await main(['node', 'projector', 'report', ...args], {}, output)).toBe(2);
    expect(notes).toEqual([expect.stringContaining('REDIS_URL is not set')]);
  });
});
