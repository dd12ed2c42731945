/** The cutover of a rebuild on a real Redis: fences, the swap, and rebuilds that have lost their lock. */
import {RedisClient} from '../../src/clients/redis/client.js';
import {Fences} from '../../src/apply/fences.js';
import {ReadModel} from '../../src/apply/readModel.js';
import {parseFence} from '../../src/redis-model/fence.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {Cutover} from '../../src/operations/rebuild/cutover.js';
import {RebuildLock} from '../../src/operations/rebuild/lock.js';
import {StagingDatabase} from '../../src/operations/rebuild/stagingDatabase.js';
import {longRun} from '../support/arbitraries.js';
import {OwnBench, notified} from '../support/ownBench.js';
import {LAYOUT, TOPIC} from '../support/redisBench.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';
import type {Worker} from '../support/workerBench.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: the cutover of a rebuild. ${whyNot}\n`);

const POSITIONS = [0, 1, 2].map((partition) => `projector:position:test.events:${partition}`);
const LOCK = 'projector:rebuild';
const MARK = 'projector:staging';

(whyNot === undefined ? describe : describe.skip)('a cutover', () => {
  let own: OwnBench;
  let live: RedisClient;
  let staging: RedisClient;
  const client = async (database: number): Promise<RedisClient> => {
    const redis = new RedisClient({url: own.redis.url.replace(/0$/, String(database)), timeoutMs: 2_000});
    await redis.connect();
    return redis;
  };
  beforeEach(async () => {
    own = await OwnBench.open();
    [live, staging] = [await client(0), await client(1)];
  });
  afterEach(async () => {
    live.close();
    staging.close();
    await own.close();
  });

  const cutover = (lockText = 'lock'): Cutover =>
    new Cutover(
      live,
      {
        lockKey: LOCK,
        lockText,
        holder: 'holder',
        liveDatabase: 0,
        stagingDatabase: 1,
        markKey: MARK,
        mark: 'rebuild',
        discardMark: 'discard 1',
        positionKeys: POSITIONS,
        ranges: async () =>
          await Promise.resolve(new Map(POSITIONS.map((_, i) => [i, own.bench.topic.range(i)]))),
      },
      systemClock,
    );
  const fences = (lockText = 'lock'): Fences =>
    new Fences(live, {lockKey: LOCK, lockText, holder: 'holder', positionKeys: POSITIONS});
  const lock = (text = 'lock'): RebuildLock => new RebuildLock(live, {key: LOCK, text, clock: systemClock});
  const follower = async (): Promise<Worker> => {
    await new StagingDatabase(staging, '').prepare('rebuild', '1');
    return await own.bench.soleWorker({redisUrl: own.redis.url.replace(/0$/, '1')});
  };
  const stored = async (redis: RedisClient): Promise<string[]> =>
    (await redis.getAll(POSITIONS)).map((text) => text ?? '');
  const loaded = async (redis: RedisClient): Promise<void> => {
    await until(
      async () =>
        (await stored(redis)).map((text) => BigInt(text.split(' ')[1] ?? '0')).join() ===
        own.bench.ends.join(),
      () => 'the database to contain all records of the topic',
    );
  };

  test('workers apply nothing while the fences stand, and resume when the fences expire (I15, L9)', async () => {
    own.bench.write(longRun(301));
    const worker = await own.worker();
    await own.bench.expectExact();
    await lock().take();
    const before = await stored(live);
    await fences().set(2_000);
    own.bench.write(longRun(302, 60));
    await notified(worker, /^waiting: a cutover or a repair is in progress: a fence replaces the position/);
    expect((await stored(live)).map((text) => parseFence(text)?.position)).toEqual(before);
    await own.expectSound(worker, {waiting: [/^waiting: a cutover or a repair is in progress/]});
  });

  test('fences that are set twice and then removed leave every position as it was (I15)', async () => {
    own.bench.write(longRun(303));
    const worker = await own.worker();
    await own.bench.expectExact();
    await worker.stop();
    await lock().take();
    const before = await own.bench.redis.snapshot();
    const one = fences();
    await one.set(60_000);
    await one.set(60_000);
    expect((await stored(live)).every((text) => parseFence(text) !== undefined)).toBe(true);
    await one.giveUp();
    expect(await own.bench.redis.snapshot()).toEqual(before);
  });

  test('the staging database replaces the live one under a running worker, and Redis keeps it after a crash (I15)', async () => {
    own.bench.write(longRun(304));
    const worker = await own.worker();
    const second = await follower();
    await loaded(live);
    await loaded(staging);
    await staging.run(
      {name: 'sign', lua: "return redis.call('HSET', KEYS[1], 'sign', '1')"},
      'report:totals',
      [],
    );
    await lock().take();
    expect(await cutover().try()).toBe(true);
    await second.stop();
    expect(await live.hash('report:totals')).toMatchObject({sign: '1'});
    expect(await live.getAll([LOCK, MARK])).toEqual(['lock', null]);
    expect(await staging.getAll([LOCK, MARK, ...POSITIONS])).toEqual([null, 'discard 1', null, null, null]);

    own.bench.write(longRun(305, 100));
    await own.bench.caughtUp();
    await own.redis.kill();
    await own.restart();
    own.bench.write(longRun(306, 100));
    await own.bench.caughtUp();
    expect(await live.hash('report:totals')).toMatchObject({sign: '1'});
    await own.call('HDEL', 'report:totals', 'sign');
    await own.bench.expectExact();
    await worker.stop();
  });

  test('a cutover that is repeated because its reply was lost succeeds and changes nothing (I4, I15)', async () => {
    own.bench.write(longRun(307, 80));
    await follower().then(async (worker) => {
      await loaded(staging);
      await worker.stop();
    });
    await lock().take();
    expect(await cutover().try()).toBe(true);
    const after = await own.bench.redis.snapshot();
    expect(await cutover().try()).toBe(true);
    expect(await own.bench.redis.snapshot()).toEqual(after);
  });

  test('a staging database that has not reached the live positions is not swapped in, and nothing changes (I15)', async () => {
    own.bench.write(longRun(308, 80));
    const second = await follower();
    await loaded(staging);
    await second.stop();
    own.bench.write(longRun(309, 80));
    const worker = await own.worker();
    await own.bench.expectExact();
    await worker.stop();
    await lock().take();
    const before = await own.bench.redis.snapshot();
    expect(await cutover().try()).toBe(false);
    expect(await own.bench.redis.snapshot()).toEqual(before);
  });

  test('a live position beyond the end of the topic does not block the cutover and is replaced (I15)', async () => {
    own.bench.write(longRun(312, 80));
    await follower().then(async (worker) => {
      await loaded(staging);
      await worker.stop();
    });
    await live.run({name: 'put', lua: "return redis.call('SET', KEYS[1], 'v1 99999')"}, POSITIONS[1]!, []);
    await lock().take();
    expect(await cutover().try()).toBe(true);
    expect((await stored(live)).some((text) => text.startsWith('v1 99999'))).toBe(false);
  });

  test('a rebuild that was frozen and has lost its lock changes nothing (C4) (F10)', async () => {
    own.bench.write(longRun(310, 80));
    const worker = await own.worker();
    const second = await follower();
    await loaded(live);
    await loaded(staging);
    await worker.stop();
    await second.stop();
    await lock('another').take();
    await expect(lock('lock').take()).rejects.toMatchObject({kind: 'rebuild-refused'});
    const before = await own.bench.redis.snapshot();
    await expect(cutover('lock').try()).rejects.toMatchObject({kind: 'rebuild-lost'});
    // Fences with the holder name of this run exist, but it does not hold the lock. So it is rejected.
    await fences('another').set(60_000);
    await expect(cutover('lock').try()).rejects.toMatchObject({kind: 'rebuild-lost'});
    await fences('another').giveUp();
    expect(await own.bench.redis.snapshot()).toEqual(before);
  });

  test('a rebuild that resumes after its staging database was discarded does not start again (C4)', async () => {
    const settings = {prefix: '', layout: LAYOUT, extraColumns: []};
    const made = new ReadModel(staging, TOPIC, {...settings, isBeingBuilt: true});
    await expect(made.positionToResume(0)).rejects.toMatchObject({kind: 'rebuild-lost'});
    const clock = {...systemClock, sleep: async () => await Promise.resolve()};
    const late = new RebuildLock(live, {key: LOCK, text: 'late', clock});
    await expect(late.keep()).rejects.toMatchObject({
      kind: 'rebuild-lost',
      detail: expect.stringContaining('no other run holds it') as string,
    });
    expect(await own.bench.redis.snapshot()).toEqual([]);
  });

  test('a key of another program counts as foreign, also if an order or a product could have its name', async () => {
    own.bench.write(longRun(313, 80));
    await follower().then(async (worker) => {
      await loaded(staging);
      await worker.stop();
    });
    const content = new StagingDatabase(staging, '');
    await expect(content.requireNoForeignKeys()).resolves.toBeUndefined();
    for (const key of ['order:pending', 'product:cart:sold', 'order_lines:x/y', 'order:1:note']) {
      await staging.run({name: 'put', lua: "return redis.call('SET', KEYS[1], 'x')"}, key, []);
      await expect(content.requireNoForeignKeys()).rejects.toMatchObject({kind: 'rebuild-refused'});
      await staging.run({name: 'remove', lua: "return redis.call('DEL', KEYS[1])"}, key, []);
    }
  });

  test('a staging database is discarded only under its own mark, and foreign keys stay (C4)', async () => {
    own.bench.write(longRun(311, 80));
    await follower().then(async (worker) => {
      await loaded(staging);
      await worker.stop();
    });
    const content = new StagingDatabase(staging, '');
    await expect(content.discard('sync', 'discard 2')).rejects.toMatchObject({kind: 'rebuild-lost'});
    await staging.run({name: 'put', lua: "return redis.call('SET', KEYS[1], 'x')"}, 'session:1', []);
    await expect(content.requireNoForeignKeys()).rejects.toMatchObject({kind: 'rebuild-refused'});
    expect(await content.discard('rebuild', 'discard 2')).toBeGreaterThan(10);
    const left: string[] = [];
    for await (const page of staging.keys()) left.push(...page);
    expect(left).toEqual(['session:1']);
    await expect(content.prepare('rebuild', '3')).rejects.toMatchObject({
      kind: 'rebuild-refused',
      detail: expect.stringContaining('must be empty, but holds 1 key ("session:1")') as string,
    });
  });
});
