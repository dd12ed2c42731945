import {bar, duration, grouped, Progress} from '../../src/operations/rebuild/progress.js';

test('a progress line shows percent, records, rate and remaining time', () => {
  const progress = new Progress();
  expect(progress.line({doneRecords: 0n, totalRecords: 200_000n}, 1_000)).toBe(
    '  0.0 %, 0 of 200,000 records',
  );
  expect(progress.line({doneRecords: 50_000n, totalRecords: 200_000n}, 2_000)).toBe(
    ' 25.0 %, 50,000 of 200,000 records, 50,000/s, 3 s left',
  );
  expect(progress.line({doneRecords: 200_000n, totalRecords: 200_000n}, 3_000)).toBe(
    '100.0 %, 200,000 of 200,000 records, 100,000/s',
  );
});

test('the rate is computed from the last samples and not from the whole run', () => {
  const progress = new Progress();
  progress.line({doneRecords: 1_000_000n, totalRecords: 2_000_000n}, 0);
  for (let second = 1; second <= 30; second++) {
    progress.line({doneRecords: 1_000_000n + BigInt(second), totalRecords: 2_000_000n}, second * 1_000);
  }
  expect(progress.line({doneRecords: 1_000_031n, totalRecords: 2_000_000n}, 31_000)).toContain(', 1/s, ');
});

test('an empty topic is complete at once, and no rate is shown if no record was read', () => {
  const progress = new Progress();
  expect(progress.line({doneRecords: 0n, totalRecords: 0n}, 0)).toBe('100.0 %, 0 of 0 records');
  expect(progress.line({doneRecords: 0n, totalRecords: 0n}, 0)).toBe('100.0 %, 0 of 0 records');
  expect(progress.line({doneRecords: 0n, totalRecords: 10n}, 5_000)).toBe('  0.0 %, 0 of 10 records');
});

test('bars, counts and durations are formatted for people', () => {
  expect(bar({doneRecords: 1n, totalRecords: 4n}, 11)).toBe('[##------] ');
  expect(bar({doneRecords: 0n, totalRecords: 0n}, 8)).toBe('[#####] ');
  expect(bar({doneRecords: 9n, totalRecords: 4n}, 8)).toBe('[#####] ');
  expect(bar({doneRecords: 1n, totalRecords: 2n}, 500)).toBe(`[${'#'.repeat(15)}${'-'.repeat(15)}] `);
  expect([7, 0, -5].map((columns) => bar({doneRecords: 1n, totalRecords: 2n}, columns))).toEqual([
    '',
    '',
    '',
  ]);
  expect([0n, 999n, 1_000n, 1_234_567n].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
  expect([0, 59, 60, 185, 3_600, 7_384].map(duration)).toEqual([
    ...['0 s', '59 s', '1 min 00 s', '3 min 05 s', '1 h 00 min', '2 h 03 min'],
  ]);
});
