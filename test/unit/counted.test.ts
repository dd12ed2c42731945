/** Messages write a count with the right form of its noun. */
import {readFileSync} from 'node:fs';
import {spawnSync} from 'node:child_process';
import {repairText} from '../../src/cli/verification/comparison.js';
import {counted as countedOnPage} from '../../src/page/wording.js';
import {counted} from '../../src/runtime/counted.js';

test.each([
  [counted(0, 'difference'), '0 differences'],
  [counted(1, 'difference'), '1 difference'],
  [counted(2, 'difference'), '2 differences'],
  [counted(1n, 'record'), '1 record'],
  [counted('1', 'order'), '1 order'],
  [counted('1,001', 'order'), '1,001 orders'],
  [counted(1, 'entry', 'entries'), '1 entry'],
  [counted(3, 'entry', 'entries'), '3 entries'],
])('%s', (text, expected) => {
  expect(text).toBe(expected);
});

test('the live page does the same', () => {
  expect([0, 1, 1_001].map((count) => countedOnPage(count, 'record'))).toEqual([
    '0 records',
    '1 record',
    '1,001 records',
  ]);
});

const NOTHING = {differences: 0, orders: 0, keys: 0, sums: 0, hasRepairedOrders: false};

test.each([
  [{differences: 1, orders: 1}, '1 difference: 1 order'],
  [{differences: 2, sums: 2, hasRepairedOrders: true}, '2 differences: 2 sums after the repair of orders'],
  [{differences: 1, sums: 1}, '1 difference: 1 sum'],
  [{differences: 6, orders: 2, keys: 1, sums: 2}, '6 differences: 2 orders, 1 malformed key, 2 sums'],
])('verify --repair says what it repairs: %j', (found, expected) => {
  expect(repairText({...NOTHING, ...found})).toBe(expected);
});

test('no message in src writes a plural after a number without counted()', () => {
  const nouns =
    'differences|orders|products|users|keys|records|partitions|entries|items|values|units|decimals|days';
  /** Limits of constants, which are never 1, and the text of the layout in Redis, which is no message. */
  const allowed = /_MAX\} |^src\/redis-model\/layout\.ts/;
  const {stdout} = spawnSync('git', ['ls-files', 'src'], {encoding: 'utf8'});
  const wrong = stdout
    .split('\n')
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line.trim()}`),
    )
    .filter((line) => new RegExp(`\\} (?:(?:more|line|possible|last) )?(?:${nouns})\\b`).test(line))
    .filter((line) => !allowed.test(line));
  expect(wrong).toEqual([]);
});
