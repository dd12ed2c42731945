/** The progress line of a terminal: one row that is redrawn in place, at any width, and erased at the end. */
import {ProgressLine} from '../../src/cli/terminal/progressLine.js';
import {bar} from '../../src/operations/rebuild/progress.js';

const ERASE = '\r\u001b[K';

function opened({columns, isTerminal = true}: {columns?: number; isTerminal?: boolean}) {
  const written: string[] = [];
  let nowMs = 0;
  const line = new ProgressLine(
    {line: (text) => written.push(`data: ${text}`), note: (text) => written.push(`${text}\n`)},
    {
      clock: {nowMs: () => nowMs, sleep: async () => await Promise.resolve()},
      screen: isTerminal ? {columns, write: (text) => written.push(text)} : null,
    },
  );
  return {line, written, pass: (ms: number) => (nowMs += ms)};
}

const half = (columns: number): string => bar({doneRecords: 1n, totalRecords: 2n}, columns);

test.each([
  [200, `[${'#'.repeat(15)}${'-'.repeat(15)}] 50.0 %, 1 of 2`],
  [30, '[######------] 50.0 %, 1 of 2'],
  [24, '[###---] 50.0 %, 1 of 2'],
  [20, '50.0 %, 1 of 2'],
  [8, '50.0 %,'],
  [undefined, `[${'#'.repeat(15)}${'-'.repeat(15)}] 50.0 %, 1 of 2`],
  [0, `[${'#'.repeat(15)}${'-'.repeat(15)}] 50.0 %, 1 of 2`],
])('with %p columns the progress fits in one row', (columns, expected) => {
  const {line, written} = opened(columns === undefined ? {} : {columns});
  line.show('50.0 %, 1 of 2', half);
  line.show('50.0 %, 1 of 2', half);
  expect(written).toEqual([ERASE + expected, ERASE + expected]);
  if (columns !== undefined && columns > 0) expect(expected.length).toBeLessThan(columns);
});

test('a note replaces the progress row, and clear() erases the row at the end', () => {
  const {line, written} = opened({columns: 80});
  line.clear();
  line.note('begun');
  line.show('one');
  line.note('done');
  line.show('two');
  line.clear();
  line.clear();
  expect(written).toEqual(['begun\n', `${ERASE}one`, ERASE, 'done\n', `${ERASE}two`, ERASE]);
});

test('without a terminal the progress is printed every 5 s as a line without a bar', () => {
  const {line, written, pass} = opened({isTerminal: false});
  for (let second = 1; second <= 11; second++) {
    pass(1_000);
    line.show(`second ${second}`, half);
  }
  line.clear();
  line.note('done');
  expect(written).toEqual(['second 5\n', 'second 10\n', 'done\n']);
});
