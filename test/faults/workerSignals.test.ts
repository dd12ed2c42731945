/** A worker that is killed, told to stop, or told so twice. */
import {FaultBench} from '../support/faultBench.js';
import {whileRedisIsFrozen} from '../support/freeze.js';
import {withAdmin} from '../support/kafka.js';
import {until} from '../support/until.js';
import {halted, hasSaid, membersAre} from '../support/workerLog.js';

/** Many moments to stop in. */
const SMALL_CHUNKS = {PROJECTOR_CHUNK_ORDERS_MAX: '2', PROJECTOR_CHUNK_RECORDS_MAX: '2'};

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-signals', {partitions: 2})));
afterEach(async () => await bench.close());

function report(text: string): void {
  process.stderr.write(`worker signals: ${text}\n`);
}

test('killed by SIGKILL while idle: the next one goes on at the stored position (F01)', async () => {
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
  // Only what came new, and the last record of each partition to compare with.
  expect(second.log.findLast(({msg}) => msg === 'summary')).toMatchObject({applied: 50, positionResets: 0});
});

test('SIGTERM in a batch: exit 0, acked up to the position, and the other one takes over (F05)', async () => {
  const first = bench.start(SMALL_CHUNKS);
  await hasSaid(first, /^partitions assigned/);
  const second = bench.start(SMALL_CHUNKS);
  await membersAre(bench.group, 2);
  await bench.write(2_000);
  let begin = 0;
  let stopMs = 0;
  // Records go on coming, so that it is in the middle of them however fast it is.
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

function sizeOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

/** What lag tools see. */
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
])('a second %s ends at once with %d, and nothing is lost (F06)', async (signal, code) => {
  const worker = bench.start({
    ...SMALL_CHUNKS,
    PROJECTOR_STOP_TIMEOUT_MS: '60000',
    REDIS_TIMEOUT_MS: '60000',
  });
  await bench.whileWriting(async () => {
    await bench.advanced(50n);
    await whileRedisIsFrozen(async () => {
      // Records pile up, so that a script is under way and the first one cannot finish.
      const written = bench.written + 300;
      await until(
        () => bench.written >= written,
        () => 'records that nobody applies',
      );
      await until(
        () => {
          if (worker.isRunning) worker.send(signal);
          return !worker.isRunning;
        },
        () => `an end: ${worker.output.slice(-1_500)}`,
      );
      expect((await halted(worker)).code).toBe(code);
    });
  });
  bench.start();
  await bench.expectExact();
});
