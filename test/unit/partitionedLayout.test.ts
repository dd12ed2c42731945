/** The layout `partitioned`: names of keys, entries of the outbox, and what waits to be merged. */
import {ReportFeed} from '../../src/apply/reportFeed.js';
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import {readConfig} from '../../src/config/readConfig.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {formatLayout, partitionsIn} from '../../src/redis-model/layout.js';
import {parseOutboxEntry, sumOf} from '../../src/redis-model/outbox.js';

describe('the keys', () => {
  const keys = keySpace('partitioned', 'shop:');

  test('of a partition are in one slot, and the shared ones in another', () => {
    const own = keys.partition(3);
    const fixed = [own.quarantine, own.outbox, own.layout, own.chunks];
    const names = [own.order('5'), own.orderLines('6'), own.position('t', 3), ...fixed];
    expect(names.every((name) => name.startsWith('{shop:3}:'))).toBe(true);
    expect(new Set(names.map(slotOf)).size).toBe(1);
    const {reportProducts, reportUsers, reportTotals, merged} = keys.shared;
    const shared = [keys.shared.productSold('1'), reportProducts, reportUsers, reportTotals, merged];
    expect(new Set(shared.map(slotOf)).size).toBe(1);
    expect(slotOf(names[0]!)).not.toBe(slotOf(shared[0]!));
  });

  test.each([
    ['{shop:3}:order:5', {prefix: '{shop:3}:', partition: 3}],
    ['{shop}:report:users', {prefix: '{shop}:', partition: undefined}],
    ['{shop:03}:order:5', undefined],
    ['{shop:x}:order:5', undefined],
    ['{shop:3', undefined],
    ['shop:order:5', undefined],
    ['{other:3}:order:5', undefined],
  ])('the place of %s', (key, place) => {
    expect(keys.placeOf(key)).toEqual(place);
  });

  test('the id is found in the key of an order of any partition', () => {
    const ids = ['{shop:3}:order:5', '{shop:11}:order:a', '{shop}:order:5', '{shop:3}:order_lines:5'];
    expect(ids.map((key) => keys.orderIdOf(key))).toEqual(['5', 'a', undefined, undefined]);
  });

  test('the text of the layout names it, and the number of partitions', () => {
    const layout = {topic: 't', partitions: 6, moneyDecimals: 2, extraColumns: []};
    const text = formatLayout({...layout, keyLayout: 'partitioned'});
    expect(text).toBe('v2 topic=t partitions=6 decimals=2 columns= keys=partitioned');
    expect(formatLayout({...layout, keyLayout: 'single'})).toBe(formatLayout(layout));
    expect([partitionsIn(text), partitionsIn('')]).toEqual([6, undefined]);
  });
});

describe('the settings', () => {
  const read = (settings: Record<string, string>) => (): unknown =>
    readConfig({REDIS_URL: 'redis://a:1', ...settings}, []);

  test.each(['', 'shop', '{shop}:', 'a:b:'])('refuse the prefix "%s" in the layout partitioned', (prefix) => {
    const settings = {REDIS_LAYOUT: 'partitioned', REDIS_KEY_PREFIX: prefix};
    expect(read(settings)).toThrow(/REDIS_KEY_PREFIX must be a name/);
  });

  test('a cluster requires the layout partitioned', () => {
    expect(read({REDIS_CLUSTER_NODES: 'a:1'})).toThrow(/REDIS_LAYOUT must be partitioned/);
    const good = {REDIS_LAYOUT: 'partitioned', REDIS_KEY_PREFIX: 'shop:'};
    for (const nodes of [{}, {REDIS_CLUSTER_NODES: 'a:1'}]) expect(read({...good, ...nodes})).not.toThrow();
  });
});

describe('entries of the outbox', () => {
  const text = '120 168 1795426801749 3 14 1 12345|10 2 15 -1|7 4599';

  test('are parsed and summed up', () => {
    const entry = parseOutboxEntry(text)!;
    expect(entry).toMatchObject({from: 120n, to: 168n, atMs: 1795426801749, totals: [3, 14, 1, 12345]});
    const {products, users, totals} = sumOf([entry, parseOutboxEntry('168 170 1 -1 0 0 -5||7 -4599')!]);
    expect(Object.fromEntries(products)).toEqual({10: 2, 15: -1});
    expect(Object.fromEntries(users)).toEqual({7: 0});
    expect(totals).toEqual([2, 14, 1, 12340]);
  });

  test.each(['', 'x', '1 2 3', '1 2 3 4 5 6 7', '1 2 3 4 5 6 7|a|b|c'])('"%s" is none', (other) => {
    expect(parseOutboxEntry(other)).toBeUndefined();
  });
});

describe('what waits to be merged', () => {
  const entryOf = (from: number, to: number): string => `${from} ${to} 1000 1 0 0 0||`;
  const feedAt = (merged: bigint): ReportFeed => new ReportFeed({partition: 1, holder: 'w.1'}, merged, []);

  test('follows without a gap; an entry that does not follow is left out (I18)', () => {
    const feed = feedAt(10n);
    for (const [from, to] of [
      [10, 12],
      [14, 15],
      [12, 20],
      [10, 12],
    ] as const)
      feed.add(entryOf(from, to));
    expect(feed.take(9)).toMatchObject({from: 10n, to: 20n, entries: [{from: 10n}, {from: 12n}]});
    expect(feed.restingText).toBeUndefined();
    feed.mergedTo(12n, 0);
    expect(feed.take(9)).toMatchObject({from: 12n, to: 20n, entries: [{from: 12n}]});
    feed.mergedTo(20n, 0);
    expect([feed.take(9), feed.restingText]).toEqual([undefined, '20 w.1']);
  });

  test('a chunk up to the merged offset goes to the outbox too, but is not merged again (I18)', () => {
    const feed = feedAt(10n);
    expect(feed.orderFor('v1 4', 'v1 10')).toBe('4 10 0 300000');
    expect(feed.orderFor('', 'v1 7')).toBe('0 7 0 300000');
    expect(feed.orderFor('v1 10', 'v1 12')).toBe('10 12 0 300000');
    feed.add(entryOf(0, 7));
    feed.add(entryOf(7, 10));
    expect([feed.take(9), feed.restingText]).toEqual([undefined, '10 w.1']);
  });

  test('the outbox may forget what was merged 5 min ago, not what is 5 min old (I18)', () => {
    const feed = feedAt(10n);
    const safeAt = (offset: bigint, nowMs: number): string | undefined => {
      feed.mergedTo(offset, nowMs);
      return feed.orderFor('v1 90', 'v1 91').split(' ')[2];
    };
    const safe = [
      safeAt(12n, 0),
      safeAt(13n, 500),
      safeAt(14n, 1_000),
      safeAt(15n, 299_999),
      safeAt(16n, 300_000),
    ];
    expect([...safe, safeAt(17n, 301_000)]).toEqual(['0', '0', '0', '0', '12', '14']);
  });

  test('the reply to a merge that comes 5 min late lets the outbox forget nothing, because the reports may have gone back since (I18)', () => {
    const feed = feedAt(10n);
    feed.mergedTo(12n, 0);
    feed.mergedTo(14n, 3_600_000, 2_000);
    expect(feed.orderFor('v1 90', 'v1 91')).toBe('90 91 0 300000');
  });

  test('a feed that is lost takes nothing more, and makes nobody wait', async () => {
    const feed = feedAt(0n);
    feed.add(entryOf(0, 1));
    feed.lose();
    feed.add(entryOf(0, 1));
    expect(feed.take(9)).toBeUndefined();
    await feed.room();
  });

  test('a partition waits while 64 entries wait (L18)', async () => {
    const feed = feedAt(0n);
    for (let at = 0; at < 64; at++) feed.add(entryOf(at, at + 1));
    let hasRoom = false;
    const room = feed.room().then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).toBe(false);
    feed.mergedTo(1n, 0);
    await room;
    expect(hasRoom).toBe(true);
  });

  test('a partition that ends does not wait, and what waits is still merged (I12)', async () => {
    const feed = feedAt(0n);
    for (let at = 0; at < 64; at++) feed.add(entryOf(at, at + 1));
    const room = feed.room();
    feed.end();
    await room;
    expect(feed.take(64)).toMatchObject({from: 0n, to: 64n});
  });
});
