/** A worker that is stopped or stands still for longer than its session, while another one takes over. */
import type {WorkerProcess} from '../../stack/worker.js';
import {FaultBench} from '../support/faultBench.js';
import {until} from '../support/until.js';
import {assignedTo, hasSaid, membersAre, said} from '../support/workerLog.js';

/** The queue is full of records when the worker is stopped, and every one is a script of its own. */
const SETTINGS = {
  PROJECTOR_CHUNK_ORDERS_MAX: '1',
  PROJECTOR_CHUNK_RECORDS_MAX: '1',
  // Else the first thing that it finds is a connection that it takes for dead, and it never comes to write.
  REDIS_TIMEOUT_MS: '60000',
};
const RECORDS = 3_000;

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-zombie', {partitions: 2})));
afterEach(async () => await bench.close());

/** It tells why it does not go on where it was, joins again as a new member, and lives. */
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

test('stopped by SIGSTOP, its successor works, SIGCONT: none of its writes is let through, and it joins again (F07)', async () => {
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
  // By which of the two it learns it is a matter of luck: by the first reply, or by the log.
  await expectBack(
    zombie,
    /^Redis rejected a write: the stored position is not the expected one$|^no fetch response from Kafka for \d+ ms$/,
  );
  await bench.whileWriting(async () => await bench.advanced(100n));
  await bench.expectExact();
  expect([said(zombie, /^worker stopped/), said(successor, /^worker stopped/)]).toEqual([1, 1]);
});

describe('an event loop that stands still for 15 s', () => {
  /** Two members with a partition each, when the first one stands still. */
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

  test('before a script: the script is refused (F08)', async () => {
    const zombie = await whileOneStandsStill('before-apply:block@20');
    // The script is sent in the instant in which it wakes.
    await expectBack(zombie, /^Redis rejected a write: the stored position is not the expected one$/);
    await bench.whileWriting(async () => await bench.advanced(100n));
    await bench.expectExact();
  });

  test('after a fetch: it joins again, and nothing is applied twice (F08)', async () => {
    const zombie = await whileOneStandsStill('after-fetch:block@2');
    await membersAre(bench.group, 2);
    await bench.whileWriting(async () => await bench.advanced(100n));
    expect(zombie.isRunning).toBe(true);
    await bench.expectExact();
  });
});
