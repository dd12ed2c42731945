/** Workers join and leave while records are written, so that the group rebalances. */
import type {WorkerProcess} from '../../stack/worker.js';
import {FaultBench} from '../support/faultBench.js';
import {until} from '../support/until.js';
import {assignedTo, hasSaid, membersAre} from '../support/workerLog.js';

let bench: FaultBench;
afterEach(async () => await bench.close());

/**
 * Resolves when the partitions are divided evenly among these workers, and the group has no other members.
 */
async function shared(workers: readonly WorkerProcess[], partitions: number): Promise<void> {
  await membersAre(bench.group, workers.length);
  const least = Math.floor(partitions / workers.length);
  const most = Math.ceil(partitions / workers.length);
  await until(
    () => {
      const sizes = workers.map((worker) => assignedTo(worker)?.length ?? -1);
      const sum = sizes.reduce((a, b) => a + b, 0);
      return sum === partitions && sizes.every((size) => size >= least && size <= most);
    },
    () => workers.map((worker) => `${worker.pid}: ${assignedTo(worker)?.join() ?? 'none'}`).join(' | '),
    60_000,
  );
}

describe.each([2, 6])('a topic of %d partitions', (partitions) => {
  beforeEach(async () => (bench = await FaultBench.open('faults-group', {partitions})));

  test('two, then four, then one worker lose no record, and workers without a partition stay idle (F09)', async () => {
    await bench.whileWriting(async () => {
      const [first, ...others] = [bench.start(), bench.start()];
      await shared([first, ...others], partitions);
      await bench.advanced(50n);
      others.push(bench.start(), bench.start());
      await shared([first, ...others], partitions);
      await bench.advanced(50n);
      for (const worker of [first, ...others].filter((each) => assignedTo(each)?.length === 0)) {
        expect(worker.isRunning).toBe(true);
      }
      for (const worker of others) {
        expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});
      }
      await shared([first], partitions);
      await bench.advanced(50n);
    });
    await bench.expectExact();
  });
});

describe('a change of the group membership', () => {
  beforeEach(async () => (bench = await FaultBench.open('faults-group', {partitions: 2})));

  test('a member that was removed from the group while it was stopped joins again (F17)', async () => {
    const worker = bench.start();
    await bench.write(50);
    await bench.applied();
    worker.send('SIGSTOP');
    await membersAre(bench.group, 0);
    await bench.write(50);
    worker.send('SIGCONT');
    await bench.applied();
    // A fetch does not require membership. So the records can be applied before a heartbeat tells the worker that it must join again.
    await hasSaid(worker, /^partitions assigned/, 2);
    await bench.expectExact();
  });

  test('a member that is stopped during a rebalance misses the new generation, and joins again (F17)', async () => {
    const patient = {KAFKA_SESSION_TIMEOUT_MS: '60000', KAFKA_REBALANCE_TIMEOUT_MS: '2000'};
    const sleeper = bench.start(patient);
    await bench.write(50);
    await bench.applied();
    sleeper.send('SIGSTOP');
    // The rebalance for the second worker waits for the sleeper until the rebalance timeout. Then a new
    // generation begins without it.
    const second = bench.start(patient);
    await hasSaid(second, /^partitions assigned/);
    await membersAre(bench.group, 1);
    await bench.write(50);
    await bench.applied();
    sleeper.send('SIGCONT');
    await shared([sleeper, second], 2);
    await bench.whileWriting(async () => await bench.advanced(100n));
    await bench.expectExact();
  });

  test('members that join and leave continuously, or are killed, do not stop the other members (F17)', async () => {
    const steady = bench.start();
    await bench.whileWriting(async () => {
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
        const guest = bench.start();
        await hasSaid(guest, /^partitions assigned/);
        await bench.advanced(20n);
        await guest.end(signal);
      }
      await bench.advanced(50n);
    });
    expect(steady.isRunning).toBe(true);
    await bench.expectExact();
  });
});
