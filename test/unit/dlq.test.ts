/** The parts of the commands for quarantined records that need no server. */
import {keySpace} from '../../src/redis-model/keys.js';
import {isConfirmed} from '../../src/cli/commands/dlq.js';
import {main} from '../../src/cli/program.js';
import type {Terminal} from '../../src/cli/terminal/terminal.js';
import {QuarantineEntries, selectEntries, type StoredEntry} from '../../src/operations/replay/entries.js';
import {printable} from '../../src/runtime/escapeControl.js';
import {linesOf, summaryOf, viewOf} from '../../src/operations/replay/view.js';
import {formatEntry, type QuarantineEntry} from '../../src/redis-model/quarantineEntry.js';

const SECRET = 'Zq7Secret';
const ENTRY: QuarantineEntry = {
  topic: 'shop.order-events',
  partition: 3,
  offset: 1024n,
  timestampMs: '1795426801749',
  kind: 'record-undecodable',
  reason: 'column total_amount is missing',
  orderId: '5',
  key: Buffer.from('5'),
  value: Buffer.from(`{"a":"${SECRET}"}`),
  valueBytes: 17,
};
const NAME = 'shop.order-events:3:1024';

describe('the output for an entry', () => {
  test('a row of the list contains neither the key nor the value (I11)', () => {
    const summary = summaryOf(ENTRY);
    expect(summary).toEqual({
      name: NAME,
      kind: 'record-undecodable',
      orderId: '5',
      reason: 'column total_amount is missing',
      time: '2026-11-23T09:40:01.749Z',
    });
    expect(JSON.stringify(summary)).not.toContain(SECRET);
  });

  test.each(['-1', 'x', '99999999999999999999'])('the invalid time %s is not shown', (timestampMs) => {
    expect(summaryOf({...ENTRY, timestampMs}).time).toBeNull();
  });

  test('the full view shows bytes as text if they are UTF-8, and as base64 otherwise', () => {
    expect(viewOf(ENTRY)).toMatchObject({
      topic: 'shop.order-events',
      partition: 3,
      offset: '1024',
      keptBytes: 17,
      valueBytes: 17,
      key: {encoding: 'utf8', data: '5'},
      value: {encoding: 'utf8', data: `{"a":"${SECRET}"}`},
    });
    expect(viewOf({...ENTRY, key: Buffer.from([0xff]), value: null, valueBytes: 0})).toMatchObject({
      key: {encoding: 'base64', data: '/w=='},
      value: null,
    });
  });

  test('a character that truncation has cut is dropped, and other invalid text is shown as base64', () => {
    const cut = Buffer.from('naïve 🛒').subarray(0, 9);
    expect(viewOf({...ENTRY, value: cut, valueBytes: 5_000}).value).toEqual({
      encoding: 'utf8',
      data: 'naïve ',
    });
    expect(viewOf({...ENTRY, value: cut, valueBytes: 9}).value?.encoding).toBe('base64');
  });

  test('the lines show every field, and control characters are escaped', () => {
    const value = Buffer.from('first\n\u001b[31mred\u0000');
    const lines = linesOf(viewOf({...ENTRY, value, valueBytes: 9_000}));
    expect(lines).toEqual([
      `name    ${NAME}`,
      'kind    record-undecodable',
      'order   5',
      'reason  column total_amount is missing',
      'time    2026-11-23T09:40:01.749Z',
      'key     5',
      `value   the first ${value.length} of 9000 bytes`,
      'first',
      '\\u001b[31mred\\u0000',
    ]);
    expect(linesOf(viewOf({...ENTRY, key: null, value: null, orderId: null, valueBytes: 0}))).toEqual(
      expect.arrayContaining(['order   (unknown)', 'key     (none)', 'value   (none)']),
    );
    expect(printable('\u009b2J')).toBe('\\u009b2J');
  });
});

/** Returns entries with these names, as they are read from Redis. */
async function stored(...names: string[]): Promise<StoredEntry[]> {
  const hash = Object.fromEntries(names.map((name) => [name, formatEntry(ENTRY)]));
  const host = {
    fields: async function* () {
      yield await Promise.resolve(Object.entries(hash));
    },
    run: () => Promise.resolve([]),
    getAll: () => Promise.resolve([]),
  };
  return await new QuarantineEntries(host, keySpace('single', '')).all();
}

function refusal(choose: () => unknown): unknown {
  try {
    return choose();
  } catch (error) {
    return error;
  }
}

describe('the selection of entries', () => {
  test('entries are sorted by topic, partition and offset, and malformed ones come last', async () => {
    const names = ['foreign', 't:1:10', 't:1:9', 't:0:100', 'a:9:9', '', 't:10:1', 't:2:1'];
    const found = await stored(...names);
    const sorted = ['a:9:9', 't:0:100', 't:1:9', 't:1:10', 't:2:1', 't:10:1', '', 'foreign'];
    expect(found.map(({name}) => name)).toEqual(sorted);
    expect(found.filter(({entry}) => entry === undefined).map(({name}) => name)).toEqual(['', 'foreign']);
  });

  test('names select each entry once, in the given order, and --all selects every entry', async () => {
    const all = await stored('t:1:9', 't:1:10', 't:1:11');
    const choose = (...names: string[]): string[] =>
      selectEntries(all, {names, all: false}).map(({name}) => name);
    expect(choose('t:1:11', 't:1:9', 't:1:11')).toEqual(['t:1:11', 't:1:9']);
    expect(selectEntries(all, {names: [], all: true})).toEqual(all);
    expect(selectEntries([], {names: [], all: true})).toEqual([]);
  });

  test.each([
    [['t:1:9', 't:1:8', 't:2:9'], 'entry-unknown', 'not in quarantine: t:1:8, t:2:9'],
    [['nonsense'], 'usage', '"nonsense" is not the name of an entry (topic:partition:offset)'],
    [[], 'usage', 'specify the names of entries, or --all'],
  ])('the selection %j is rejected', async (names, kind, detail) => {
    const all = await stored('t:1:9');
    expect(refusal(() => selectEntries(all, {names, all: false}))).toMatchObject({kind, detail});
  });

  test('names together with --all are rejected', async () => {
    const all = await stored('t:1:9');
    const both = {names: ['t:1:9'], all: true};
    expect(refusal(() => selectEntries(all, both))).toMatchObject({kind: 'usage'});
  });
});

describe('the confirmation before a drop', () => {
  const terminal = (answer: string, asked: string[] = []): Terminal => ({
    isInteractive: true,
    ask: async (question) => {
      asked.push(question);
      return await Promise.resolve(answer);
    },
  });

  test('states the number of entries, and that the orders do not change', async () => {
    const asked: string[] = [];
    await isConfirmed(1, terminal('', asked));
    await isConfirmed(12, terminal('', asked));
    expect(asked).toEqual([
      'Drop 1 entry? The orders do not change and may still differ from MySQL. (y/N) ',
      'Drop 12 entries? The orders do not change and may still differ from MySQL. (y/N) ',
    ]);
  });

  test.each(['y', 'Y', 'yes', ' YES '])('accepts %j as yes', async (answer) => {
    await expect(isConfirmed(1, terminal(answer))).resolves.toBe(true);
  });

  test.each(['', 'n', 'no', 'yep', 'j', 'y n'])('treats %j as no', async (answer) => {
    await expect(isConfirmed(1, terminal(answer))).resolves.toBe(false);
  });

  test('fails with a usage error that names --yes if the terminal is not interactive', async () => {
    const nobody = {...terminal('y'), isInteractive: false};
    await expect(isConfirmed(1, nobody)).rejects.toMatchObject({
      kind: 'usage',
      detail: expect.stringContaining('--yes') as string,
    });
  });
});

test.each([[['list']], [['show', NAME]], [['drop', NAME]], [['replay', '--all']]])(
  'dlq %j without settings prints one line that names the missing setting, and exits with code 2',
  async (args) => {
    const lines: string[] = [];
    const notes: string[] = [];
    const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
    expect(await main(['node', 'projector', 'dlq', ...args], {}, output)).toBe(2);
    expect([lines, notes]).toEqual([
      [],
      [expect.stringMatching(/^projector: config-invalid: .*REDIS_URL is not set/)],
    ]);
  },
);
