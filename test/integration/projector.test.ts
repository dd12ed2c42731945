/** Whole workers: normal runs, rebalances, stops, and a log that delivers other than asked. */
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {encoded, rowRecord} from '../support/records.js';
import {until} from '../support/until.js';
import {WorkerBench} from '../support/workerBench.js';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(8)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

test('a log is applied as it comes, every record with one outcome (I6)', async () => {
  const first = longRun(1);
  const [a, b] = [first.slice(0, 300), first.slice(300)];
  bench.write(a);
  const worker = await bench.soleWorker();
  await bench.expectExact();
  const others = [
    rowRecord({op: 'u', table: 'heartbeat', after: {id: 1}}, '1'),
    encoded({ts_ms: 5}, null),
    {key: Buffer.from('5'), value: null},
    rowRecord({op: 'c', table: 'users', after: {id: 1}}, null),
  ];
  bench.topic.append(0, ...others);
  bench.write(b);
  await bench.expectExact();
  expect(worker.projector.counts).toMatchObject({
    applied: first.length,
    ignored: 4,
    quarantined: 0,
    positionResets: 0,
  });
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('live changes are applied one by one, too', async () => {
  await bench.soleWorker();
  for (const change of longRun(2, 30)) {
    bench.write([change]);
    await bench.expectExact();
  }
});

test('chunk and queue sizes leave no trace (I7, L2)', async () => {
  const log = longRun(3);
  bench.write(log);
  const sizes = [
    {chunkOrdersMax: 1, chunkRecordsMax: 1, queueBytesMax: 1},
    {chunkOrdersMax: 500, chunkRecordsMax: 10_000, queueBytesMax: 10_000_000},
  ];
  for (const settings of sizes) {
    await bench.redis.redis.flushdb();
    const worker = await bench.soleWorker({settings});
    await bench.expectExact();
    await worker.stop();
  }
});

describe('a rebalance', () => {
  test('that gives the same partitions again, many times in mid-stream (C2)', async () => {
    const log = longRun(4);
    bench.write(log);
    const worker = await bench.soleWorker();
    for (let at = 20n; at < 500n; at += 40n) {
      await bench.midway(at);
      worker.log.assign(bench.topic.partitions);
    }
    await bench.expectExact();
    expect(worker.projector.counts.applied).toBe(log.length);
  });

  test('that hands partitions from one worker to another and back', async () => {
    bench.write(longRun(5));
    const [a, b] = [await bench.soleWorker(), await bench.worker()];
    for (const [at, partition] of [
      [50n, 0],
      [150n, 1],
      [250n, 2],
    ] as const) {
      await bench.midway(at);
      a.log.assign(bench.topic.partitions.filter((other) => other !== partition));
      b.log.assign([partition]);
    }
    b.log.assign([]);
    a.log.assign(bench.topic.partitions);
    await bench.expectExact();
  });

  test('that a worker slept through: two of them on the same partitions change nothing twice (C1, C2)', async () => {
    const log = longRun(6);
    bench.write(log.slice(0, 300));
    const [a, b] = [await bench.soleWorker(), await bench.soleWorker()];
    bench.write(log.slice(300));
    await bench.expectExact();
    expect(a.projector.counts.applied + b.projector.counts.applied).toBe(log.length);
  });
});

describe('a log that is read at another offset than asked (I6)', () => {
  test.each([
    ['back: records come a second time', -15n],
    ['far back', -1_000_000n],
    ['ahead: records would be missing', 5n],
    ['beyond its end', 1_000_000n],
  ])('%s', async (_name, distance) => {
    bench.write(longRun(7));
    const worker = await bench.soleWorker();
    for (let at = 50n; at < 400n; at += 60n) {
      await bench.midway(at);
      const from = await bench.position(1);
      const offset = from + distance;
      worker.log.jump(1, offset < 0n ? 0n : offset);
    }
    await bench.expectExact();
  });

  test('the reason is told', async () => {
    bench.write(longRun(8, 100));
    const worker = await bench.soleWorker();
    await bench.caughtUp();
    worker.log.jump(1, 0n);
    await until(
      () => worker.messages.some((message) => /fetched from offset 0 instead of \d+/.test(message)),
      () => worker.messages.join('\n'),
    );
    await bench.expectExact();
  });
});

describe('a stop', () => {
  test('in mid-stream finishes what is in flight, acks it and leaves (I12)', async () => {
    const log = longRun(9);
    bench.write(log);
    const worker = await bench.soleWorker();
    await bench.midway(100n);
    await expect(worker.stop()).resolves.toBeUndefined();
    const positions = await bench.positions();
    expect(bench.topic.partitions.map((partition) => worker.log.committing.get(partition))).toEqual(
      positions,
    );
    expect(worker.log.stopped).toBe(true);
    const seen = positions.map(() => 0n);
    await bench.expectFold(
      log.filter(({orderId}) => {
        const partition = bench.partitionOf(orderId);
        return seen[partition]!++ < positions[partition]!;
      }),
    );
    expect(BigInt(worker.projector.counts.applied)).toBe(positions.reduce((a, b) => a + b, 0n));
    await bench.soleWorker();
    await bench.expectExact();
  });

  test('before the start, twice, and without partitions', async () => {
    const worker = await bench.worker();
    worker.projector.stop();
    await expect(worker.stop()).resolves.toBeUndefined();
    await expect(worker.stop()).resolves.toBeUndefined();
    expect(worker.log.stopped).toBe(true);
  });

  test('a late assignment starts nothing', async () => {
    bench.write([order('1')]);
    const worker = await bench.worker();
    await worker.stop();
    worker.log.stopped = false;
    worker.log.assign(bench.topic.partitions);
    await expect(bench.positions()).resolves.toEqual([0n, 0n, 0n]);
  });
});
