/** The layout `partitioned`: workers on one Redis, of which parts lose data. With several servers: redisCluster.test.ts. */
import {readFileSync} from 'node:fs';
import {APPLY_SCRIPT, scriptArguments} from '../../src/apply/script.js';
import {reduce} from '../../src/reduce.js';
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {LAYOUT} from '../support/redisBench.js';
import {fc} from '../support/seededChecks.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {expectHaltOrHold, WorkerBench, type Worker} from '../support/workerBench.js';

const SHARED = '{test}:*';
const ALL = '{test*';
const partKeys = (partition: number): string => `{test:${partition}}:*`;
const OUTBOX = '{test:1}:projector:outbox';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(6, undefined, {isPartitioned: true})));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

test('orders are in the slot of their partition, counters and reports in another one', async () => {
  bench.write(longRun(1));
  await bench.soleWorker();
  await bench.expectExact();
  const keys = await bench.redis.redis.keys('*');
  expect(keys.filter((key) => !/^\{test(?::[012])?\}:/.test(key))).toEqual([]);
  for (const key of keys) {
    const [, partition, id] = /^\{test:(\d)\}:order:(.*)$/.exec(key) ?? [];
    if (id !== undefined) expect(bench.partitionOf(id)).toBe(Number(partition));
    const isShared = /:(?:product:.*:sold|report:\w+)$/.test(key);
    if (isShared) expect(key.startsWith('{test}:')).toBe(true);
  }
});

test('a worker that ends has merged everything (I12)', async () => {
  bench.write(longRun(2));
  const worker = await bench.soleWorker();
  await bench.midway(200n);
  await worker.stop();
  await bench.expectExactSoFar();
});

test('a stop merges a long backlog, and does not wait for its timeout (I12) (L18)', async () => {
  const log = longRun(10, 2_000);
  bench.write(log.slice(0, 1_900));
  const first = await bench.soleWorker();
  await bench.caughtUp();
  await first.stop();
  const shared = await bench.redis.redis.keys(SHARED);
  await bench.redis.redis.del(...shared);
  bench.write(log.slice(1_900));
  const worker = await bench.soleWorker();
  await until(
    async () => (await bench.redis.redis.exists('{test}:report:totals')) === 1,
    () => 'the first merge',
  );
  await worker.stop();
  expect(worker.messages.filter((message) => message.startsWith('stopped without'))).toEqual([]);
  await bench.expectExactSoFar();
});

describe('what a crash leaves in the outboxes (I18)', () => {
  test('is merged by the next worker (F92)', async () => {
    bench.write(longRun(3));
    const crashed = await bench.worker({losesMerges: true, settings: {stopTimeoutMs: 200}});
    crashed.log.assign(bench.topic.partitions);
    await bench.midway(200n);
    await crashed.stop();
    expect(await bench.redis.redis.exists('{test}:report:totals')).toBe(0);
    await bench.soleWorker();
    await bench.expectExact();
  });

  test('is merged once, although two workers hold the same partitions (C2)', async () => {
    bench.write(longRun(4));
    const [a, b] = [await bench.worker(), await bench.worker()];
    for (const {log} of [a, b]) log.assign(bench.topic.partitions);
    await bench.expectExact();
    expect(await positionsOf([a, b])).toEqual(bench.ends);
  });
});

describe('a slot that has lost its newest writes (F90) (I1, I18)', () => {
  test('of orders: the reports are ahead, and the replay adds nothing to them twice', async () => {
    const log = longRun(5);
    bench.write(log.slice(0, 250));
    await bench.soleWorker();
    await bench.expectExact();
    const backup = await bench.redis.snapshot(partKeys(1));
    bench.write(log.slice(250));
    await bench.expectExact();
    await bench.redis.restore(backup, partKeys(1));
    await bench.expectExact();
  });

  test('of reports: the outboxes still contain what is missing', async () => {
    const log = longRun(6);
    bench.write(log.slice(0, 250));
    await bench.soleWorker();
    await bench.expectExact();
    const backup = await bench.redis.snapshot(SHARED);
    bench.write(log.slice(250));
    await bench.expectExact();
    await bench.redis.restore(backup, SHARED);
    await bench.expectExact();
  });

  test('of orders, and later of reports: the outbox has no gap where the orders were applied again', async () => {
    const log = longRun(11);
    bench.write(log.slice(0, 250));
    await bench.soleWorker();
    await bench.expectExact();
    const reports = await bench.redis.snapshot(SHARED);
    const orders = await bench.redis.snapshot(partKeys(1));
    bench.write(log.slice(250));
    await bench.expectExact();
    await bench.redis.restore(orders, partKeys(1));
    await bench.expectExact();
    await bench.redis.restore(reports, SHARED);
    await bench.expectExact();
  });

  test('of reports, just after a merge of old entries: the outboxes still contain them', async () => {
    const log = longRun(14);
    bench.write(log.slice(0, 250));
    const crashed = await bench.worker({losesMerges: true, settings: {stopTimeoutMs: 200}});
    crashed.log.assign(bench.topic.partitions);
    await bench.caughtUp();
    await crashed.stop();
    for (const partition of bench.topic.partitions) await makeOld(`{test:${partition}}:projector:outbox`);
    const backup = await bench.redis.snapshot(SHARED);
    await bench.soleWorker();
    await bench.merged();
    bench.write(log.slice(250));
    await bench.expectExact();
    await bench.redis.restore(backup, SHARED);
    await bench.expectExact();
  });

  /** As if the entries had been added 10 min earlier. */
  async function makeOld(key: string): Promise<void> {
    const {redis} = bench.redis;
    for (const [index, entry] of (await redis.lrange(key, 0, '-1')).entries()) {
      const words = entry.split(' ');
      words[2] = String(Number(words[2]) - 600_000);
      await redis.lset(key, index, words.join(' '));
    }
  }

  test('of everything, while a partition joins: it reads its position again', async () => {
    const log = longRun(13);
    bench.write(log.slice(0, 250));
    const first = await bench.soleWorker();
    await bench.expectExact();
    const backup = await bench.redis.snapshot(ALL);
    bench.write(log.slice(250));
    await bench.expectExact();
    await first.stop();
    let isRestored = false;
    const worker = await bench.soleWorker({
      beforeTake: async () => {
        if (isRestored) return;
        isRestored = true;
        await bench.redis.restore(backup, ALL);
      },
    });
    await until(
      () => isRestored,
      () => 'the partitions to join',
    );
    await bench.expectExact();
    expect(worker.projector.view.partitions.map(({held}) => held)).toEqual([null, null, null]);
  });

  test('at drawn moments, while records are applied', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({max: 3}), {minLength: 3, maxLength: 6}), async (losses) => {
        await bench.reset();
        bench.write(longRun(7, 900));
        await bench.soleWorker();
        let at = 60n;
        for (const loss of losses) {
          const match = loss === 3 ? SHARED : partKeys(loss);
          await bench.midway(at);
          const backup = await bench.redis.snapshot(match);
          await bench.midway((at += 60n));
          await bench.redis.restore(backup, match);
        }
        await bench.expectExact();
      }),
      {numRuns: inTier({test: 5, soak: 100})},
    );
  });
});

test('the outbox keeps entries until they are merged and old enough (I18)', async () => {
  const settings = {prefix: '{test:0}:', layout: LAYOUT, extraColumns: []};
  const key = bench.redis.model.positions.key(0);
  const chunk = async (from: number, merged: number, keptMs: number): Promise<number> => {
    const expected = from === 0 ? '' : `v1 ${from}`;
    const outbox = `${from} ${from + 1} ${merged} ${keptMs}`;
    const request = {expected, next: `v1 ${from + 1}`, reduction: reduce([order('1')]), outbox};
    const reply = await bench.redis.client.run(APPLY_SCRIPT, key, scriptArguments(request, settings));
    expect(reply).toEqual(['applied', 1, expect.stringMatching(new RegExp(`^${from} ${from + 1} \\d+ `))]);
    return await bench.redis.redis.llen('{test:0}:projector:outbox');
  };
  // Not merged; merged but young; then both, which removes all but the new one.
  const lengths = [
    await chunk(0, 0, 0),
    await chunk(1, 0, 0),
    await chunk(2, 2, 60_000),
    await chunk(3, 3, 0),
  ];
  expect(lengths).toEqual([1, 2, 3, 1]);
});

test('a worker needs exactly the rights of the file for clusters (I5)', async () => {
  const [, rights = ''] =
    /^user projector on >PASSWORD (.*)$/m.exec(readFileSync('deploy/acl/redis-cluster.acl', 'utf8')) ?? [];
  const own = rights.replaceAll('shop', 'test').split(' ');
  const {redis} = bench.redis;
  const user = 'partitioned';
  const url = new URL(bench.redis.url);
  url.username = user;
  url.password = 'secret';
  try {
    await redis.call('ACL', 'SETUSER', user, 'reset', 'on', '>secret', ...own);
    bench.write(longRun(10));
    const worker = await bench.worker({redisUrl: url.href});
    worker.log.assign(bench.topic.partitions);
    await bench.expectExact();
    await worker.stop();
    for (const missing of ['-rpush', '-lpop', '-lindex', '-hmget']) {
      await redis.call('ACL', 'SETUSER', user, 'reset', 'on', '>secret', ...own, missing);
      const client = bench.redis.newClient(5_000, {url: url.href});
      await client.connect();
      const needed = bench.redis.modelOn(client).requireRights();
      await expect(needed).rejects.toMatchObject({kind: 'redis-denied'});
      client.close();
    }
  } finally {
    await redis.call('ACL', 'DELUSER', user);
  }
});

test('reports that are older than the outboxes halt the worker, and name the offsets', async () => {
  bench.write(longRun(8));
  const first = await bench.soleWorker();
  await bench.expectExact();
  await first.stop();
  await bench.redis.redis.del(OUTBOX);
  await bench.redis.redis.hdel('{test}:projector:merged', '1');
  const worker = await bench.soleWorker();
  await expectHaltOrHold(
    worker,
    'reports-lost',
    /partition 1 up to offset 0, its orders are at \d+, and \{test:1\}:projector:outbox/,
  );
});

test('totals that are gone halt the worker, even if nothing of the partition was merged before (I5)', async () => {
  const log = longRun(12);
  const isIn = (partition: number, {orderId}: {orderId: string}): boolean =>
    bench.partitionOf(orderId) === partition;
  bench.write(log.filter((change) => isIn(0, change)));
  const worker = await bench.soleWorker();
  await bench.expectExact();
  await bench.redis.redis.del('{test}:report:totals');
  bench.write(log.filter((change) => isIn(1, change)));
  await expect(worker.ended).resolves.toMatchObject({kind: 'read-model-corrupt'});
  expect(await bench.redis.redis.exists('{test}:report:totals')).toBe(0);
});

test('a foreign type under a report halts the worker, and no report is written (I5)', async () => {
  await bench.redis.redis.set('{test}:report:users', 'foreign');
  bench.write(longRun(9));
  const worker = await bench.soleWorker();
  await expect(worker.ended).resolves.toMatchObject({kind: 'read-model-corrupt'});
  expect(await bench.redis.redis.exists('{test}:report:totals')).toBe(0);
});

async function positionsOf(workers: readonly Worker[]): Promise<bigint[]> {
  await until(
    () => workers.every(({projector}) => projector.view.partitions.length === 3),
    () => 'both workers to have their partitions',
  );
  return await bench.positions();
}
