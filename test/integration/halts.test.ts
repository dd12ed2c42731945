/**
 * Errors that halt a worker. It reports the correct kind, its position is right before the record, and
 * nothing after the record is applied.
 */
import type {ErrorKind} from '../../src/runtime/errors.js';
import {item, order} from '../support/changes.js';
import {encoded, recordOf, rowRecord} from '../support/records.js';
import {expectHaltOrHold, WorkerBench, type Worker} from '../support/workerBench.js';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(9)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

/** Changes of orders 3 and 6, which are in partition 0. */
const BEFORE = [order('3', {extra: ['new']}), item('3/1'), item('3/2', {product: '11'})];
const BEHIND = [order('6', {extra: ['new']}), item('3/9', {product: '12'})];
const SECRET = 'Zq7Secret';

async function expectHalt(worker: Worker, kind: ErrorKind, detail: RegExp): Promise<void> {
  await expectHaltOrHold(worker, kind, detail);
  expect(worker.log.stopped).toBe(true);
  expect(worker.messages.join()).not.toContain(SECRET);
}

/** Runs a worker until it has applied the whole topic, then stops it. */
async function applied(): Promise<void> {
  const worker = await bench.soleWorker();
  await bench.expectExact();
  await worker.stop();
}

describe('a record that must not be skipped (F62)', () => {
  const truncate = rowRecord({op: 't', table: 'orders'}, null);
  const bad = encoded(`{"${SECRET}`, '3');

  test.each([
    {
      name: 'a TRUNCATE',
      record: truncate,
      kind: 'table-truncated' as const,
      detail: /\[0\] offset 3: table orders/,
    },
    {
      name: 'an undecodable record with a quarantine limit of 0',
      record: bad,
      kind: 'quarantine-flood' as const,
      detail:
        /\[0\] offset 3: the value .* is not JSON \(record-undecodable; the limit PROJECTOR_QUARANTINE_MAX is reached\)/,
    },
  ])('$name halts the worker right before the record (I6, I11)', async ({record, kind, detail}) => {
    const settings = {quarantineMax: 0};
    bench.write(BEFORE);
    bench.topic.append(0, record);
    bench.topic.append(0, ...BEHIND.map((change) => recordOf(change)));
    const worker = await bench.soleWorker({settings});
    await expectHalt(worker, kind, detail);
    await expect(bench.position(0)).resolves.toBe(3n);
    await bench.expectFold(BEFORE);
    expect(worker.projector.counts).toMatchObject({consumed: 3, applied: 3, ignored: 0, quarantined: 0});
    // The first worker has not skipped the record, so a second worker halts at it too.
    await expectHalt(await bench.soleWorker({settings}), kind, detail);
    await expect(bench.position(0)).resolves.toBe(3n);
  });

  test('a TRUNCATE as the first record leaves Redis empty', async () => {
    bench.topic.append(0, truncate, ...BEFORE.map((change) => recordOf(change)));
    await expectHalt(await bench.soleWorker(), 'table-truncated', /\[0\] offset 0/);
    expect(await bench.redis.content()).toEqual({});
  });

  test('a worker that halts at a TRUNCATE in one partition commits the offsets of all partitions (I12)', async () => {
    bench.write([order('1', {extra: ['new']}), order('2', {extra: ['new']})]);
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    bench.topic.append(0, truncate);
    await expectHalt(worker, 'table-truncated', /\[0\] offset 0/);
    expect([...worker.log.committing].sort()).toEqual([
      [0, 0n],
      [1, 1n],
      [2, 1n],
    ]);
  });
});

describe('a topic that Redis was not built from (I10)', () => {
  test('halts the worker if it has other records at the same offsets', async () => {
    bench.write(BEFORE);
    await applied();
    bench.topic.replace(0, ...[...BEHIND, ...BEHIND].map((change) => recordOf(change)));
    await expectHalt(
      await bench.soleWorker(),
      'topic-replaced',
      /the record at offset 2 is not the record that was applied/,
    );
    await bench.expectFold(BEFORE);
  });

  test('halts the worker if it has the same records at other offsets', async () => {
    bench.write(BEFORE);
    await applied();
    const records = BEFORE.map((change) => recordOf(change));
    bench.topic.replace(0, ...records.slice(1), ...records);
    await expectHalt(
      await bench.soleWorker(),
      'topic-replaced',
      /the record at offset 2 is not the record that was applied/,
    );
  });

  test('halts the worker if it ends before the stored position', async () => {
    bench.write(BEFORE);
    await applied();
    bench.topic.replace(0, recordOf(BEFORE[0]!));
    await expectHalt(
      await bench.soleWorker(),
      'topic-replaced',
      /the stored position is offset 3, but the partition ends at offset 1/,
    );
  });

  test('halts a running worker at its next rebalance', async () => {
    bench.write(BEFORE);
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    bench.topic.replace(0, ...[...BEHIND, ...BEHIND].map((change) => recordOf(change)));
    worker.log.assign(bench.topic.partitions);
    await expectHalt(worker, 'topic-replaced', /offset 2/);
  });
});

describe('a topic whose first records were deleted (S1, I6)', () => {
  test('does not halt a worker that has applied these records', async () => {
    bench.write(BEFORE);
    await applied();
    bench.topic.cutBelow(0, 3n);
    bench.write(BEHIND);
    await bench.soleWorker();
    await bench.expectExact();
  });

  test('halts a worker that has not applied these records', async () => {
    bench.write(BEFORE);
    await applied();
    bench.write([...BEHIND, ...BEHIND]);
    bench.topic.cutBelow(0, 5n);
    await expectHalt(
      await bench.soleWorker(),
      'topic-start-lost',
      /offsets 3 to 4 were deleted from the topic/,
    );
    await bench.expectFold(BEFORE);
  });

  test('halts a running worker when the client jumps to the first remaining record', async () => {
    bench.write(BEFORE);
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    bench.topic.append(0, ...BEHIND.map((change) => recordOf(change)));
    bench.topic.cutBelow(0, 4n);
    await expectHalt(
      worker,
      'topic-start-lost',
      /\[0\]: offsets 3 to 3 were deleted from the topic before they were applied/,
    );
    await bench.expectFold(BEFORE);
  });

  test('halts a worker if Redis holds no positions', async () => {
    bench.write([...BEFORE, ...BEHIND]);
    bench.topic.cutBelow(0, 2n);
    await expectHalt(await bench.soleWorker(), 'position-missing', /the topic no longer has offsets 0 to 1/);
    expect(await bench.redis.content()).toEqual({});
  });
});

describe('a Redis that another program writes to', () => {
  const POSITION = 'projector:position:test.events:0';

  test.each(['foreign', 'v2 3', '3'])('a stored position %j halts the worker and is kept', async (text) => {
    bench.write(BEFORE);
    await bench.redis.redis.set(POSITION, text);
    await expectHalt(
      await bench.soleWorker(),
      'position-unreadable',
      /value of projector:position:test\.events:0 is not a position/,
    );
    await expect(bench.redis.redis.get(POSITION)).resolves.toBe(text);
    expect(await bench.redis.content()).toEqual({});
  });

  test.each(['product:10:sold', 'report:users', 'projector:quarantine', 'projector:layout', POSITION])(
    'a foreign type under %s halts the worker, and nothing is written (F38) (I5)',
    async (key) => {
      bench.write(BEFORE);
      await bench.redis.redis.lpush(key, 'foreign');
      const before = await bench.redis.snapshot();
      await expectHalt(await bench.soleWorker(), 'read-model-corrupt', /WRONGTYPE|CORRUPT/);
      expect(await bench.redis.snapshot()).toEqual(before);
    },
  );
});

test('an error of the Kafka client halts the worker with the same reason', async () => {
  bench.write(BEFORE);
  const worker = await bench.soleWorker();
  await bench.caughtUp();
  worker.log.fail(new Error('the client stopped'));
  await expectHalt(worker, 'internal', /^the client stopped$/);
  await bench.expectExact();
});

describe('a changed number of partitions (S2, I13)', () => {
  test.each([0, 2, 4])('halts the worker at an assignment (%d instead of 3)', async (count) => {
    bench.write(BEFORE);
    await applied();
    const worker = await bench.worker();
    const ranges = new Map(Array.from({length: count}, (_, index) => [index, {low: 0n, high: 0n}]));
    jest.spyOn(worker.log, 'ranges').mockResolvedValue(ranges);
    worker.log.assign([0]);
    await expectHalt(
      worker,
      'partitions-changed',
      new RegExp(`has ${count} partitions, but the read model was built for 3`),
    );
    await bench.expectFold(BEFORE);
  });

  test('halts the worker while it runs', async () => {
    bench.write(BEFORE);
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    const ranges = await worker.log.ranges();
    jest.spyOn(worker.log, 'ranges').mockResolvedValue(new Map([...ranges, [3, {low: 0n, high: 0n}]]));
    await expectHalt(worker, 'partitions-changed', /has 4 partitions, but the read model was built for 3/);
  });
});
