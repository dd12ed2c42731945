/** The books of a partition: every record ends in exactly one outcome (I6). */
import {emptyTally, Ledger, noOutcomes, recordsOf} from '../../src/worker/outcomes.js';

function taken(records: number): {ledger: Ledger; tally: ReturnType<typeof emptyTally>} {
  const tally = emptyTally();
  const ledger = new Ledger(tally);
  for (let i = 0; i < records; i++) ledger.take();
  return {ledger, tally};
}
const outcomes = {applied: 4, duplicate: 1, ignored: 2, quarantined: 3};

test('outcomes and records handed back account for every record taken (I6)', () => {
  const {ledger, tally} = taken(12);
  ledger.requireBalance('t[0]', {settled: false});
  ledger.enter(outcomes, 50);
  ledger.handBack(2);
  ledger.requireBalance('t[0]', {settled: true});
  expect(recordsOf(outcomes)).toBe(10);
  expect(tally).toEqual({consumed: 10, ...outcomes, rewinds: 0, refusals: 0, newestSourceMs: 50});
});

test.each([
  ['one too few', () => taken(9).ledger],
  ['one too many', () => taken(11).ledger],
])('%s with an outcome halts (I6)', (_name, open) => {
  const ledger = open();
  ledger.enter(outcomes);
  expect(() => ledger.requireBalance('t[0]', {settled: true})).toThrow(
    /^counts-differ: t\[0\]: \d+ records consumed, 10 have an outcome, -?1 are on their way$/,
  );
});

test('an outcome for a record that was handed back halts (I6)', () => {
  const {ledger} = taken(10);
  ledger.handBack(10);
  ledger.enter(outcomes);
  expect(() => ledger.requireBalance('t[0]', {settled: false})).toThrow(/^counts-differ/);
});

test('while scripts are in flight, records may be open', () => {
  const {ledger} = taken(3);
  expect(() => ledger.requireBalance('t[0]', {settled: false})).not.toThrow();
  expect(() => ledger.requireBalance('t[0]', {settled: true})).toThrow(/3 are on their way/);
});

test('the worker adds up its partitions, and keeps the newest time', () => {
  const tally = emptyTally();
  for (const newest of [7, 9, null, 8]) {
    const ledger = new Ledger(tally);
    ledger.take();
    ledger.enter({...noOutcomes(), applied: 1}, newest);
    ledger.rewound({isRefused: true});
    ledger.rewound({isRefused: false});
  }
  expect(tally).toEqual({
    ...emptyTally(),
    consumed: 4,
    applied: 4,
    rewinds: 8,
    refusals: 4,
    newestSourceMs: 9,
  });
});
