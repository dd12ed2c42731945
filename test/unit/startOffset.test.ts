/** The offset at which a partition resumes: every branch of decideStart, with its error message. */
import {decideStart, requireSameRecord} from '../../src/worker/resume.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {fingerprintOf, formatPosition, positionAfter} from '../../src/redis-model/position.js';

const KEY = 'projector:position:t:3';
const LAST = {offset: 123n, timestampMs: '99', key: Buffer.from('5'), value: Buffer.from('{}')};
const STORED = formatPosition(positionAfter(LAST));

const start = (text: string, low: bigint, high: bigint): unknown => {
  try {
    return decideStart({text, key: KEY}, {low, high}, 't[3]');
  } catch (error) {
    if (error instanceof ProjectorError) return [error.kind, error.detail];
    throw error;
  }
};

test('without a stored position and with a complete topic, the worker starts at offset 0', () => {
  expect(start('', 0n, 0n)).toEqual({fromOffset: 0n, expectFirst: null});
  expect(start('', 0n, 500n)).toEqual({fromOffset: 0n, expectFirst: null});
});

test('without a stored position and with deleted records, the worker halts and names the missing offsets (S1, I6)', () => {
  expect(start('', 10n, 500n)).toEqual([
    'position-missing',
    't[3]: Redis holds no position (projector:position:t:3), and the topic no longer has offsets 0 to 9',
  ]);
});

test.each([
  ['within the topic', 0n, 500n],
  ['at the topic end', 0n, 124n],
  ['whose last applied record is the first in the topic', 123n, 500n],
])('a position %s: the worker resumes one record earlier, to compare it (I10)', (_name, low, high) => {
  expect(start(STORED, low, high)).toEqual({fromOffset: 123n, expectFirst: fingerprintOf(LAST)});
});

test('if only the last applied record was deleted, the worker resumes at the position: no record is missing', () => {
  expect(start(STORED, 124n, 500n)).toEqual({fromOffset: 124n, expectFirst: null});
  expect(start(STORED, 124n, 124n)).toEqual({fromOffset: 124n, expectFirst: null});
});

test('a position without a fingerprint: the worker resumes at the position', () => {
  expect(start('v1 124', 0n, 500n)).toEqual({fromOffset: 124n, expectFirst: null});
});

test('a topic that begins after the position halts the worker, which names the missing offsets (S1, I6)', () => {
  expect(start(STORED, 130n, 500n)).toEqual([
    'topic-start-lost',
    't[3]: offsets 124 to 129 were deleted from the topic before they were applied',
  ]);
});

test('a topic that ends before the position halts the worker, because it is a different topic (I10)', () => {
  expect(start(STORED, 0n, 123n)).toEqual([
    'topic-replaced',
    't[3]: the stored position is offset 124, but the partition ends at offset 123',
  ]);
});

test('a position that cannot be parsed halts the worker, and the error does not contain the stored value (I11)', () => {
  expect(start('foreign text', 0n, 500n)).toEqual([
    'position-unreadable',
    't[3]: the value of projector:position:t:3 is not a position that this program wrote',
  ]);
});

test('an assigned partition that the topic does not have halts the worker', () => {
  const attempt = (): unknown => decideStart({text: '', key: KEY}, undefined, 't[3]');
  expect(attempt).toThrow(
    /^topic-replaced: t\[3\] is assigned to this worker, but the topic has no such partition$/,
  );
});

test('a record that differs from the last applied record halts the worker (I10)', () => {
  const expected = fingerprintOf(LAST);
  expect(() => requireSameRecord(expected, {...LAST}, 't[3]')).not.toThrow();
  expect(() => requireSameRecord(expected, {...LAST, value: Buffer.from('{"other":1}')}, 't[3]')).toThrow(
    /^topic-replaced: t\[3\]: the record at offset 123 is not the record that was applied \(the fetched record has offset 123\)$/,
  );
  expect(() => requireSameRecord(expected, {...LAST, offset: 200n}, 't[3]')).toThrow(
    /fetched record has offset 200/,
  );
});
