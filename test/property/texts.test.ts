/** The text forms of positions, values and keys are unambiguous. */
import {canonicalText} from '../../src/domain/canonical.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {
  formatPosition,
  parsePosition,
  positionAfter,
  sameFingerprint,
} from '../../src/redis-model/position.js';
import {fc, propertyTest as test} from '../support/seededChecks.js';

const bytes = fc.option(fc.uint8Array({maxLength: 50}).map((array) => Buffer.from(array)));
const record = fc.record({
  offset: fc.bigInt({min: 0n, max: 2n ** 63n - 1n}),
  timestampMs: fc.maxSafeInteger().map(String),
  key: bytes,
  value: bytes,
});

test.prop([record])('a position is parsed as it was formatted (I1)', (last) => {
  const position = positionAfter(last);
  expect(parsePosition(formatPosition(position))).toEqual(position);
});

test.prop([record, record])('two positions have equal texts only if they are equal (I1)', (a, b) => {
  const [x, y] = [positionAfter(a), positionAfter(b)];
  const isSame = x.last !== null && y.last !== null && sameFingerprint(x.last, y.last);
  expect(formatPosition(x) === formatPosition(y)).toBe(isSame);
});

test.prop([fc.string()])('a text that is parsed as a position is formatted as the same text', (text) => {
  const position = parsePosition(text);
  expect(position === undefined || formatPosition(position) === text).toBe(true);
});

const two = (max: number): fc.Arbitrary<string> =>
  fc.integer({min: 0, max}).map((number) => String(number).padStart(2, '0'));
const date = fc
  .tuple(fc.integer({min: 1000, max: 9999}), two(12), two(31))
  .map(([year, month, day]) => `${year}-${month}-${day}`);
const time = fc.tuple(two(23), two(59), two(59)).map((parts) => parts.join(':'));
const micros = fc.integer({min: 0, max: 999_999}).map((number) => String(number).padStart(6, '0'));

test.prop([date, time, micros])(
  'a time from MySQL and the same time from Debezium have one canonical text (I9)',
  (day, hour, fraction) => {
    const short = fraction.replace(/0+$/, '');
    const debezium = `${day}T${hour}${short === '' ? '' : `.${short}`}Z`;
    expect(canonicalText(debezium)).toBe(canonicalText(`${day} ${hour}.${fraction}`));
  },
);

test.prop([
  fc.oneof(
    fc.string(),
    date,
    time,
    fc.tuple(date, time).map((parts) => parts.join('T')),
  ),
])('the canonical form of a canonical text is the same text (I9)', (text) => {
  expect(canonicalText(canonicalText(text))).toBe(canonicalText(text));
});

const id = fc.bigInt().map(String);
const topic = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/);

test.prop([fc.array(id), fc.array(fc.tuple(topic, fc.nat()))])(
  'no two objects of the read model share a key, whatever their ids',
  (ids, partitions) => {
    const keys = keysWithPrefix('');
    const things = [
      ...[...new Set(ids)].flatMap((one) => [keys.order(one), keys.orderLines(one), keys.productSold(one)]),
      ...[...new Map(partitions).entries()].map(([name, partition]) => keys.position(name, partition)),
      keys.reportProducts,
      keys.reportUsers,
      keys.reportTotals,
    ];
    expect(new Set(things).size).toBe(things.length);
  },
);
