/**
 * Real workers in a real consumer group, while Redis is slow, hangs or is unavailable for many session
 * timeouts. They keep their partitions (one assignment, no rebalance), keep running, and resume without a
 * command. Kafka would remove a member that sends no heartbeat for 4 s.
 */
import {TcpProxy} from '../../stack/tcpProxy.js';
import {FaultBench} from '../support/faultBench.js';
import {whileRedisIsFrozen} from '../support/freeze.js';
import {report} from '../support/ownBench.js';
import {testStack} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {hasSaid, said} from '../support/workerLog.js';
import type {WorkerProcess} from '../../stack/worker.js';

/** How long Redis is unavailable: several session timeouts of the worker. */
const AWAY_S = inTier({test: 24, soak: 300});
/** Longer than the session timeout and the Redis timeout of the worker. */
const HUNG_S = 10;
const SETTINGS = {
  REDIS_TIMEOUT_MS: '3500',
  KAFKA_SESSION_TIMEOUT_MS: '4000',
  PROJECTOR_CHUNK_RECORDS_MAX: '20',
};

let bench: FaultBench;
let proxy: TcpProxy;
beforeEach(async () => {
  bench = await FaultBench.open('faults-outage', {partitions: 3});
  proxy = await TcpProxy.open(testStack().env.redis.url);
});
afterEach(async () => {
  proxy.pass();
  await bench.close();
  await proxy.close();
});

async function started(): Promise<WorkerProcess> {
  const worker = bench.start({...SETTINGS, REDIS_URL: proxy.url(testStack().env.redis.url)});
  await hasSaid(worker, /^partitions assigned/);
  await bench.reached(50n);
  return worker;
}

/** Waits while the fault lasts, and throws if the worker ends meanwhile. */
async function lasts(seconds: number, worker: WorkerProcess): Promise<void> {
  const endMs = performance.now() + seconds * 1_000;
  await until(
    () => {
      if (!worker.isRunning) throw new Error(`the worker has ended: ${worker.output.slice(-1_500)}`);
      return performance.now() >= endMs;
    },
    () => 'the end of the fault',
    seconds * 1_000 + 30_000,
  );
}

async function caughtUpMs(): Promise<number> {
  const begin = performance.now();
  await bench.applied();
  return performance.now() - begin;
}

/** Expects the exact content, one assignment, and for each outage one waiting line and one recovery line. */
async function expectRiddenOut(worker: WorkerProcess, waiting: readonly RegExp[]): Promise<void> {
  await bench.applied(180_000);
  await hasSaid(worker, /^recovered: /, waiting.length);
  await bench.expectExact();
  const texts = worker.log.map(({msg}) => String(msg));
  expect(texts.filter((text) => text.startsWith('waiting:'))).toEqual(
    waiting.map((pattern) => expect.stringMatching(pattern) as string),
  );
  expect(said(worker, /^recovered: /)).toBe(waiting.length);
  expect(said(worker, /^partitions assigned/)).toBe(1);
  expect(said(worker, /^Kafka is down/)).toBe(0);
}

test(
  `an outage of Redis for ${AWAY_S} s while records are written causes no rebalance (F46)`,
  async () => {
    await bench.write(300);
    const worker = await started();
    await bench.write(200);
    await proxy.goAway();
    await hasSaid(worker, /^waiting:/);
    await bench.write(300);
    await lasts(AWAY_S, worker);
    expect(said(worker, /^partitions assigned/)).toBe(1);
    await proxy.comeBack();
    const tookMs = await caughtUpMs();
    report(
      `Redis away for ${AWAY_S} s: ${said(worker, /^partitions assigned/) - 1} rebalances, ` +
        `caught up ${(tookMs / 1_000).toFixed(1)} s after it was back`,
    );
    await expectRiddenOut(worker, [/^waiting: Redis at redis:\/\/127\.0\.0\.1:\d+\/0 did not respond: \S/]);
  },
  (AWAY_S + 180) * 1_000,
);

test(`a worker stays in its group while Redis hangs for ${HUNG_S} s, and then reads the unknown outcome from the position (F40) (I4)`, async () => {
  await bench.write(300);
  const worker = await started();
  await bench.write(300);
  await whileRedisIsFrozen(async () => {
    await hasSaid(worker, /^waiting:/);
    await lasts(HUNG_S, worker);
  });
  const tookMs = await caughtUpMs();
  report(`F40: caught up ${(tookMs / 1_000).toFixed(1)} s after Redis went on`);
  await expectRiddenOut(worker, [/^waiting: Redis at \S+ did not respond: Socket timeout\b/]);
});

test(`a worker stays in its group while packets to Redis are dropped for ${HUNG_S} s without a reset, and then resumes (F46)`, async () => {
  await bench.write(300);
  const worker = await started();
  await bench.write(300);
  proxy.hold();
  await hasSaid(worker, /^waiting:/);
  await lasts(HUNG_S, worker);
  proxy.release();
  const tookMs = await caughtUpMs();
  report(`F46: caught up ${(tookMs / 1_000).toFixed(1)} s after the hole closed`);
  await expectRiddenOut(worker, [/^waiting: Redis at \S+ did not respond: Socket timeout\b/]);
});

test('a latency of 500 ms +- 200 to Redis for longer than a session causes no rebalance (F42)', async () => {
  await bench.write(300);
  const worker = await started();
  proxy.slow({latencyMs: 150, jitterMs: 200});
  await bench.write(600);
  await lasts(8, worker);
  await expectRiddenOut(worker, []);
});
