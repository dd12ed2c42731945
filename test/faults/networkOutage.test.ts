/**
 * Real workers, in a real group, while Redis is slow, silent or away for many sessions: they keep their partitions (one
 * assignment, no rebalance), stay alive, and go on by themselves. Kafka would evict a member that is silent for 4 s.
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

/** How long Redis is away: several sessions of the worker. */
const AWAY_S = inTier({test: 24, soak: 300});
/** Longer than the worker's session, and than it waits for an answer. */
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

/** The fault lasts so long; the worker must live through all of it. */
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

/** Exact, one assignment, one line for each outage and one that it is over. */
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
  `Redis is away for ${AWAY_S} s while the shop goes on: 0 rebalances (F46)`,
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

test(`Redis stands still for ${HUNG_S} s: the outcome is unknown, asked for afterwards, and nobody is evicted (F40) (I4)`, async () => {
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

test(`the way to Redis is a black hole for ${HUNG_S} s, without an end of the connection (F46)`, async () => {
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

test('Redis is 500 ms away, 200 more or less, for longer than a session: 0 rebalances (F42)', async () => {
  await bench.write(300);
  const worker = await started();
  proxy.slow({latencyMs: 150, jitterMs: 200});
  await bench.write(600);
  await lasts(8, worker);
  await expectRiddenOut(worker, []);
});
