/** Complete workers: normal runs, rebalances, stops, and a client that delivers the wrong offsets. */
import {reduce} from '../../src/reduce.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {encoded, rowRecord} from '../support/records.js';
import {until} from '../support/until.js';
import {WorkerBench} from '../support/workerBench.js';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(8)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

test('a worker applies the topic while it grows, and each record has exactly one outcome (I6)', async () => {
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

test('a worker applies changes that arrive one at a time', async () => {
  await bench.soleWorker();
  for (const change of longRun(2, 30)) {
    bench.write([change]);
    await bench.expectExact();
  }
});

test('the content of Redis does not depend on chunk and buffer sizes (I7, L2)', async () => {
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

describe('a read model that is being built in windows', () => {
  const WINDOWS = {foldsWindows: () => true, queueBytesMax: 20_000};

  test('ends as the topic ends, with fewer scripts', async () => {
    bench.write(longRun(4, 900));
    const scripts: number[] = [];
    for (const settings of [{}, WINDOWS]) {
      await bench.redis.redis.flushdb();
      let count = 0;
      const onScript = (when: string): void => void (count += when === 'after' ? 1 : 0);
      const worker = await bench.soleWorker({settings, ordersPerScript: 1, onScript});
      await bench.expectExact();
      await worker.stop();
      scripts.push(count);
    }
    const [usual = 0, windows = 0] = scripts;
    expect(windows).toBeLessThan(usual / 2);
  });

  test('is exact although scripts fail, or lose their replies, between the parts of a window (I3, I4)', async () => {
    bench.write(longRun(5, 900));
    let calls = 0;
    const onScript = (): void => {
      if (++calls % 7 === 0) throw new ProjectorError('redis-unreachable', 'no answer');
    };
    const worker = await bench.soleWorker({settings: WINDOWS, ordersPerScript: 1, onScript});
    await bench.expectExact();
    expect(worker.projector.counts.positionResets).toBeGreaterThan(3);
    // A part of a window that arrives late, from another run, finds another text (C1, C4).
    const late = bench.redis.modelOn(bench.redis.client, 1);
    const [stored = ''] = await late.positions.read([0]);
    const before = await bench.redis.snapshot();
    const part = {expected: `fence 0 other.1 ${stored}`, next: stored, reduction: reduce(longRun(7, 20))};
    expect(await late.apply(0, part)).toMatchObject({kind: 'rejected', stored});
    expect(await bench.redis.snapshot()).toEqual(before);
    // Records that arrive later are applied in usual chunks.
    bench.write(longRun(6, 100));
    await bench.expectExact();
  });
});

describe('a rebalance', () => {
  test('that assigns the same partitions again in mid-stream applies no record twice (C2)', async () => {
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

  test('that moves partitions to another worker and back keeps Redis exact', async () => {
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

  test('that one worker missed, so that two workers hold the same partitions, applies no record twice (C1, C2)', async () => {
    const log = longRun(6);
    bench.write(log.slice(0, 300));
    const [a, b] = [await bench.soleWorker(), await bench.soleWorker()];
    bench.write(log.slice(300));
    await bench.expectExact();
    expect(a.projector.counts.applied + b.projector.counts.applied).toBe(log.length);
  });
});

describe('a client that delivers another offset than requested (I6)', () => {
  test.each([
    ['a lower offset, so that records arrive again', -15n],
    ['offset 0', -1_000_000n],
    ['a higher offset, so that records would be missing', 5n],
    ['an offset beyond the end', 1_000_000n],
  ])('%s: Redis stays exact', async (_name, distance) => {
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

  test('the worker logs the offset of the fetch and the expected offset', async () => {
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
  test('in mid-stream finishes the scripts in flight, commits the offsets and leaves the group (I12)', async () => {
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

  test('without partitions ends the worker without an error, also if it is requested twice', async () => {
    const worker = await bench.worker();
    worker.projector.stop();
    await expect(worker.stop()).resolves.toBeUndefined();
    await expect(worker.stop()).resolves.toBeUndefined();
    expect(worker.log.stopped).toBe(true);
  });

  test('makes the worker ignore later assignments', async () => {
    bench.write([order('1')]);
    const worker = await bench.worker();
    await worker.stop();
    worker.log.stopped = false;
    worker.log.assign(bench.topic.partitions);
    await expect(bench.positions()).resolves.toEqual([0n, 0n, 0n]);
  });
});
