/** Quarantined records: the names of their entries, the entries, and the limit. */
import {QuarantineLimit} from '../../src/worker/quarantineLimit.js';
import {
  entryName,
  formatEntry,
  offsetsOf,
  parseEntry,
  parseEntryName,
  type QuarantineEntry,
} from '../../src/redis-model/quarantineEntry.js';

describe('the name of a quarantine entry', () => {
  test.each([
    ['shop.order-events', 3, 1024n],
    ['a:b', 0, 0n],
    ['t', 999_999_999, 9_223_372_036_854_775_807n],
  ])('the name of topic %s, partition %d, offset %d is parsed as formatted', (topic, partition, offset) => {
    expect(parseEntryName(entryName(topic, partition, offset))).toEqual({topic, partition, offset});
  });

  test.each([
    '',
    't',
    't:1',
    ':1:2',
    't:x:1',
    't:1:-1',
    't:1:1x',
    't:1234567890:1',
    't:1:12345678901234567890',
  ])('%j is not the name of an entry', (name) => expect(parseEntryName(name)).toBeUndefined());

  test('the offsets of one partition are returned in numeric order', () => {
    const names = ['t:1:10', 't:1:9', 't:2:1', 'other:1:2', 'foreign', 't:1:100'];
    expect(offsetsOf(names, 't', 1)).toEqual([9n, 10n, 100n]);
  });
});

describe('a quarantine entry', () => {
  const entry: QuarantineEntry = {
    topic: 't',
    partition: 1,
    offset: 7n,
    timestampMs: '1795000000000',
    kind: 'record-undecodable',
    reason: 'the value (2 bytes) is not JSON',
    orderId: '5',
    key: Buffer.from('5'),
    value: Buffer.from([0, 255]),
    valueBytes: 2,
  };

  test('an entry is parsed as it was formatted, byte by byte', () => {
    expect(parseEntry('t:1:7', formatEntry(entry))).toEqual(entry);
    const bare = {...entry, orderId: null, key: null, value: null, valueBytes: 0};
    expect(parseEntry('t:1:7', formatEntry(bare))).toEqual(bare);
  });

  test('an entry holds at most 4,096 bytes of the value', () => {
    const long = {...entry, value: Buffer.alloc(5_000, 1), valueBytes: 5_000};
    expect(parseEntry('t:1:7', formatEntry(long))).toEqual({...long, value: Buffer.alloc(4_096, 1)});
  });

  test.each(['', 'x', '{}', '[]', 'null', '{"kind":5}'])('the text %j is not an entry', (text) => {
    expect(parseEntry('t:1:7', text)).toBeUndefined();
    expect(parseEntry('foreign', formatEntry(entry))).toBeUndefined();
  });
});

describe('the quarantine limit (I14, L5)', () => {
  const limit = (): QuarantineLimit => new QuarantineLimit({quarantineMax: 2, quarantineWindow: 10});
  const admitted = (one: QuarantineLimit, offsets: readonly bigint[]): boolean[] =>
    offsets.map((offset) => one.admit(offset));

  test('with a maximum of 2 in a window of 10 offsets, a third record within 10 offsets is rejected', () => {
    expect(admitted(limit(), [0n, 9n, 10n])).toEqual([true, true, true]);
    expect(admitted(limit(), [0n, 8n, 9n])).toEqual([true, true, false]);
    expect(admitted(limit(), [5n, 6n, 7n, 16n, 17n])).toEqual([true, true, false, true, true]);
  });

  test('the entries that Redis holds count towards the limit', () => {
    const one = limit();
    one.reset([1n, 100n, 101n]);
    expect(one.admit(105n)).toBe(false);
    one.reset([1n, 100n]);
    expect(one.admit(105n)).toBe(true);
    expect(one.admit(106n)).toBe(false);
  });

  test('a record that Redis already holds is not counted twice when a lost position is replayed (I3)', () => {
    const one = limit();
    one.reset([5n, 6n]);
    expect(admitted(one, [5n, 6n])).toEqual([true, true]);
  });

  test('a maximum of 0 rejects the first record', () => {
    expect(new QuarantineLimit({quarantineMax: 0, quarantineWindow: 10}).admit(1n)).toBe(false);
  });
});
