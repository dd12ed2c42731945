/** A worker is killed, receives one signal to stop, or receives a second one. */
import {FaultBench} from '../support/faultBench.js';
import {whileRedisIsFrozen} from '../support/freeze.js';
import {withAdmin} from '../support/kafka.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {until} from '../support/until.js';
import {halted, hasSaid, membersAre} from '../support/workerLog.js';

/** Small chunks, so that a signal can arrive between many scripts. */
const SMALL_CHUNKS = {PROJECTOR_CHUNK_ORDERS_MAX: '2', PROJECTOR_CHUNK_RECORDS_MAX: '2'};

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-signals', {partitions: 2})));
afterEach(async () => await bench.close());

function report(text: string): void {
  process.stderr.write(`worker signals: ${text}\n`);
}

test('after an idle worker is killed by SIGKILL, the next worker resumes at the stored position (F01)', async () => {
  const first = bench.start();
  await bench.write(100);
  await bench.applied();
  const begin = performance.now();
  expect(await first.end('SIGKILL')).toEqual({code: null, signal: 'SIGKILL'});
  const second = bench.start();
  await bench.write(50);
  await bench.applied();
  report(`SIGKILL: the next one has applied after ${Math.round(performance.now() - begin)} ms`);
  await bench.expectExact();
  // The worker applied only the new records. It read the last applied record of each partition again, only to
  // compare its fingerprint.
  expect(second.log.findLast(({msg}) => msg === 'summary')).toMatchObject({applied: 50, positionResets: 0});
});

test('a worker that receives SIGTERM in a batch commits its position and exits with 0, and another one takes over (F05)', async () => {
  const first = bench.start(SMALL_CHUNKS);
  await hasSaid(first, /^partitions assigned/);
  const second = bench.start(SMALL_CHUNKS);
  await membersAre(bench.group, 2);
  await bench.write(2_000);
  let begin = 0;
  let stopMs = 0;
  // Records are written continuously, so that the worker applies some when the signal arrives, however fast
  // it is.
  await bench.whileWriting(async () => {
    await bench.advanced(100n);
    begin = performance.now();
    expect(await first.end('SIGTERM')).toEqual({code: 0, signal: null});
    stopMs = performance.now() - begin;
  });
  await until(
    () =>
      second.log.some((line) => line['msg'] === 'partitions assigned' && sizeOf(line['partitions']) === 2),
    () => second.output.slice(-1_500),
  );
  report(
    `SIGTERM: ended after ${Math.round(stopMs)} ms, taken over after ${Math.round(performance.now() - begin)} ms`,
  );
  await bench.expectExact();
  expect(first.log.at(-1)).toMatchObject({msg: 'worker stopped'});
  await expectAckedToTheEnd();
});

test('a worker that receives SIGTERM at any moment of its start ends with 0 (F05)', async () => {
  const STEP_MS = 40;
  for (let step = 0; step < 10; step++) {
    const worker = bench.start({PROJECTOR_INSTANCE_ID: 'starting', PROJECTOR_HTTP_PORT: '0'});
    await hasSaid(worker, /^http server listening/);
    await systemClock.sleep(step * STEP_MS);
    expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});
  }
});

function sizeOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

/** Expects that the committed offsets, which lag tools read, equal the positions. */
async function expectAckedToTheEnd(): Promise<void> {
  const committing = await withAdmin(
    async (admin) => await admin.fetchOffsets({groupId: bench.group, topics: [bench.topic]}),
  );
  const partitions = committing[0]?.partitions ?? [];
  expect(new Map(partitions.map(({partition, offset}) => [partition, BigInt(offset)]))).toEqual(
    await bench.positions(),
  );
}

test.each([
  ['SIGTERM' as const, 143],
  ['SIGINT' as const, 130],
])('a second %s ends the worker at once with code %d, and loses no record (F06)', async (signal, code) => {
  const worker = bench.start({
    ...SMALL_CHUNKS,
    PROJECTOR_STOP_TIMEOUT_MS: '60000',
    REDIS_TIMEOUT_MS: '60000',
  });
  await bench.whileWriting(async () => {
    await bench.advanced(50n);
    await whileRedisIsFrozen(async () => {
      // More records are written, so that a script is in flight and the graceful stop cannot finish.
      const written = bench.written + 300;
      await until(
        () => bench.written >= written,
        () => '300 more written records',
      );
      await until(
        () => {
          if (worker.isRunning) worker.send(signal);
          return !worker.isRunning;
        },
        () => `the end of the worker. The end of its output: ${worker.output.slice(-1_500)}`,
      );
      expect((await halted(worker)).code).toBe(code);
    });
  });
  bench.start();
  await bench.expectExact();
});
