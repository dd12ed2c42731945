/** A partition that Kafka cannot deliver does not stop the others, and the worker says which one it is. */
import {item, order} from '../support/changes.js';
import {workerView} from '../support/views.js';
import {until} from '../support/until.js';
import {WorkerBench, type Worker} from '../support/workerBench.js';
import {liveness, readiness} from '../../src/observe/health.js';
import {systemClock} from '../../src/runtime/lifecycle.js';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(9)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

const reasons = ({projector}: Worker): readonly string[] =>
  readiness(workerView({...projector.view, isKafkaUp: true})).reasons;

/** Partition 0 has order 3, the others have orders 1 and 2. */
async function othersAreApplied(worker: Worker): Promise<void> {
  const before = worker.projector.counts.applied;
  bench.write([order('1', {extra: ['new']}), item('1/1'), order('2', {extra: ['new']})]);
  await until(
    () => worker.projector.counts.applied === before + 3,
    () => `three applied records: ${worker.messages.join(' | ')}`,
  );
}

async function isReady(worker: Worker): Promise<void> {
  await until(
    () => reasons(worker).length === 0,
    () => `a worker that is ready, it says: ${reasons(worker).join(' | ')}`,
  );
}

test('a partition without a leader waits, at start and later, and continues when it has one (F84) (I6)', async () => {
  bench.write([order('3', {extra: ['new']})]);
  const worker = await bench.worker();
  worker.log.leaderless.add(0);
  worker.log.assign(bench.topic.partitions);
  await othersAreApplied(worker);
  expect(reasons(worker)).toEqual([
    expect.stringMatching(/partition-unavailable: .*\[0\] offset 0: the partition has no leader/),
  ]);
  expect(liveness(workerView(worker.projector.view), 1).isWell).toBe(true);
  worker.log.leaderless.clear();
  await isReady(worker);
  await bench.expectExact();
  worker.log.leaderless.add(0);
  await until(
    () => reasons(worker).some((reason) => reason.includes('[0] offset 1: the partition has no leader')),
    () => `a worker that is not ready: ${worker.messages.join(' | ')}`,
  );
  bench.write([order('6', {extra: ['new']})]);
  await othersAreApplied(worker);
  worker.log.leaderless.clear();
  await isReady(worker);
  await bench.expectExact();
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('a partition whose records do not arrive is a trouble with its offset, until they arrive (F85) (I6)', async () => {
  let aheadMs = 0;
  const worker = await bench.worker({clock: {...systemClock, nowMs: () => systemClock.nowMs() + aheadMs}});
  worker.log.forgotten.add(0);
  worker.log.assign(bench.topic.partitions);
  bench.write([order('3', {extra: ['new']})]);
  await othersAreApplied(worker);
  expect(reasons(worker)).toEqual([]);
  await until(
    () => {
      aheadMs += 1_000;
      return reasons(worker).length > 0;
    },
    () => `a worker that is not ready: ${worker.messages.join(' | ')}`,
  );
  expect(reasons(worker)).toEqual([
    expect.stringMatching(/topic-unreadable: .*\[0\] offset 0: no records delivered/),
  ]);
  worker.log.remember();
  await isReady(worker);
  await bench.expectExact();
  await expect(worker.stop()).resolves.toBeUndefined();
});
