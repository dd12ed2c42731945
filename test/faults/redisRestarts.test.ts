/** A Redis that crashes, forgets, or goes back to an older state: the position went with the data, so the worker sees it. */
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

(whyNot === undefined ? describe : describe.skip)('a Redis', () => {
  let own: OwnBench;
  beforeEach(async () => (own = await OwnBench.open()));
  afterEach(async () => await own.close());

  /** How long the worker needs from here on. */
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

  test('is killed with its append-only file on, again and again: nothing is lost (F26)', async () => {
    const log = longRun(21);
    own.bench.write(log.slice(0, 400));
    const worker = await own.worker();
    for (const [time, at] of [60n, 180n, 300n].entries()) {
      await own.bench.midway(at);
      await own.redis.kill();
      await notified(worker, /^waiting:/, time + 1);
      await own.restart();
      // Whatever the crash tore in the file must not be there at the next one.
      await rewritten();
      await notified(worker, /^recovered: /, time + 1);
    }
    own.bench.write(log.slice(400));
    await recovery('F26', log);
    await own.expectSound(worker, {waiting: [AWAY, AWAY, AWAY]});
  });

  describe('is killed in the middle of a write to its append-only file', () => {
    /** The last transaction in the file lacks so many bytes. */
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

    /** The last chunk counts something, so that its half would show. */
    async function lastChunkCounts(): Promise<Worker> {
      own.bench.write(longRun(22, 300));
      const worker = await own.worker();
      await own.bench.caughtUp();
      own.bench.write([order('3', {extra: ['new']}), item('3/1', {product: '11', quantity: '5'})]);
      await own.bench.expectExact();
      return worker;
    }

    test.each([4, 40, 300])(
      '%d bytes are missing: the chunk is not there, and replayed (F26) (I5)',
      async (bytes) => {
        const worker = await lastChunkCounts();
        await tear(bytes);
        await notified(worker, /^waiting:/);
        await recovery('F26 (torn file)', own.bench.ends);
        await own.expectSound(worker, {waiting: [AWAY]});
      },
    );

    test('and rewrites the file, as the runbook says: further crashes do no harm (F26) (I5)', async () => {
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
      '%d bytes are missing, and is killed again: what Redis then repeats is noticed (F26) (I5)',
      async (bytes) => {
        const worker = await lastChunkCounts();
        await tear(bytes);
        await own.bench.expectExact();
        own.bench.write([item('3/2', {product: '12', quantity: '7'})]);
        await own.bench.expectExact();
        await own.redis.kill();
        await notified(worker, /^waiting:/, 2);
        await own.restart();
        const isWhole = await contentIs(() => own.bench.expectExact());
        own.bench.write([item('3/3', {product: '10', quantity: '2'})]);
        // Redis 7.0 keeps the open transaction in its file; one that drops it has nothing to repeat.
        if (isWhole) {
          await own.expectSound(worker, {waiting: [AWAY, AWAY]});
          return;
        }
        const detail =
          /^Redis at \S+: CORRUPT projector:chunks: shows that Redis has executed a chunk or a part of it twice$/;
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

  test('is killed with nothing on disk and comes back empty: the worker fills it again, without a command (F27)', async () => {
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

    // And when nothing is to be done.
    await own.redis.kill();
    await notified(worker, /^waiting:/, 2);
    await own.restart({args: settings});
    await recovery('F27 while idle', log);
    await own.expectSound(worker, {waiting: [AWAY, AWAY]});
  });

  test.each([
    {name: 'of a moment at rest', at: 200},
    {name: 'of a moment in mid-stream', at: 600},
  ])('comes back from an older dump $name: the difference is replayed (F28)', async ({at}) => {
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

  test('loses acknowledged writes in a crash, since it only dumps now and then (F28)', async () => {
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

  test('is emptied by FLUSHALL while the worker runs, and while it rests (F31)', async () => {
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
