import type {Finding} from '../../src/operations/verify/finding.js';
import {settle, type SettleDeps, type Settled} from '../../src/operations/verify/settle.js';
import {StoredPositions} from '../../src/redis-model/storedPositions.js';

const STILL_MS = 5_000;
const WAIT_MS = 60_000;

function finding(found: string): Finding {
  return {kind: 'counter-differs', key: 'product:7:sold', field: null, expected: '5', found};
}

interface World {
  /** What the looks at the subject find, one after the other; the last one stays. */
  readonly looks: readonly (readonly Finding[])[];
  /** Position of the one partition at each look; the log ends at 100. */
  readonly position?: (look: number) => string;
  /** The same of the expected side, where it follows the log. */
  readonly staging?: (look: number) => string;
  /** How long a look takes. */
  readonly lookMs?: number;
}

async function settled({
  looks,
  position = () => 'v1 100',
  staging = () => 'v1 100',
  lookMs = 0,
}: World): Promise<Settled & {tookMs: number}> {
  let nowMs = 0;
  let look = 0;
  const deps: SettleDeps = {
    compare: async () =>
      await Promise.resolve(new Map([['7', looks[Math.min(look++, looks.length - 1)] ?? []]])),
    ranges: async () => await Promise.resolve(new Map([[0, {low: 0n, high: 100n}]])),
    positions: [position, staging].map(
      (at) => new StoredPositions({getAll: async () => await Promise.resolve([at(look)])}, 't', ''),
    ),
    clock: {
      // Asked at once after each look for the time of what it has found, and then again.
      nowMs: () => (nowMs += lookMs),
      sleep: async (ms) => {
        nowMs += ms;
        await Promise.resolve();
      },
    },
    stillMs: STILL_MS,
    waitMs: WAIT_MS,
    progress: () => undefined,
    signal: new AbortController().signal,
  };
  const result = await settle([{kind: 'product', id: '7'}], deps);
  return {...result, tookMs: nowMs};
}

test('what is equal at two looks in a row is no difference', async () => {
  expect(await settled({looks: [[finding('4')], [], []]})).toMatchObject({
    certain: [],
    open: [],
    isBehind: false,
  });
});

test('what is equal once, by coincidence, is looked at on', async () => {
  const {certain, tookMs} = await settled({looks: [[finding('4')], [], [finding('4')]]});
  expect(certain).toEqual([{subject: {kind: 'product', id: '7'}, findings: [finding('4')]}]);
  expect(tookMs).toBeGreaterThanOrEqual(STILL_MS);
});

test('what stands still for long enough, behind the end of the log, is certain', async () => {
  const {certain, open, tookMs} = await settled({looks: [[finding('3')], [finding('4')]]});
  expect([certain.length, open]).toEqual([1, []]);
  expect(tookMs).toBeGreaterThanOrEqual(STILL_MS);
  expect(tookMs).toBeLessThan(2 * STILL_MS);
});

test('what was seen in one long look alone is not certain', async () => {
  const looks = [[finding('4')], [], []];
  expect(await settled({looks, lookMs: STILL_MS + 1})).toMatchObject({certain: []});
});

test('nothing is certain before Redis has passed the end of the log', async () => {
  const behind = await settled({looks: [[finding('4')]], position: () => 'v1 99'});
  expect(behind).toMatchObject({certain: [], open: [{kind: 'product', id: '7'}], isBehind: true});
  expect(behind.tookMs).toBeGreaterThanOrEqual(WAIT_MS);
  // A fence stands for a position.
  const late = await settled({
    looks: [[finding('4')]],
    position: (look) => (look < 40 ? 'fence 1 x v1 99' : 'fence 1 x v1 100'),
  });
  expect(late).toMatchObject({open: [], isBehind: false, certain: [{findings: [finding('4')]}]});
  expect(late.tookMs).toBeGreaterThan(2 * STILL_MS - 1_000);
});

test('nothing is certain before the expected side has passed the end of the log either', async () => {
  const behind = await settled({looks: [[finding('4')]], staging: () => 'v1 99'});
  expect(behind).toMatchObject({certain: [], open: [{kind: 'product', id: '7'}], isBehind: true});
  const late = await settled({
    looks: [[finding('4')]],
    staging: (look) => (look < 40 ? 'v1 99' : 'v1 100'),
  });
  expect(late).toMatchObject({open: [], isBehind: false, certain: [{findings: [finding('4')]}]});
  expect(late.tookMs).toBeGreaterThan(2 * STILL_MS - 1_000);
});

test('what never stands still stays open, and is no difference', async () => {
  const looks = Array.from({length: 400}, (_, i) => [finding(String(i))]);
  expect(await settled({looks})).toMatchObject({
    certain: [],
    open: [{kind: 'product', id: '7'}],
    isBehind: false,
  });
});
