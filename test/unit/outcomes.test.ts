/** The outcome counts of a partition: every consumed record has exactly one outcome (I6). */
import {noCounts, OutcomeCounter, noOutcomes, recordsOf} from '../../src/worker/outcomes.js';

function taken(records: number): {outcomes: OutcomeCounter; counts: ReturnType<typeof noCounts>} {
  const counts = noCounts();
  const outcomes = new OutcomeCounter(counts);
  for (let i = 0; i < records; i++) outcomes.take();
  return {outcomes, counts};
}
const counted = {applied: 4, duplicate: 1, ignored: 2, quarantined: 3};

test('outcomes and returned records together account for every record that was taken (I6)', () => {
  const {outcomes, counts} = taken(12);
  outcomes.requireBalance('t[0]', {settled: false});
  outcomes.enter(counted, 50);
  outcomes.handBack(2);
  outcomes.requireBalance('t[0]', {settled: true});
  expect(recordsOf(counted)).toBe(10);
  expect(counts).toEqual({
    consumed: 10,
    ...counted,
    positionResets: 0,
    rejectedWrites: 0,
    newestSourceMs: 50,
  });
});

test.each([
  ['one record too few', () => taken(9).outcomes],
  ['one record too many', () => taken(11).outcomes],
])('%s: the worker halts if the outcomes do not add up to the consumed records (I6)', (_name, open) => {
  const outcomes = open();
  outcomes.enter(counted);
  expect(() => outcomes.requireBalance('t[0]', {settled: true})).toThrow(
    /^counts-differ: t\[0\]: \d+ records consumed, 10 have an outcome, -?1 are in flight$/,
  );
});

test('an outcome for a record that was already returned halts the worker (I6)', () => {
  const {outcomes} = taken(10);
  outcomes.handBack(10);
  outcomes.enter(counted);
  expect(() => outcomes.requireBalance('t[0]', {settled: false})).toThrow(/^counts-differ/);
});

test('records may lack an outcome only while scripts are in flight', () => {
  const {outcomes} = taken(3);
  expect(() => outcomes.requireBalance('t[0]', {settled: false})).not.toThrow();
  expect(() => outcomes.requireBalance('t[0]', {settled: true})).toThrow(/3 are in flight/);
});

test('the counts of a worker are the sums over its partitions, and its source time is the newest one', () => {
  const counts = noCounts();
  for (const newest of [7, 9, null, 8]) {
    const outcomes = new OutcomeCounter(counts);
    outcomes.take();
    outcomes.enter({...noOutcomes(), applied: 1}, newest);
    outcomes.countReset({isRefused: true});
    outcomes.countReset({isRefused: false});
  }
  expect(counts).toEqual({
    ...noCounts(),
    consumed: 4,
    applied: 4,
    positionResets: 8,
    rejectedWrites: 4,
    newestSourceMs: 9,
  });
});
