/** How a command waits until MySQL shows every transaction whose records are in the topic (S8). */
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import type {GtidWait} from '../../src/clients/mysql.js';
import {transactionOf} from '../../src/decode/sourceGtid.js';
import {newVisible, PAUSE_WITHOUT_GTIDS_MS} from '../../src/upstream/visibility.js';

const flat = (op: string, gtid: string | null): string =>
  JSON.stringify({id: 1, __op: op, __source_gtid: gtid});
const envelope = (op: string, gtid: string | null): string => JSON.stringify({op, after: {}, source: {gtid}});

test.each([
  ['flat', flat('c', 'a:1'), {kind: 'gtid', gtid: 'a:1'}],
  ['envelope', envelope('u', 'a:2'), {kind: 'gtid', gtid: 'a:2'}],
  [
    'envelope with its schema',
    `{"schema":{},"payload":${envelope('d', 'a:3')}}`,
    {kind: 'gtid', gtid: 'a:3'},
  ],
  ['flat without GTIDs', flat('d', null), {kind: 'no-gtid'}],
  ['envelope without GTIDs', envelope('c', null), {kind: 'no-gtid'}],
  ['snapshot', envelope('r', null), {kind: 'none'}],
  ['flat snapshot', flat('r', null), {kind: 'none'}],
  ['not JSON', '{', {kind: 'none'}],
  ['no object', '7', {kind: 'none'}],
])('the transaction of a record: %s', (_, text, expected) => {
  expect(transactionOf(Buffer.from(text))).toEqual(expected);
});

test('a tombstone names no transaction', () => {
  expect(transactionOf(null)).toEqual({kind: 'none'});
});

interface World {
  /** The values of the records of each partition, in batches. Null stands for a batch of control records. */
  readonly batches: Readonly<Record<number, readonly (readonly string[] | null)[]>>;
  readonly answers?: readonly GtidWait[];
  /** The first offset that still exists. */
  readonly lostBelow?: bigint;
}

interface Run {
  readonly asked: string[];
  readonly notes: string[];
  readonly sleptMs: number;
  readonly error: unknown;
}

async function run(
  {batches, answers = ['shown'], lostBelow = 0n}: World,
  signal?: AbortSignal,
): Promise<Run> {
  const asked: string[] = [];
  const notes: string[] = [];
  let sleptMs = 0;
  let nowMs = 0;
  const all = new Map(
    Object.entries(batches).map(([partition, list]) => {
      let offset = 0n;
      const placed = list.map((values) =>
        (values ?? ['control']).map((value): LogRecord & {isControl: boolean} => ({
          offset: offset++,
          timestampMs: '0',
          key: null,
          value: Buffer.from(value),
          isControl: values === null,
        })),
      );
      return [Number(partition), {placed, end: offset}] as const;
    }),
  );
  const visible = newVisible({
    recordsBefore: async (partition, end) => {
      if (end <= lostBelow) return undefined;
      const batch = all
        .get(partition)
        ?.placed.find((records) => records.some(({offset}) => offset === end - 1n));
      return await Promise.resolve((batch ?? []).filter(({offset, isControl}) => offset < end && !isControl));
    },
    waitForGtids: async (gtids, timeoutMs) => {
      asked.push(gtids);
      nowMs += timeoutMs;
      return await Promise.resolve(answers[asked.length - 1] ?? 'missing');
    },
    timeoutMs: 5_000,
    clock: {
      nowMs: () => nowMs,
      sleep: async (ms) => {
        sleptMs += ms;
        await Promise.resolve();
      },
    },
    onPause: (reason) => void notes.push(reason),
  });
  const ends = new Map([...all].map(([partition, {end}]) => [partition, end]));
  const attempt = async (): Promise<unknown> =>
    await visible(ends, signal).then(
      () => undefined,
      (failure: unknown) => failure,
    );
  const error = await attempt();
  if (error === undefined) await attempt();
  return {asked, notes, sleptMs, error};
}

test('it waits for the newest transaction of each partition, whatever is after it (S8)', async () => {
  const {asked, sleptMs, error} = await run({
    batches: {
      0: [[flat('c', 'a:1'), flat('u', 'a:2')], [flat('r', null)], null],
      1: [[envelope('c', 'a:3')], ['not JSON']],
      2: [],
    },
    answers: ['missing', 'shown', 'shown'],
  });
  expect(error).toBeUndefined();
  expect(asked).toEqual(['a:2,a:3', 'a:2,a:3', 'a:2,a:3']);
  expect(sleptMs).toBe(0);
});

test('a partition without records needs no wait, not even below its first offset', async () => {
  const {asked, sleptMs, notes} = await run({batches: {0: []}, lostBelow: 0n});
  expect([asked, sleptMs, notes]).toEqual([[], 0, []]);
});

test('it waits for the transactions that it knows, also if another partition names none (S8)', async () => {
  const {asked, notes} = await run({
    batches: {0: [[flat('r', null)]], 1: [[flat('c', 'a:1')]], 2: [[flat('c', null)]]},
    answers: ['shown', 'shown'],
  });
  expect(asked).toEqual(['a:1', 'a:1']);
  expect(notes).toHaveLength(1);
});

test('it does not read below the first offset that still exists', async () => {
  const {asked, notes, error} = await run({
    batches: {0: [[flat('c', 'a:1')], [flat('r', null)]]},
    lostBelow: 1n,
  });
  expect([asked, notes.length, error]).toEqual([[], 1, undefined]);
});

test.each<[string, World, string]>([
  [
    'the records have none',
    {batches: {0: [[flat('c', null)]]}},
    'the last records of the topic have no GTIDs',
  ],
  [
    'MySQL has none',
    {batches: {0: [[flat('c', 'a:1')]]}, answers: ['unsupported', 'unsupported']},
    'MySQL cannot wait for a GTID',
  ],
])('without GTIDs it pauses and says so once: %s (S8)', async (_, world, note) => {
  const {notes, sleptMs} = await run(world);
  expect(notes).toEqual([note]);
  expect(sleptMs).toBe(2 * PAUSE_WITHOUT_GTIDS_MS);
});

test('a transaction that MySQL never shows ends the wait with mysql-behind', async () => {
  const {error} = await run({batches: {0: [[flat('c', 'a:1')]]}, answers: []});
  expect(error).toMatchObject({kind: 'mysql-behind', detail: expect.stringContaining('a:1') as string});
});

test('an interruption ends the wait', async () => {
  const {error} = await run(
    {batches: {0: [[flat('c', 'a:1')]]}, answers: []},
    AbortSignal.abort(new Error('ended')),
  );
  expect(error).toMatchObject({message: 'ended'});
});
