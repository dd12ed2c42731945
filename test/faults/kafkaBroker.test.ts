/** The broker restarts, is unavailable, or hangs. The worker waits, reconnects, and loses no record. */
import {readFileSync} from 'node:fs';
import {openStack} from '../../stack/stack.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {FaultBench} from '../support/faultBench.js';
import {whileFrozen} from '../support/freeze.js';
import {testStack} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {hasSaid, said} from '../support/workerLog.js';

const stack = openStack(testStack().name);
/** How long the broker is unavailable: several session timeouts of the worker. */
const AWAY_MS = inTier({test: 20_000, soak: 300_000});
/** Longer than the session timeout and the request timeout of the worker. */
const HUNG_MS = 9_000;
const SETTINGS = {
  KAFKA_SESSION_TIMEOUT_MS: '4000',
  KAFKA_REQUEST_TIMEOUT_MS: '2000',
  KAFKA_CONNECTION_TIMEOUT_MS: '1000',
};

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-broker', {partitions: 2})));
afterEach(async () => {
  await stack.startServer('kafka');
  await bench.close();
});

/** The CPU time in seconds that a process has used so far. NaN on a system without /proc. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

function report(text: string): void {
  process.stderr.write(`kafka broker: ${text}\n`);
}

/** Waits while the fault lasts, and throws if the worker ends meanwhile. */
async function lasts(durationMs: number, worker: WorkerProcess): Promise<void> {
  const begin = performance.now();
  await until(
    () => {
      if (!worker.isRunning) throw new Error(`the worker has ended: ${worker.output.slice(-1_500)}`);
      return performance.now() - begin >= durationMs;
    },
    () => 'the end of the outage',
    durationMs + 60_000,
  );
}

test.each([
  ['in good order', 'stopServer' as const],
  ['by SIGKILL', 'killServer' as const],
])(
  'a worker rejoins and loses no record if the broker is restarted %s three times while records are written (F14, F17)',
  async (how, act) => {
    const worker = bench.start(SETTINGS);
    const recoveriesMs: number[] = [];
    await bench.whileWriting(async () => {
      for (let round = 1; round <= 3; round++) {
        await bench.advanced(50n);
        await stack[act]('kafka');
        await hasSaid(worker, /^Kafka is down/, round);
        await stack.startServer('kafka');
        const begin = performance.now();
        await bench.advanced();
        recoveriesMs.push(Math.round(performance.now() - begin));
      }
    });
    await bench.expectExact();
    report(`restarted ${how}: applies again after ${recoveriesMs.join(', ')} ms`);
  },
  // The broker is a JVM, whose start takes several seconds.
  300_000,
);

test(
  `while the broker is unavailable for ${AWAY_MS} ms, the worker logs it once and keeps running, and then resumes (F15)`,
  async () => {
    const worker = bench.start(SETTINGS);
    await bench.write(100);
    await bench.applied();
    await stack.stopServer('kafka');
    await hasSaid(worker, /^Kafka is down/);
    const [cpuBefore, begin] = [cpuSeconds(worker.pid), performance.now()];
    await lasts(AWAY_MS, worker);
    const share = (cpuSeconds(worker.pid) - cpuBefore) / ((performance.now() - begin) / 1_000);
    expect([said(worker, /^Kafka is down/), said(worker, /^Kafka is up/)]).toEqual([1, 1]);
    expect(worker.log.find(({msg}) => msg === 'Kafka is down')).toMatchObject({
      level: 40,
      reason: expect.stringMatching(/\w{3}/) as string,
    });
    await stack.startServer('kafka');
    const back = performance.now();
    await bench.write(100);
    await bench.applied();
    report(
      `away ${AWAY_MS} ms: ${(share * 100).toFixed(1)} % CPU, applied ${Math.round(performance.now() - back)} ms after`,
    );
    await bench.expectExact();
  },
  AWAY_MS + 120_000,
);

test('a worker rejoins and loses no record after the broker hung for longer than a request and a session (F16)', async () => {
  const worker = bench.start(SETTINGS);
  await bench.whileWriting(async () => {
    await bench.advanced(50n);
    await whileFrozen('kafka', async () => {
      await hasSaid(worker, /^Kafka is down/);
      await lasts(HUNG_MS, worker);
    });
    const begin = performance.now();
    await bench.advanced();
    report(`hung ${HUNG_MS} ms: applies again after ${Math.round(performance.now() - begin)} ms`);
  });
  expect(worker.log.find(({msg}) => msg === 'Kafka is down')).toMatchObject({
    reason: expect.stringMatching(/did not respond in time|timed out/) as string,
  });
  await bench.expectExact();
});
