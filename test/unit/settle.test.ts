import type {Finding} from '../../src/operations/verify/finding.js';
import {settle, type SettleDeps, type Settled} from '../../src/operations/verify/settle.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {StoredPositions} from '../../src/redis-model/storedPositions.js';

const STILL_MS = 5_000;
const WAIT_MS = 60_000;

function finding(found: string): Finding {
  return {kind: 'counter-differs', key: 'product:7:sold', field: null, expected: '5', found};
}

interface World {
  /** The findings of each comparison of the subject, in order. The last element repeats. */
  readonly looks: readonly (readonly Finding[])[];
  /** The position of the only partition at each comparison. The topic ends at offset 100. */
  readonly position?: (look: number) => string;
  /** The same for the expected side, if it also follows the topic. */
  readonly staging?: (look: number) => string;
  /** The time of the newest row event in the topic, by the clock of MySQL, at each comparison. Absent: not considered. */
  readonly newestMs?: (look: number) => number;
  /** The duration of a comparison. */
  readonly lookMs?: number;
}

async function settled({
  looks,
  position = () => 'v1 100',
  staging = () => 'v1 100',
  newestMs,
  lookMs = 0,
}: World): Promise<Settled & {tookMs: number}> {
  let nowMs = 0;
  let look = 0;
  const deps: SettleDeps = {
    compare: async () =>
      await Promise.resolve(new Map([['7', looks[Math.min(look++, looks.length - 1)] ?? []]])),
    ranges: async () => await Promise.resolve(new Map([[0, {low: 0n, high: 100n}]])),
    positions: [position, staging].map(
      (at) =>
        new StoredPositions(
          {getAll: async () => await Promise.resolve([at(look)])},
          't',
          keySpace('single', ''),
        ),
    ),
    clock: {
      // settle() reads the time directly after each comparison, to date its findings, and then again.
      nowMs: () => (nowMs += lookMs),
      sleep: async (ms) => {
        nowMs += ms;
        await Promise.resolve();
      },
    },
    visible: async () => await Promise.resolve(),
    // The clock of MySQL shows 100 all the time.
    upstream:
      newestMs === undefined
        ? null
        : {
            nowMs: async () => await Promise.resolve(100),
            newestMs: async () => await Promise.resolve(newestMs(look)),
          },
    pauseFactor: 19,
    stillMs: STILL_MS,
    waitMs: WAIT_MS,
    progress: () => undefined,
    signal: new AbortController().signal,
  };
  const result = await settle([{kind: 'product', id: '7'}], deps);
  return {...result, tookMs: nowMs};
}

test('a subject that is equal in two consecutive comparisons has no difference', async () => {
  expect(await settled({looks: [[finding('4')], [], []]})).toMatchObject({
    certain: [],
    open: [],
    isBehind: false,
  });
});

test('a subject that is equal only once, by coincidence, is compared again', async () => {
  const {certain, tookMs} = await settled({looks: [[finding('4')], [], [finding('4')]]});
  expect(certain).toEqual([{subject: {kind: 'product', id: '7'}, findings: [finding('4')]}]);
  expect(tookMs).toBeGreaterThanOrEqual(STILL_MS);
});

test('a finding that stays unchanged for 5 s, after Redis has reached the topic end, is certain (I17)', async () => {
  const {certain, open, tookMs} = await settled({looks: [[finding('3')], [finding('4')]]});
  expect([certain.length, open]).toEqual([1, []]);
  expect(tookMs).toBeGreaterThanOrEqual(STILL_MS);
  expect(tookMs).toBeLessThan(2 * STILL_MS);
});

test('a finding of a single long comparison is not certain', async () => {
  const looks = [[finding('4')], [], []];
  expect(await settled({looks, lookMs: STILL_MS + 1})).toMatchObject({certain: []});
});

test('looks that take long are repeated often enough for a decision', async () => {
  for (const lookMs of [3_000, 10_000, 40_000]) {
    const {certain, open} = await settled({looks: [[finding('4')]], lookMs});
    expect([certain.length, open]).toEqual([1, []]);
  }
});

test('no finding is certain before the position in Redis has reached the topic end', async () => {
  const behind = await settled({looks: [[finding('4')]], position: () => 'v1 99'});
  expect(behind).toMatchObject({certain: [], open: [{kind: 'product', id: '7'}], isBehind: true});
  expect(behind.tookMs).toBeGreaterThanOrEqual(WAIT_MS);
  // A fence contains the position that it replaces, and it counts like this position.
  const late = await settled({
    looks: [[finding('4')]],
    position: (look) => (look < 40 ? 'fence 1 x v1 99' : 'fence 1 x v1 100'),
  });
  expect(late).toMatchObject({open: [], isBehind: false, certain: [{findings: [finding('4')]}]});
  expect(late.tookMs).toBeGreaterThan(2 * STILL_MS - 1_000);
});

test('no finding is certain before the expected side has reached the topic end', async () => {
  const behind = await settled({looks: [[finding('4')]], staging: () => 'v1 99'});
  expect(behind).toMatchObject({certain: [], open: [{kind: 'product', id: '7'}], isBehind: true});
  const late = await settled({
    looks: [[finding('4')]],
    staging: (look) => (look < 40 ? 'v1 99' : 'v1 100'),
  });
  expect(late).toMatchObject({open: [], isBehind: false, certain: [{findings: [finding('4')]}]});
  expect(late.tookMs).toBeGreaterThan(2 * STILL_MS - 1_000);
});

test('a finding that keeps changing stays open and is not reported as a difference', async () => {
  const looks = Array.from({length: 400}, (_, i) => [finding(String(i))]);
  expect(await settled({looks})).toMatchObject({
    certain: [],
    open: [{kind: 'product', id: '7'}],
    isBehind: false,
  });
});

test('no finding is certain before the topic has a row event from after the look that found it', async () => {
  const looks = [[finding('4')]];
  const stopped = await settled({looks, newestMs: () => 100});
  expect(stopped).toMatchObject({certain: [], open: [{kind: 'product', id: '7'}], isBehind: true});
  const late = await settled({looks, newestMs: (look) => (look < 40 ? 100 : 101)});
  expect(late).toMatchObject({open: [], isBehind: false, certain: [{findings: [finding('4')]}]});
  expect(late.tookMs).toBeGreaterThan(2 * STILL_MS - 1_000);
});

test('a record that the connector writes late removes the suspicion, and is no difference', async () => {
  const looks = [...Array.from({length: 60}, () => [finding('4')]), []];
  const late = await settled({looks, newestMs: (look) => (look < 60 ? 100 : 101)});
  expect(late).toMatchObject({certain: [], open: [], isBehind: false});
});
