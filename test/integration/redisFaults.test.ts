/** Complete workers on a Redis that loses data, is unavailable, or whose replies are lost. */
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
    () => `a log line that contains ${text}. All log lines:\n${worker.messages.join('\n')}`,
  );
}

/** Selects the replies of the apply script among all replies on the connection. */
const isScriptReply = (reply: Buffer): boolean => reply.includes('applied');

describe('a reply that is lost after the script was applied (I4, C2)', () => {
  test.each([2, 3, 7])('counters are exact if one of %d replies is lost (F44)', async (nth) => {
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

  test('each record is counted as applied once if all replies up to the end of the topic are lost (F44) (I6)', async () => {
    const log = longRun(2, 40);
    bench.write(log);
    proxy.loseReplies(isScriptReply);
    const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
    await bench.caughtUp();
    proxy.loseReplies(() => false);
    await bench.expectExact();
    await until(
      () => worker.projector.counts.applied === log.length,
      () => `all records to be counted: applied ${worker.projector.counts.applied} of ${log.length}`,
    );
    await worker.stop();
    expect(worker.projector.counts.applied).toBe(log.length);
  });
});

test('a worker waits while Redis is unavailable, and then resumes', async () => {
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

test('an idle worker logs that Redis is unavailable, and later that Redis has recovered', async () => {
  bench.write([order('1', {extra: ['new']})]);
  const worker = await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
  await bench.caughtUp();
  await proxy.goAway();
  await notified(worker, 'waiting: Redis at');
  await proxy.comeBack();
  await notified(worker, 'recovered: redis-unreachable');
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('a worker that is stopped while Redis is unavailable ends (I12)', async () => {
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

describe('the backoff (L3)', () => {
  /** Records each requested duration, and sleeps for a hundredth of it. */
  function quickClock(slept: number[]): Clock {
    return {
      nowMs: () => systemClock.nowMs(),
      sleep: async (ms, signal) => {
        slept.push(ms);
        await systemClock.sleep(ms / 100, signal);
      },
    };
  }

  test('grows from 50 ms to 1 s while Kafka is unreachable, and begins at 50 ms again after Kafka has responded', async () => {
    bench.write([order('1', {extra: ['new']})]);
    const slept: number[] = [];
    const settings = {commitIntervalMs: 1_777, summaryIntervalMs: 1_777, stopTimeoutMs: 100_000};
    const worker = await bench.worker({clock: quickClock(slept), settings});
    // A sleep of 0 ms only yields to the event loop. The other two values are the intervals in `settings`.
    const pauses = (): number[] => slept.filter((ms) => ![0, 1_777, 100_000].includes(ms));
    worker.log.reachable = false;
    worker.log.assign([1]);
    await until(
      () => pauses().length >= 8,
      () => `8 pauses, recorded ${pauses().join()}`,
    );
    expect(pauses().slice(0, 8)).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
    worker.log.reachable = true;
    await bench.expectExact();
    const before = pauses().length;
    worker.log.reachable = false;
    worker.log.assign([1]);
    await until(
      () => pauses().length > before,
      () => `another pause, recorded ${pauses().join()}`,
    );
    expect(pauses()[before]).toBe(50);
    expect(worker.messages.filter((message) => message.startsWith('waiting:'))).toHaveLength(2);
  });
});

describe('a Redis that has lost data (I1, I3)', () => {
  test('is filled again after FLUSHDB while records are applied (F31)', async () => {
    bench.write(longRun(5));
    await bench.soleWorker();
    for (const at of [60n, 120n, 240n]) {
      await bench.midway(at);
      await bench.redis.redis.flushdb();
    }
    await bench.expectExact();
  });

  test('is filled again after FLUSHDB while the worker is idle (F31)', async () => {
    bench.write(longRun(6));
    const worker = await bench.soleWorker();
    await bench.expectExact();
    await bench.redis.redis.flushdb();
    await bench.expectExact();
    await notified(worker, 'the stored position has changed, although this worker wrote nothing');
  });

  test('receives the missing changes after it was restored from an older backup (F28)', async () => {
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

  test('receives the script again after SCRIPT FLUSH, without a log line and without a reset (F37)', async () => {
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

test('Redis is exact after its connection was reset repeatedly while records were applied (F45)', async () => {
  bench.write(longRun(9));
  await bench.soleWorker({redisUrl: proxy.url(bench.redis.url)});
  for (let at = 60n; at < 500n; at += 40n) {
    await bench.midway(at);
    proxy.cutAll();
  }
  await bench.expectExact();
});
