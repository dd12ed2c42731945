/** Texts of a known shape are read without a JSON parser. The result must equal the result of the parser. */
import {Decoder, decodeRecord, type EncodedRecord} from '../../src/decode/decode.js';
import type {JsonObject} from '../../src/decode/fields.js';
import {Shapes} from '../../src/decode/shapes.js';
import {BENCH_FORMS, benchRecords} from '../support/benchRecords.js';
import {fixtureNames, fixtureRecords} from '../support/fixtures.js';
import {SHOP} from '../support/records.js';
import {inTier} from '../support/tier.js';
import {wantedScalars, type Found} from '../support/wantedScalars.js';
import {fc, propertyTest as test} from '../support/seededChecks.js';

const SCHEMA = {...SHOP, extraColumns: [{name: 'status', type: 'text' as const}]};
const RECORDED = fixtureNames().flatMap(fixtureRecords);
const recorded = fc.constantFrom(...RECORDED);
/** Parts of JSON, and characters that JSON does not allow. */
const PIECES = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '0',
  '9',
  '-',
  '.',
  'e',
  'null',
  'true',
  ' ',
  'é',
  '\u0001',
  '\ud800',
];
const NAMES = [
  'id',
  'user_id',
  'quantity',
  'source',
  'order_id',
  'op',
  '__op',
  '__deleted',
  'before',
  'table',
  'ts_ms',
  'payload',
  'schema',
  '__proto__',
];
const piece = fc.oneof(
  fc.constantFrom(...PIECES),
  fc.constantFrom(...NAMES).map((name) => `"${name}":1,`),
  fc.bigInt({min: -(2n ** 70n), max: 2n ** 70n}).map(String),
);

interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly piece: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({min: 0, max: 1, noNaN: true}),
  removed: fc.nat(12),
  piece,
});

/** Replaces a part of the text. `at` is the share of the text that precedes the part. */
function edited(text: string, {at, removed, piece}: Edit): string {
  const start = Math.floor(at * text.length);
  return text.slice(0, start) + piece + text.slice(start + removed);
}

function learned(): Decoder {
  const decoder = new Decoder(SCHEMA);
  for (const record of RECORDED) decoder.decode(record);
  return decoder;
}

const decoder = learned();

test.prop([recorded, fc.array(edit, {maxLength: 3})], {numRuns: inTier({test: 5_000, soak: 200_000})})(
  'a recorded message, also after edits, is decoded to the same result with and without shapes (I6, I8, I9)',
  ({key, value}, edits) => {
    if (value === null) return;
    const text = edits.reduce(edited, value.toString());
    const record = {key, value: Buffer.from(text)};
    expect(decoder.decode(record)).toEqual(decodeRecord(record, SCHEMA));
  },
);

test.prop([fc.array(fc.tuple(recorded, fc.option(edit)), {maxLength: 30})], {
  numRuns: inTier({test: 300, soak: 10_000}),
})('the result with shapes does not depend on the messages that were decoded before (I6, I9)', (messages) => {
  const fresh = new Decoder(SCHEMA);
  for (const [{key, value}, change] of messages) {
    const text = value === null || change === null ? value : Buffer.from(edited(value.toString(), change));
    const record: EncodedRecord = {key, value: text};
    expect(fresh.decode(record)).toEqual(decodeRecord(record, SCHEMA));
  }
});

test.prop([fc.json({maxDepth: 3}), fc.json({maxDepth: 3})], {numRuns: inTier({test: 2_000, soak: 50_000})})(
  'the values read by a learned shape are the values that the parser finds (I9)',
  (first, second) => {
    const names = ['a', 'b', '', 'id', '0', '__proto__', ' ', '!'];
    const shapes = new Shapes<Found>();
    const parsed = JSON.parse(first) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return;
    shapes.learn(first, parsed as Record<string, unknown>, wantedScalars(names));
    for (const text of [first, second]) {
      const read = shapes.read(text);
      if (read !== undefined) expect(wholeWith(JSON.parse(text), read)).toEqual(JSON.parse(text));
    }
  },
);

/** The parsed value, in which the values that the shape has read replace the parsed ones. */
function wholeWith(parsed: unknown, found: Found): unknown {
  const whole = structuredClone(parsed);
  for (const [path, value] of found) {
    const inner = path.slice(0, -1).reduce<unknown>((at, name) => (at as JsonObject)[name], whole);
    (inner as Record<string, unknown>)[path.at(-1) ?? ''] = value;
  }
  return whole;
}

test.each(BENCH_FORMS)('%s: among 2,000 records only the first of each shape is parsed', (form) => {
  const parse = jest.spyOn(JSON, 'parse');
  try {
    const fresh = new Decoder(SHOP);
    for (const record of benchRecords(form, 2_000)) expect(fresh.decode(record).kind).toBe('change');
    // There are six shapes: two tables, each with created, changed and deleted rows.
    expect(parse.mock.calls.length).toBeLessThanOrEqual(6);
  } finally {
    parse.mockRestore();
  }
});
