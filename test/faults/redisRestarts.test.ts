/**
 * Redis crashes, loses its data, or goes back to an older state. The position is stored with the data, so the
 * worker notices it.
 */
import {readdirSync, statSync, truncateSync} from 'node:fs';
import {join} from 'node:path';
import {longRun} from '../support/arbitraries.js';
import {item, order} from '../support/changes.js';
import {OwnBench, report, notified} from '../support/ownBench.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';
import type {Worker} from '../support/workerBench.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Redis restarts. ${whyNot}\n`);

const AWAY =
  /^waiting: Redis at redis:\/\/127\.0\.0\.1:\d+\/0 did not respond: \S.* \{"kind":"redis-unreachable"\}$/;

(whyNot === undefined ? describe : describe.skip)('a Redis that restarts or is reset', () => {
  let own: OwnBench;
  beforeEach(async () => (own = await OwnBench.open()));
  afterEach(async () => await own.close());

  /** Waits until the worker has caught up, and reports how long that took. */
  async function recovery(row: string, log: readonly unknown[]): Promise<void> {
    const backMs = performance.now();
    await own.bench.caughtUp();
    const seconds = ((performance.now() - backMs) / 1_000).toFixed(1);
    report(`${row}: caught up ${seconds} s after Redis was back, log of ${log.length} records`);
  }

  async function rewritten(): Promise<void> {
    await own.call('BGREWRITEAOF');
    await until(
      async () =>
        String(await own.call('INFO', 'persistence')).includes(
          'aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0',
        ),
      () => 'a rewritten append-only file',
    );
  }

  test('a Redis with an append-only file loses nothing when it is killed three times (F26)', async () => {
    const log = longRun(21);
    own.bench.write(log.slice(0, 400));
    const worker = await own.worker();
    for (const [time, at] of [60n, 180n, 300n].entries()) {
      await own.bench.midway(at);
      await own.redis.kill();
      await notified(worker, /^waiting:/, time + 1);
      await own.restart();
      // The rewrite removes a transaction that the crash has torn, before Redis is killed again.
      await rewritten();
      await notified(worker, /^recovered: /, time + 1);
    }
    own.bench.write(log.slice(400));
    await recovery('F26', log);
    await own.expectSound(worker, {waiting: [AWAY, AWAY, AWAY]});
  });

  describe('an append-only file that a crash has torn', () => {
    /** Kills Redis, removes this number of bytes from the end of the file, and starts Redis again. */
    async function tear(bytes: number): Promise<void> {
      await own.redis.kill();
      const folder = join(own.redis.folder, 'appendonlydir');
      const file = join(
        folder,
        readdirSync(folder).find((name) => name.endsWith('.incr.aof'))!,
      );
      truncateSync(file, statSync(file).size - bytes);
      await own.restart();
    }

    /**
     * Starts a worker whose last chunk changes counters, so that a chunk applied in part would be noticed.
     */
    async function lastChunkCounts(): Promise<Worker> {
      own.bench.write(longRun(22, 300));
      const worker = await own.worker();
      await own.bench.caughtUp();
      own.bench.write([order('3', {extra: ['new']}), item('3/1', {product: '11', quantity: '5'})]);
      await own.bench.expectExact();
      return worker;
    }

    test.each([4, 40, 300])(
      'if %d bytes are missing, Redis drops the torn chunk and the worker replays it (F26) (I5)',
      async (bytes) => {
        const worker = await lastChunkCounts();
        await tear(bytes);
        await notified(worker, /^waiting:/);
        await recovery('F26 (torn file)', own.bench.ends);
        await own.expectSound(worker, {waiting: [AWAY]});
      },
    );

    test('if Redis rewrites the file after each crash, as the runbook says, further crashes do no harm (F26) (I5)', async () => {
      const worker = await lastChunkCounts();
      for (let time = 1; time <= 2; time++) {
        await tear(40);
        await notified(worker, /^waiting:/, time);
        await rewritten();
        await own.bench.expectExact();
        own.bench.write([item(`3/${time}`, {product: '12', quantity: '7'})]);
        await own.bench.expectExact();
      }
      await own.redis.kill();
      await notified(worker, /^waiting:/, 3);
      await own.restart();
      own.bench.write([item('3/9')]);
      await own.expectSound(worker, {waiting: [AWAY, AWAY, AWAY]});
    });

    test.each([4, 40, 300])(
      'if %d bytes are missing and Redis is killed again, the worker notices a chunk that Redis repeats (F26) (I5)',
      async (bytes) => {
        const worker = await lastChunkCounts();
        await tear(bytes);
        await own.bench.expectExact();
        own.bench.write([item('3/2', {product: '12', quantity: '7'})]);
        await own.bench.expectExact();
        await own.redis.kill();
        await notified(worker, /^waiting:/, 2);
        await own.restart();
        // The repeated part of a chunk can be so short that it changes only the count of chunks.
        const [begun, finished] = (await own.call(
          'HMGET',
          'projector:chunks',
          'begun',
          'finished',
        )) as string[];
        const isWhole = begun === finished && (await contentIs(() => own.bench.expectExact()));
        own.bench.write([item('3/3', {product: '10', quantity: '2'})]);
        // Redis 7.0 keeps the torn transaction in its file. A Redis that removes it has nothing to repeat.
        if (isWhole) {
          await own.expectSound(worker, {waiting: [AWAY, AWAY]});
          return;
        }
        const detail =
          /^Redis at \S+: CORRUPT projector:chunks shows that Redis has executed a chunk or a part of it twice$/;
        await own.expectHalt(worker, 'read-model-corrupt', detail);
        await own.call('FLUSHALL');
        await own.expectSound(await own.worker());
      },
    );

    async function contentIs(expectation: () => Promise<void>): Promise<boolean> {
      return await expectation().then(
        () => true,
        () => false,
      );
    }
  });

  test('a Redis without persistence comes back empty after a crash, and the worker fills it without a command (F27)', async () => {
    const settings = ['--appendonly', 'no'];
    await own.redis.stop();
    await own.restart({args: settings});
    const log = longRun(23);
    own.bench.write(log);
    const worker = await own.worker();
    await own.bench.midway(300n);
    await own.redis.kill();
    await notified(worker, /^waiting:/);
    await own.restart({args: settings});
    await recovery('F27 in mid-stream', log);
    await own.bench.expectExact();

    // The same while the worker is idle.
    await own.redis.kill();
    await notified(worker, /^waiting:/, 2);
    await own.restart({args: settings});
    await recovery('F27 while idle', log);
    await own.expectSound(worker, {waiting: [AWAY, AWAY]});
  });

  test.each([
    {name: 'of a moment at rest', at: 200},
    {name: 'of a moment in mid-stream', at: 600},
  ])('a worker replays the difference if Redis comes back from an older dump $name (F28)', async ({at}) => {
    const log = longRun(24 + at);
    own.bench.write(log.slice(0, at));
    const worker = await own.worker();
    if (at === 200) await own.bench.caughtUp();
    else await own.bench.midway(150n);
    const dump = await own.redis.dump();
    own.bench.write(log.slice(at));
    await own.bench.midway(400n);
    await own.redis.kill();
    await notified(worker, /^waiting:/);
    await own.restart({dump});
    await recovery('F28 in mid-stream', log);
    await own.bench.expectExact();

    await own.redis.kill();
    await notified(worker, /^waiting:/, 2);
    await own.restart({dump});
    await recovery('F28 while idle', log);
    await own.expectSound(worker, {waiting: [AWAY, AWAY]});
  });

  test('a worker replays the acknowledged writes that a Redis with dumps alone loses in a crash (F28)', async () => {
    const settings = ['--appendonly', 'no', '--save', '1', '1'];
    await own.redis.stop();
    await own.restart({args: settings});
    const log = longRun(25);
    own.bench.write(log.slice(0, 200));
    const worker = await own.worker();
    await own.bench.caughtUp();
    await own.call('SAVE');
    own.bench.write(log.slice(200));
    await own.bench.midway(500n);
    await own.redis.kill();
    await notified(worker, /^waiting:/);
    await own.restart({args: settings});
    await recovery('F28 (dumps only)', log);
    await own.expectSound(worker, {waiting: [AWAY]});
  });

  test('a worker fills Redis again after FLUSHALL, while it applies records and while it is idle (F31)', async () => {
    own.bench.write(longRun(26));
    const worker = await own.worker();
    for (const at of [60n, 200n, 400n]) {
      await own.bench.midway(at);
      await own.call('FLUSHALL');
    }
    await own.bench.expectExact();
    await own.call('FLUSHALL');
    await notified(worker, /reset to the stored position .*although this worker wrote nothing/);
    await own.expectSound(worker);
  });
});
