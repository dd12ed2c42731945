/**
 * Quarantined records. The script writes them in the same step as the position. Their number is limited, and
 * no other record waits for them.
 */
import {parseEntry, type QuarantineEntry} from '../../src/redis-model/quarantineEntry.js';
import type {Change} from '../../src/domain/change.js';
import {longRun} from '../support/arbitraries.js';
import {item, order} from '../support/changes.js';
import {encoded, orderRow, recordOf, rowRecord} from '../support/records.js';
import {replay} from '../support/replayBench.js';
import {until} from '../support/until.js';
import {expectHaltOrHold, WorkerBench} from '../support/workerBench.js';

const QUARANTINE = 'projector:quarantine';
const SECRET = 'Zq7Secret';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(11)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

/** Changes of orders 3 and 6, which are in partition 0. */
const BEFORE = [order('3', {extra: ['new']}), item('3/1'), item('3/2', {product: '11'})];
const BEHIND = [order('6', {extra: ['new']}), item('3/9', {product: '12'})];

function append(...changes: readonly Change[]): void {
  bench.topic.append(0, ...changes.map((change) => recordOf(change)));
}

async function entries(): Promise<QuarantineEntry[]> {
  const hash = await bench.redis.redis.hgetall(QUARANTINE);
  return Object.entries(hash).map(([name, text]) => {
    const entry = parseEntry(name, text);
    if (entry === undefined) throw new Error(`no entry: ${name}`);
    return entry;
  });
}

describe('a record that cannot be applied (I14)', () => {
  test.each([
    {
      name: 'a value that is not JSON',
      record: encoded(`{"${SECRET}`, '3'),
      reason: /^the value \(\d+ bytes\) is not JSON$/,
      orderId: '3',
    },
    {
      name: 'a bad amount',
      record: rowRecord({op: 'c', table: 'orders', after: orderRow({id: 3, total_amount: SECRET})}, '3'),
      reason: /^column total_amount/,
      orderId: '3',
    },
    {
      name: 'a record with the key of another order',
      record: rowRecord({op: 'c', table: 'orders', after: orderRow({id: 3})}, '6'),
      reason: /^the record's key is not the order id/,
      orderId: null,
    },
    {
      name: 'an empty value',
      record: {key: Buffer.from('3'), value: Buffer.alloc(0)},
      reason: /not JSON/,
      orderId: '3',
    },
  ])('$name is quarantined with offset and reason, and later records are applied (I6, I11)', async (bad) => {
    append(...BEFORE);
    bench.topic.append(0, bad.record);
    append(...BEHIND);
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    await bench.expectFold([...BEFORE, ...BEHIND]);
    const found = await entries();
    expect(found).toEqual([
      {
        topic: 'test.events',
        partition: 0,
        offset: 3n,
        timestampMs: '1795000000003',
        kind: 'record-undecodable',
        reason: expect.stringMatching(bad.reason) as string,
        orderId: bad.orderId,
        key: bad.record.key,
        value: bad.record.value,
        valueBytes: bad.record.value?.length,
      },
    ]);
    await worker.stop();
    expect(worker.projector.counts).toMatchObject({consumed: 6, applied: 5, duplicate: 0, quarantined: 1});
    expect(worker.messages.join()).not.toContain(SECRET);
    expect(worker.messages.join()).toContain('test.events:0:3');
  });

  test('the entry keeps only the first 4,096 bytes of a long value', async () => {
    bench.topic.append(0, encoded('x'.repeat(100_000), '3'));
    await bench.soleWorker();
    await bench.caughtUp();
    expect(await entries()).toMatchObject([{valueBytes: 100_000, value: Buffer.from('x'.repeat(4_096))}]);
  });

  test('a replay of the topic leaves the same quarantine entries, each once (I3, I7)', async () => {
    append(...BEFORE);
    bench.topic.append(0, encoded('x', '3'));
    append(...BEHIND);
    bench.topic.append(0, encoded('y', '6'));
    await bench.soleWorker();
    await bench.caughtUp();
    const once = await bench.redis.redis.hgetall(QUARANTINE);
    await bench.redis.redis.del('projector:position:test.events:0');
    await bench.caughtUp();
    expect(await bench.redis.redis.hgetall(QUARANTINE)).toEqual(once);
    await bench.redis.redis.flushdb();
    await bench.caughtUp();
    expect(await bench.redis.redis.hgetall(QUARANTINE)).toEqual(once);
    await bench.expectFold([...BEFORE, ...BEHIND]);
  });
});

describe('the quarantine limit (I14, L5)', () => {
  const settings = {quarantineMax: 3, quarantineWindow: 10};
  const bad = encoded('x', '3');

  test('is not reached by bad records that are far apart', async () => {
    for (let i = 0; i < 12; i++) {
      append(
        ...longRun(i, 8).filter(({kind}) => kind === 'order-upserted'),
        ...Array<Change>(9).fill(BEFORE[0]!),
      );
      bench.topic.append(0, bad);
    }
    const worker = await bench.soleWorker({settings});
    await bench.caughtUp();
    expect(await entries()).toHaveLength(12);
    await expect(worker.stop()).resolves.toBeUndefined();
  });

  test('holds the partition before the first record that exceeds it, also after a restart', async () => {
    append(...BEFORE);
    bench.topic.append(0, bad, bad, bad, bad, bad);
    append(...BEHIND);
    for (let start = 0; start < 3; start++) {
      const worker = await bench.soleWorker({settings});
      await expectHaltOrHold(worker, 'quarantine-flood', /test\.events\[0\] offset 6: /);
      await expect(bench.position(0)).resolves.toBe(6n);
      expect(await entries()).toHaveLength(3);
      await bench.expectFold(BEFORE);
    }
    await bench.soleWorker({settings: {...settings, quarantineMax: 5}});
    await bench.caughtUp();
    expect(await entries()).toHaveLength(5);
    await bench.expectFold([...BEFORE, ...BEHIND]);
  });
});

describe('a corrupt order (F38) (I5, I14)', () => {
  test.each([
    ['order:3', 'hash'],
    ['order_lines:3', 'string'],
  ])('a foreign type under %s quarantines only the records of this order', async (key, type) => {
    append(...BEFORE, order('9', {extra: ['new']}));
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    await bench.redis.redis.del(key);
    await bench.redis.redis.lpush(key, 'foreign');
    append(item('3/4'), order('6', {extra: ['new']}), item('9/1'), item('6/1', {product: '12'}));
    await bench.caughtUp();
    expect(await entries()).toMatchObject([
      {offset: 4n, kind: 'order-corrupt', orderId: '3', reason: `${key} is not a ${type}`},
    ]);
    expect(await bench.redis.redis.hget('order:9', 'items_count')).toBe('1');
    expect(await bench.redis.redis.hget('order:6', 'items_count')).toBe('1');
    expect(await bench.redis.redis.lrange(key, 0, -1)).toEqual(['foreign']);
    await worker.stop();
    expect(worker.projector.counts).toMatchObject({
      consumed: 9,
      applied: 7,
      quarantined: 1,
      // The worker has read the chunk again, including the record before the quarantined one.
      duplicate: 1,
    });
  });

  test('whose keys are repaired receives its later records again', async () => {
    append(order('3', {extra: ['new']}));
    await bench.soleWorker();
    await bench.caughtUp();
    await bench.redis.redis.hset('order:3', 'total_amount', 'foreign');
    append(item('3/1'));
    await bench.caughtUp();
    await bench.redis.redis.hset('order:3', 'total_amount', '1.00');
    append(item('3/2', {product: '11'}));
    await bench.caughtUp();
    expect(await entries()).toHaveLength(1);
    expect(await bench.redis.redis.hget('order:3', 'items')).toBe('product_id:11,quantity:1');
  });
});

test('a foreign value under the quarantine key halts the worker before anything is written (I5)', async () => {
  append(...BEFORE);
  await bench.redis.redis.set(QUARANTINE, 'foreign');
  const worker = await bench.soleWorker();
  await expect(worker.ended).resolves.toMatchObject({kind: 'read-model-corrupt'});
});

test('while Redis rejects writes, no record is quarantined and none is skipped (F59) (I4, I14)', async () => {
  append(...BEFORE);
  const worker = await bench.soleWorker();
  await bench.caughtUp();
  const {redis} = bench.redis;
  await redis.config('SET', 'maxmemory', '1');
  try {
    bench.topic.append(0, encoded('x', '3'));
    append(...BEHIND);
    await until(
      () => worker.messages.some((message) => message.includes('cannot process commands: OOM')),
      () => worker.messages.join('\n'),
    );
    await expect(bench.position(0)).resolves.toBe(3n);
    expect(await entries()).toEqual([]);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  await bench.caughtUp();
  expect(await entries()).toHaveLength(1);
  await bench.expectFold([...BEFORE, ...BEHIND]);
});

test('a record in the wrong partition is quarantined, and a replay refuses it (S2, F87)', async () => {
  const worker = await bench.soleWorker({partitionOf: (key) => bench.partitionOf(key.toString())});
  bench.topic.append(1, recordOf(order('3', {extra: ['new']})));
  bench.write([order('4', {extra: ['new']})]);
  await bench.expectExact();
  const [entry] = await entries();
  expect(entry).toMatchObject({kind: 'record-undecodable', orderId: null, partition: 1});
  expect(entry?.reason).toMatch(/belongs into partition 0/);
  expect(await replay(bench)).toEqual([
    expect.objectContaining({
      replayed: false,
      reason: expect.stringMatching(/partition 1, but its key belongs into partition 0/) as string,
    }),
  ]);
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('records of other tables are ignored, counted by table and logged once (F86)', async () => {
  const worker = await bench.soleWorker();
  const row = {before: null, after: orderRow(), op: 'c'};
  const cart = encoded({...row, source: {db: 'shop', table: 'carts'}}, '3');
  const archived = encoded({...row, source: {db: 'archive', table: 'orders'}}, '3');
  bench.topic.append(0, cart, archived, cart);
  bench.write([order('3', {extra: ['new']})]);
  await bench.expectExact();
  expect(Object.fromEntries(worker.projector.view.otherTables)).toEqual({
    'shop.carts': 2,
    'archive.orders': 1,
  });
  expect(worker.messages.filter((message) => message.startsWith('records ignored'))).toHaveLength(2);
  await expect(worker.stop()).resolves.toBeUndefined();
});
