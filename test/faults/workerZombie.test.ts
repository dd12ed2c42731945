/** A worker is stopped or blocked for longer than its session timeout, while another worker takes over. */
import type {WorkerProcess} from '../../stack/worker.js';
import {FaultBench} from '../support/faultBench.js';
import {until} from '../support/until.js';
import {assignedTo, hasSaid, membersAre, said} from '../support/workerLog.js';

/** The buffer is full of records when the worker is stopped, and each record is a separate script. */
const SETTINGS = {
  PROJECTOR_CHUNK_ORDERS_MAX: '1',
  PROJECTOR_CHUNK_RECORDS_MAX: '1',
  // With a short timeout, the worker would first close its connections as timed out, and never send a stale
  // write.
  REDIS_TIMEOUT_MS: '60000',
};
const RECORDS = 3_000;

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-zombie', {partitions: 2})));
afterEach(async () => await bench.close());

/** Expects that the worker logs why it was reset to the stored position, joins again, and keeps running. */
async function expectBack(zombie: WorkerProcess, reason: RegExp): Promise<void> {
  await until(
    () =>
      zombie.log.some(
        (line) => line['msg'] === 'reset to the stored position' && reason.test(String(line['reason'])),
      ),
    () => `${reason}: ${zombie.output.slice(-3_000)}`,
  );
  await hasSaid(zombie, /^partitions assigned/, 2);
  await membersAre(bench.group, 2);
  expect(zombie.isRunning).toBe(true);
}

test('a worker that was stopped by SIGSTOP while its successor took over writes nothing, and joins again (F07)', async () => {
  const zombie = bench.start(SETTINGS);
  await hasSaid(zombie, /^partitions assigned/);
  await bench.write(RECORDS);
  await bench.reached(20n);
  zombie.send('SIGSTOP');
  const successor = bench.start();
  await bench.applied();
  await bench.write(50);
  await bench.applied();
  zombie.send('SIGCONT');
  // There is a race after SIGCONT. The worker notices the loss either by a rejected write, or because it
  // received no fetch response for a long time.
  await expectBack(
    zombie,
    /^Redis rejected a write: the stored position is not the expected one$|^no fetch response from Kafka for \d+ ms$/,
  );
  await bench.whileWriting(async () => await bench.advanced(100n));
  await bench.expectExact();
  expect([said(zombie, /^worker stopped/), said(successor, /^worker stopped/)]).toEqual([1, 1]);
});

describe('an event loop that is blocked for 15 s', () => {
  /** Starts two members with one partition each. The failpoint blocks the first one. */
  async function whileOneStandsStill(failpoint: string): Promise<WorkerProcess> {
    const zombie = bench.start({...SETTINGS, PROJECTOR_FAILPOINT: failpoint});
    const successor = bench.start();
    await membersAre(bench.group, 2);
    for (const worker of [zombie, successor]) {
      await until(
        () => assignedTo(worker)?.length === 1,
        () => worker.output.slice(-1_500),
      );
    }
    await bench.write(RECORDS);
    await bench.applied();
    return zombie;
  }

  test('before a script: Redis rejects the script, and the worker joins again (F08)', async () => {
    const zombie = await whileOneStandsStill('before-apply:block@20');
    // The worker sends the script as soon as it is no longer blocked.
    await expectBack(zombie, /^Redis rejected a write: the stored position is not the expected one$/);
    await bench.whileWriting(async () => await bench.advanced(100n));
    await bench.expectExact();
  });

  test('after a fetch: the worker joins again, and the final state is exact (F08)', async () => {
    const zombie = await whileOneStandsStill('after-fetch:block@2');
    await membersAre(bench.group, 2);
    await bench.whileWriting(async () => await bench.advanced(100n));
    expect(zombie.isRunning).toBe(true);
    await bench.expectExact();
  });
});
