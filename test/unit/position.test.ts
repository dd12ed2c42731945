/** The text form of a position, and the fingerprint that identifies a record. */
import {
  fingerprintOf,
  formatPosition,
  parsePosition,
  positionAfter,
  sameFingerprint,
  type Identifiable,
} from '../../src/redis-model/position.js';

const RECORD: Identifiable = {
  offset: 123n,
  timestampMs: '1795426801749',
  key: Buffer.from('5'),
  value: Buffer.from('{"op":"c"}'),
};

test.each([
  ['v1 0', {nextOffset: 0n, last: null}],
  ['v1 124', {nextOffset: 124n, last: null}],
  [
    'v1 124 123 1795426801749 8b1a2c3d 5f3c9a10',
    {
      nextOffset: 124n,
      last: {offset: 123n, timestampMs: '1795426801749', keyCrc: '8b1a2c3d', valueCrc: '5f3c9a10'},
    },
  ],
  [
    'v1 9223372036854775807 9007199254740993 -1 00000000 ffffffff',
    {
      nextOffset: 9223372036854775807n,
      last: {offset: 9007199254740993n, timestampMs: '-1', keyCrc: '00000000', valueCrc: 'ffffffff'},
    },
  ],
])('the position %s is parsed and formatted as the same text', (text, position) => {
  expect(parsePosition(text)).toEqual(position);
  expect(formatPosition(position)).toBe(text);
});

test.each([
  '',
  'v1',
  'v1 ',
  'v2 124',
  'v1 -1',
  'v1 x',
  'v1 124 123',
  'v1 124 123 1795426801749 8b1a2c3d',
  'v1 124 123 1795426801749 8B1A2C3D 5f3c9a10',
  'v1 124 123 1795426801749 8b1a2c3 5f3c9a10',
  'v1 124 124 1795426801749 8b1a2c3d 5f3c9a10',
  'v1 124 123 1795426801749 8b1a2c3d 5f3c9a10 ',
  ' v1 124',
  'v1 124\n',
  '124',
])('%j is not a position', (text) => {
  expect(parsePosition(text)).toBeUndefined();
});

test('the position after a record contains the next offset and the fingerprint of the record', () => {
  const position = positionAfter(RECORD);
  expect(position.nextOffset).toBe(124n);
  expect(position.last).toEqual(fingerprintOf(RECORD));
  expect(formatPosition(position)).toMatch(/^v1 124 123 1795426801749 [0-9a-f]{8} [0-9a-f]{8}$/);
});

test.each<[string, Partial<Identifiable>]>([
  ['offset', {offset: 122n}],
  ['timestamp', {timestampMs: '1795426801750'}],
  ['key', {key: Buffer.from('6')}],
  ['missing key', {key: null}],
  ['value', {value: Buffer.from('{"op":"u"}')}],
  ['missing value', {value: null}],
])('a record with a different %s has a different fingerprint (I10)', (_name, change) => {
  expect(sameFingerprint(fingerprintOf(RECORD), fingerprintOf({...RECORD, ...change}))).toBe(false);
});

test('a copy of a record has the same fingerprint; a missing key differs from an empty key', () => {
  expect(sameFingerprint(fingerprintOf(RECORD), fingerprintOf({...RECORD}))).toBe(true);
  const [missing, empty] = [null, Buffer.alloc(0)].map((key) => fingerprintOf({...RECORD, key}));
  expect(sameFingerprint(missing!, empty!)).toBe(false);
});
