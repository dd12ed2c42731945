/** The layout `partitioned`: counters and reports computed again from the orders, while workers apply records (I19). */
import {Fences} from '../../src/apply/fences.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {whileFenced} from '../../src/operations/rebuild/heldFences.js';
import {RebuildLock} from '../../src/operations/rebuild/lock.js';
import {computeReports} from '../../src/operations/rebuild/reports.js';
import {planReset, resetPosition} from '../../src/operations/rebuild/positionReset.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {longRun} from '../support/arbitraries.js';
import {LAYOUT} from '../support/redisBench.js';
import {WorkerBench} from '../support/workerBench.js';

const KEYS = keySpace('partitioned', 'test:');
const LOCK = KEYS.shared.rebuildLock;

let bench: WorkerBench;
let runs = 0;
beforeAll(async () => (bench = await WorkerBench.open(6, undefined, {isPartitioned: true})));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

interface Interference {
  /** Called after every order was read. */
  readonly read?: () => Promise<void>;
}

async function compute({read}: Interference = {}): Promise<number> {
  const {client, model} = bench.redis;
  const id = `run${++runs}`;
  const lock = new RebuildLock(client, {key: LOCK, text: `${id} reports on test`, clock: systemClock});
  const fences = new Fences(client, {
    lockKey: LOCK,
    lockText: lock.text,
    holder: id,
    positionKeys: model.positions.keys(3),
    isPartitioned: true,
  });
  let isRead = false;
  const redis = {
    run: client.run.bind(client),
    hash: client.hash.bind(client),
    getAll: client.getAll.bind(client),
    async *keysMatching(match: string, count: number) {
      if (isRead) await read?.();
      isRead = true;
      yield* client.keysMatching(match, count);
    },
  };
  const {signal} = new AbortController();
  return await lock.during(signal, async (held) => {
    const deps = {redis, keys: KEYS, layout: LAYOUT, lockText: lock.text, id, progress: () => undefined};
    return await whileFenced(fences, {clock: systemClock, signal: held}, async (standing) => {
      return await computeReports(deps, standing);
    });
  });
}

const damages: [string, () => Promise<unknown>][] = [
  [
    'lost',
    async () => {
      // No order names the product of a counter that is 0. So if it is lost too, nothing in Redis shows that it was there.
      const counters = await bench.redis.redis.keys('{test}:product:*');
      const texts = await bench.redis.redis.mget(counters);
      const zeros = new Set(counters.filter((_, index) => texts[index] === '0'));
      const keys = await bench.redis.redis.keys('{test}:*');
      await bench.redis.redis.del(keys.filter((key) => !zeros.has(key)));
    },
  ],
  ['wrong', async () => await bench.redis.redis.hincrby(KEYS.shared.reportTotals, 'revenue', 5)],
  [
    'of other types',
    async () => {
      for (const key of [KEYS.shared.reportUsers, KEYS.shared.reportTotals, KEYS.shared.productSold('10')]) {
        await bench.redis.redis.del(key);
        await bench.redis.redis.lpush(key, 'foreign');
      }
    },
  ],
  ['half of a chunk', async () => await bench.redis.redis.hincrby(KEYS.shared.chunks, 'begun', 1)],
];

test.each(damages)(
  'reports that are %s are computed again, and workers continue from there',
  async (_, damage) => {
    const log = longRun(21);
    bench.write(log.slice(0, 250));
    const worker = await bench.soleWorker();
    await bench.expectExact();
    await worker.stop();
    await damage();
    await compute();
    await bench.expectExact();
    bench.write(log.slice(250));
    await bench.soleWorker();
    await bench.expectExact();
  },
);

test('while workers apply and merge, the result is exact (I15, I18)', async () => {
  bench.write(longRun(22, 900));
  await bench.soleWorker();
  for (const at of [60n, 200n, 400n]) {
    await bench.midway(at);
    await bench.redis.redis.hincrby(KEYS.shared.reportTotals, 'units', 3);
    await compute();
  }
  await bench.expectExact();
});

test('a worker that has merged in between does not spoil it: the counters are read again', async () => {
  bench.write(longRun(23));
  const worker = await bench.soleWorker();
  await bench.expectExact();
  await worker.stop();
  await bench.redis.redis.hincrby(KEYS.shared.reportTotals, 'units', 3);
  let changes = 0;
  await compute({
    read: async () => {
      if (++changes > 2) return;
      await bench.redis.redis.hset(KEYS.shared.merged, '0', `1 other.${changes}`);
    },
  });
  expect(changes).toBe(3);
  await bench.expectExact();
});

test('a run that has lost its lock or a fence changes nothing (C4)', async () => {
  bench.write(longRun(24));
  const worker = await bench.soleWorker();
  await bench.expectExact();
  await worker.stop();
  const before = await bench.redis.snapshot('{test}:*');
  const stolen = compute({
    read: async () => {
      await bench.redis.redis.set(LOCK, 'another run');
    },
  });
  await expect(stolen).rejects.toMatchObject({kind: 'rebuild-lost'});
  await bench.redis.redis.del(LOCK);
  const key = bench.redis.model.positions.key(1);
  const unfenced = compute({
    read: async () => {
      await bench.redis.redis.set(key, 'v1 1');
    },
  });
  await expect(unfenced).rejects.toMatchObject({kind: 'rebuild-lost'});
  const staged = ['{test}:staging:report:products', '{test}:staging:report:users'];
  await bench.redis.redis.del(...staged);
  expect(await bench.redis.snapshot('{test}:*')).toEqual(before);
});

test('positions that are set back do not show in the reports, and all is exact at the end (I1, I18)', async () => {
  bench.write(longRun(25));
  await bench.soleWorker();
  await bench.expectExact();
  const model = bench.redis.unmergedModel();
  const ranges = new Map(
    bench.topic.partitions.map((partition) => [partition, bench.topic.range(partition)]),
  );
  const goals = {offsets: new Map(bench.topic.partitions.map((each) => [each, 0n])), mayStay: true};
  for (const step of await planReset(model, goals, ranges)) await resetPosition(model, step);
  await bench.expectExact();
});
