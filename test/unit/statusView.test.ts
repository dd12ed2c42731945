/** `projector status` and `lag --watch`: the status as text, and rows that are redrawn in place. */
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {main} from '../../src/cli/program.js';
import {ScreenBlock} from '../../src/cli/terminal/screenBlock.js';
import {watchLag} from '../../src/cli/commands/lag.js';
import {statusLines} from '../../src/cli/commands/status.js';
import {readStatus, workerUrl} from '../../src/cli/workerStatus.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {HttpServer, json} from '../../src/observe/http.js';
import type {PartitionLag} from '../../src/observe/lag.js';
import {statusOf} from '../../src/observe/routes.js';
import type {WorkerView} from '../../src/worker/workerView.js';
import {noCounts} from '../../src/worker/outcomes.js';

const VIEW: WorkerView = {
  state: 'waiting',
  hasJoined: true,
  isKafkaUp: true,
  isRedisUp: false,
  version: '1.2.3',
  group: 'shop',
  topic: 'shop.order-events',
  nowMs: 250_000,
  startedMs: 0,
  rebalances: 1,
  connector: {name: 'shop-orders', state: 'FAILED'},
  audit: null,
  counts: {...noCounts(), consumed: 7n, applied: 6n, quarantined: 1n, newestSourceMs: 246_800},
  partitions: [
    {partition: 0, position: 9n, committed: 9n, start: 0n, end: 12n, lagRecords: 3n, stuckMs: 0, held: null},
    {
      partition: 1,
      position: null,
      committed: null,
      start: null,
      end: null,
      lagRecords: null,
      stuckMs: 0,
      held: null,
    },
  ],
  troubles: [{kind: 'redis-unreachable', detail: 'Redis is\u001b[2J away', sinceMs: 240_000}],
  errors: [{atMs: 240_000, kind: 'redis-unreachable', detail: 'Redis is away'}],
} as unknown as WorkerView;

const body = (): unknown => JSON.parse(json(200, statusOf(VIEW)).body);

async function projector(
  args: readonly string[],
): Promise<{exitCode: number; lines: string[]; notes: string[]}> {
  const lines: string[] = [];
  const notes: string[] = [];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  return {exitCode: await main(['node', 'projector', ...args], {}, output), lines, notes};
}

test('the status shows each value on a line of its own, with control characters escaped', () => {
  const notified = readStatus(body());
  expect(notified).toBeDefined();
  const text = statusLines(notified!).join('\n');
  for (const part of [
    /^state +waiting$/m,
    /^ready +no$/m,
    /redis-unreachable: Redis is\\u001b\[2J away/,
    /version 1\.2\.3, group shop, up for 4 min 10 s/,
    /^lag +unknown$/m,
    /^freshness +3\.2 s old$/m,
    /^records +7 consumed, 6 applied, 0 duplicate, 0 ignored, 1 quarantined$/m,
    /^quarantined +1 by this worker/m,
    /^connector +shop-orders FAILED$/m,
    /^ +0 +9 +12 +3$/m,
    /^ +1 +none +unknown +unknown$/m,
    /^1970-01-01T00:04:00\.000Z {2}redis-unreachable: Redis is away$/m,
  ])
    expect(text).toMatch(part);
  expect(text).not.toContain('\u001b');
});

test.each([[null], ['text'], [{}], [{state: 'running'}], [[]]])('%j is not a worker status', (value) => {
  expect(readStatus(value)).toBeUndefined();
});

describe('projector status', () => {
  test('the command prints the status of a worker, and with --json the unchanged response', async () => {
    const server = new HttpServer({'/status': () => json(200, statusOf(VIEW))});
    const port = await server.listen('127.0.0.1', 0);
    try {
      const {exitCode, lines} = await projector(['status', '--projector-http-port', String(port)]);
      expect([exitCode, lines[0]]).toEqual([0, 'state       waiting']);
      const printed = await projector(['status', '--json', '--url', `http://127.0.0.1:${port}/`]);
      expect(JSON.parse(printed.lines.join('\n'))).toEqual(body());
    } finally {
      await server.close();
    }
  });

  test('if no worker responds, the command prints one line and exits with code 4', async () => {
    const {exitCode, lines, notes} = await projector(['status', '--url', 'http://127.0.0.1:1']);
    expect([exitCode, lines]).toEqual([4, []]);
    expect(notes).toEqual([
      expect.stringMatching(
        /^projector: worker-unreachable: cannot read the status of a worker from http:\/\/127\.0\.0\.1:1\/status: .+/,
      ),
    ]);
  });

  test('a server that is not a worker is reported with exit code 4', async () => {
    const server = createServer((_, response) => response.end('{"hello": 1}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const {port} = server.address() as AddressInfo;
      const {exitCode, notes} = await projector(['status', '--url', `http://127.0.0.1:${port}`]);
      expect([exitCode, notes]).toEqual([4, [expect.stringContaining('is not a projector worker')]]);
    } finally {
      server.close();
    }
  });

  test.each([['off'], ['0']])('with PROJECTOR_HTTP_PORT=%s the command requires --url', async (port) => {
    const {exitCode, notes} = await projector(['status', '--projector-http-port', port]);
    expect([exitCode, notes]).toEqual([2, [expect.stringContaining('--url')]]);
  });

  test('a worker that listens on all addresses is requested at the loopback address', () => {
    expect(workerUrl('0.0.0.0', 1)).toBe('http://127.0.0.1:1');
    expect(workerUrl('::', 1)).toBe('http://[::1]:1');
    expect(workerUrl('fd00::1', 1)).toBe('http://[fd00::1]:1');
  });
});

/** A terminal that interprets the output of ScreenBlock. It fails if a row would scroll out of view. */
class Terminal {
  readonly rowsShown: string[] = [''];
  #row = 0;

  constructor(
    readonly columns: number,
    readonly rows: number,
  ) {}

  write(text: string): void {
    // The escape character is replaced by ^, so that the pattern below contains no control character.
    const shown = text.replaceAll('\u001b', '^');
    for (const [, up, clear, plain] of shown.matchAll(/\r\^\[(\d+)A|(\^\[J)|([^^\r]+)/g)) {
      if (up !== undefined) this.#row -= Number(up);
      else if (clear !== undefined) this.rowsShown.splice(this.#row, Infinity, '');
      else
        for (const [index, part] of (plain ?? '').split('\n').entries()) {
          if (index > 0) this.rowsShown[++this.#row] = '';
          const row = (this.rowsShown[this.#row] ?? '') + part;
          this.rowsShown[this.#row] = row;
          expect(row.length).toBeLessThan(this.columns);
        }
      expect(this.#row).toBeGreaterThanOrEqual(0);
      expect(this.rowsShown.length).toBeLessThanOrEqual(this.rows);
    }
  }
}

const row = (partition: number, lagRecords: bigint): PartitionLag => ({
  partition,
  position: 5n,
  isUnreadable: false,
  start: 0n,
  end: 5n + lagRecords,
  lagRecords,
});

describe('lag --watch', () => {
  /** Runs `lag --watch` until each of the answers was returned once. */
  async function watched(
    answers: readonly (readonly PartitionLag[] | Error)[],
    {isJson = false, screen = null}: {isJson?: boolean; screen?: Terminal | null} = {},
  ): Promise<{lines: string[]; notes: string[]}> {
    const lines: string[] = [];
    const notes: string[] = [];
    const end = new AbortController();
    let next = 0;
    await watchLag(
      async () => {
        const answer = answers[next++]!;
        if (answer instanceof Error) throw answer;
        return await Promise.resolve(answer);
      },
      {
        json: isJson,
        interval: 2,
        topic: 'events',
        screen,
        output: {line: (text) => lines.push(text), note: (text) => notes.push(text)},
        clock: {
          nowMs: () => next * 2_000,
          sleep: async (ms) => {
            expect(ms).toBe(2_000);
            if (next === answers.length) end.abort();
            await Promise.resolve();
          },
        },
      },
      end.signal,
    );
    return {lines, notes};
  }
  const away = new ProjectorError('redis-unreachable', 'Redis is away');

  test('the output is redrawn in place and cut to the height of the terminal', async () => {
    const many = Array.from({length: 50}, (_, index) => row(index, 1n));
    const screen = new Terminal(60, 10);
    await watched([many, many.slice(0, 3), many], {screen});
    expect(screen.rowsShown[0]).toMatch(/^1970-01-01T00:00:04\.000Z, every 2 s/);
    expect(screen.rowsShown[8]).toBe('(45 more lines)');
    const small = new Terminal(60, 10);
    expect(await watched([many, [row(0, 3n)], away], {screen: small})).toEqual({lines: [], notes: []});
    expect(small.rowsShown.slice(2)).toEqual([
      '        0         5    8    3',
      'consumer lag of events: 3 records',
      'waiting: Redis is away',
      '',
    ]);
  });

  test('without a terminal each update is one line, and an outage of a server is waited for', async () => {
    const {lines, notes} = await watched([[row(0, 3n), row(1, 0n)], away, [row(0, 0n), row(1, 0n)]]);
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z consumer lag of events: 3 records (partition 0: 3, partition 1: 0)',
      '1970-01-01T00:00:04.000Z consumer lag of events: 0 records (partition 0: 0, partition 1: 0)',
    ]);
    expect(notes).toEqual(['1970-01-01T00:00:02.000Z waiting: Redis is away']);
  });

  test('--json prints one object per line', async () => {
    const {lines} = await watched([[row(0, 3n)], [row(0, 1n)]], {isJson: true});
    const notified = lines.map((line) => JSON.parse(line) as {lagRecords: string; at: string});
    expect(notified.map(({lagRecords}) => lagRecords)).toEqual(['3', '1']);
    expect(notified[0]).toMatchObject({
      topic: 'events',
      partitions: [{partition: 0, position: '5', end: '8'}],
    });
  });

  test('a server that is unreachable at the start, or a permanent error, ends the command', async () => {
    await expect(watched([away])).rejects.toBe(away);
    const denied = new ProjectorError('redis-denied', 'no');
    await expect(watched([[row(0, 0n)], denied])).rejects.toBe(denied);
  });
});

test('a block is narrower than its terminal; a terminal of unknown size counts as 80 by 24', () => {
  const written: string[] = [];
  const screen = {columns: undefined, rows: 0, write: (text: string) => written.push(text)};
  new ScreenBlock(screen).draw(Array.from({length: 30}, () => 'x'.repeat(100)));
  const lines = written.join('').split('\n');
  expect(lines.slice(0, -1).map(({length}) => length)).toEqual([
    ...Array<number>(22).fill(79),
    '(8 more lines)'.length,
  ]);
});
