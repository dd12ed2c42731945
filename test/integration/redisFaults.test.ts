/** Whole workers on a Redis that forgets, goes away, or loses its answers. */
import {systemClock, type Clock} from '../../src/runtime/lifecycle.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {until} from '../support/until.js';
import {WorkerBench, type Worker} from '../support/workerBench.js';

let bench: WorkerBench;
let proxy: TcpProxy;
beforeAll(async () => {
  bench = await WorkerBench.open(10);
  proxy = await TcpProxy.open(bench.redis.url);
});
afterEach(async () => {
  proxy.loseReplies(() => false);
  await bench.reset();
});
afterAll(async () => {
  await bench.close();
  await proxy.close();
});

async function notified(worker: Worker, text: string): Promise<void> {
  await until(
    () => worker.messages.some((message) => message.includes(text)),
    () => `${text} in ${worker.messages.join('\n')}`,
  );
}

/** The replies of the script, as they come over the wire. */
const isScriptReply = (reply: Buffer): boolean => reply.includes('applied');

describe('a reply that is lost after the script ran (I4, C2)', () => {
  test.each([2, 3, 7])('every %d-th one: counters are exact (F44)', async (nth) => {
    bench.write(longRun(1));
    let replies = 0;
    proxy.loseReplies((reply) => isScriptReply(reply) && ++replies % nth === 0);
    const settings = {chunkRecordsMax: 2};
    const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url), settings});
    await bench.expectExact();
    expect(proxy.lost).toBeGreaterThan(3);
    expect(worker.projector.counts.positionResets).toBeGreaterThan(3);
    proxy.lost = 0;
  });

  test('and then nothing more comes: what was applied is counted, once (F44) (I6)', async () => {
    const log = longRun(2, 40);
    bench.write(log);
    proxy.loseReplies(isScriptReply);
    const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
    await bench.caughtUp();
    proxy.loseReplies(() => false);
    await bench.expectExact();
    await until(
      () => worker.projector.counts.applied === log.length,
      () => `applied ${worker.projector.counts.applied} of ${log.length}`,
    );
    await worker.stop();
    expect(worker.projector.counts.applied).toBe(log.length);
  });
});

test('a Redis that is away for a while is waited for, then the worker goes on', async () => {
  bench.write(longRun(3));
  const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
  await bench.midway(60n);
  await proxy.goAway();
  await notified(worker, 'waiting: Redis at redis://127.0.0.1');
  await proxy.comeBack();
  await bench.expectExact();
  await notified(worker, 'recovered: redis-unreachable');
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('a Redis that went away while nothing was to be done is told, and told when it is back', async () => {
  bench.write([order('1', {extra: ['new']})]);
  const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
  await bench.caughtUp();
  await proxy.goAway();
  await notified(worker, 'waiting: Redis at');
  await proxy.comeBack();
  await notified(worker, 'recovered: redis-unreachable');
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('a stop while Redis is away ends the worker (I12)', async () => {
  bench.write(longRun(4));
  const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
  await bench.midway(60n);
  await proxy.goAway();
  await notified(worker, 'waiting: Redis at');
  await expect(worker.stop()).resolves.toBeUndefined();
  await proxy.comeBack();
  await bench.soleWorker();
  await bench.expectExact();
});

describe('waiting (L3)', () => {
  /** Remembers what it was asked for, and sleeps a hundredth of it. */
  function quickClock(slept: number[]): Clock {
    return {
      nowMs: () => systemClock.nowMs(),
      sleep: async (ms, signal) => {
        slept.push(ms);
        await systemClock.sleep(ms / 100, signal);
      },
    };
  }

  test('for Kafka: pauses grow from 50 ms to 1 s, and start anew once it answers', async () => {
    bench.write([order('1', {extra: ['new']})]);
    const slept: number[] = [];
    const settings = {commitIntervalMs: 1_777, summaryIntervalMs: 1_777, stopTimeoutMs: 100_000};
    const worker = await bench.worker({clock: quickClock(slept), settings});
    // A sleep of 0 is one turn of the event loop, and no pause.
    const pauses = (): number[] => slept.filter((ms) => ![0, 1_777, 100_000].includes(ms));
    worker.log.reachable = false;
    worker.log.assign([1]);
    await until(
      () => pauses().length >= 8,
      () => `pauses ${pauses().join()}`,
    );
    expect(pauses().slice(0, 8)).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
    worker.log.reachable = true;
    await bench.expectExact();
    const before = pauses().length;
    worker.log.reachable = false;
    worker.log.assign([1]);
    await until(
      () => pauses().length > before,
      () => `pauses ${pauses().join()}`,
    );
    expect(pauses()[before]).toBe(50);
    expect(worker.messages.filter((message) => message.startsWith('waiting:'))).toHaveLength(2);
  });
});

describe('a Redis that went back (I1, I3)', () => {
  test('FLUSHDB in mid-stream heals by itself (F31)', async () => {
    bench.write(longRun(5));
    await bench.soleWorker();
    for (const at of [60n, 120n, 240n]) {
      await bench.midway(at);
      await bench.redis.redis.flushdb();
    }
    await bench.expectExact();
  });

  test('FLUSHDB while nothing is to be done heals by itself (F31)', async () => {
    bench.write(longRun(6));
    const worker = await bench.soleWorker();
    await bench.expectExact();
    await bench.redis.redis.flushdb();
    await bench.expectExact();
    await notified(worker, 'the stored position has changed, although this worker wrote nothing');
  });

  test('an older backup is caught up from where it stands (F28)', async () => {
    const log = longRun(7);
    bench.write(log.slice(0, 300));
    await bench.soleWorker();
    await bench.expectExact();
    const backup = await bench.redis.snapshot();
    bench.write(log.slice(300));
    await bench.midway(400n);
    await bench.redis.restore(backup);
    await bench.expectExact();
    await bench.redis.restore(backup);
    await bench.expectExact();
  });

  test('the script cache is lost: it is loaded again, without a word (F37)', async () => {
    bench.write(longRun(8));
    const worker = await bench.soleWorker();
    for (const at of [60n, 120n, 240n]) {
      await bench.midway(at);
      await bench.redis.redis.script('FLUSH');
    }
    await bench.expectExact();
    expect(worker.messages.filter((message) => !message.startsWith('partitions assigned'))).toEqual([]);
    expect(worker.projector.counts.positionResets).toBe(0);
  });
});

test('a connection that is cut in mid-stream, again and again (F45)', async () => {
  bench.write(longRun(9));
  await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
  for (let at = 60n; at < 500n; at += 40n) {
    await bench.midway(at);
    proxy.cutAll();
  }
  await bench.expectExact();
});
