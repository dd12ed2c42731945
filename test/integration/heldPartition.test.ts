/** An error that concerns one partition does not stop the others. */
import {item, order} from '../support/changes.js';
import {encoded, recordOf} from '../support/records.js';
import {until} from '../support/until.js';
import {WorkerBench, type Worker} from '../support/workerBench.js';
import {readiness, liveness} from '../../src/observe/health.js';
import {workerView} from '../support/views.js';

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(9)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

const settings = {quarantineMax: 0};
const BAD = encoded('{', '3');

function held({projector}: Worker): number[] {
  return projector.view.partitions.filter(({held: error}) => error !== null).map(({partition}) => partition);
}

async function isHeld(worker: Worker, partitions: readonly number[]): Promise<void> {
  await until(
    () => held(worker).length === partitions.length,
    () =>
      `held partitions ${partitions.join()}, found ${held(worker).join()}: ${worker.messages.join(' | ')}`,
  );
  expect(held(worker)).toEqual(partitions);
}

test('the other partitions continue, and the worker is not ready but alive (F83) (I6)', async () => {
  bench.topic.append(0, BAD);
  const worker = await bench.soleWorker({settings});
  await isHeld(worker, [0]);
  const before = worker.projector.counts.applied;
  bench.write([order('1', {extra: ['new']}), item('1/1'), order('2', {extra: ['new']})]);
  await until(
    () => worker.projector.counts.applied === before + 3,
    () => `three applied records, counts ${JSON.stringify(worker.projector.counts)}`,
  );
  await expect(bench.position(0)).resolves.toBe(0n);
  const view = workerView({...worker.projector.view, isKafkaUp: true});
  expect(readiness(view).reasons).toEqual([
    expect.stringMatching(/^partition 0 is held: quarantine-flood: /),
  ]);
  expect(liveness(view, 1).isWell).toBe(true);
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('a worker ends with the error when it has no other partition (F83)', async () => {
  const worker = await bench.soleWorker({settings});
  for (const partition of bench.topic.partitions.slice(0, -1)) bench.topic.append(partition, BAD);
  await isHeld(worker, bench.topic.partitions.slice(0, -1));
  bench.topic.append(bench.topic.partitions.at(-1) ?? 0, BAD);
  await expect(worker.ended).resolves.toMatchObject({kind: 'quarantine-flood'});
});

test('a new assignment tries a held partition again (F83)', async () => {
  bench.topic.append(0, BAD);
  const worker = await bench.soleWorker({settings});
  await isHeld(worker, [0]);
  bench.topic.replace(0, recordOf(order('3', {extra: ['new']})));
  worker.log.assign(bench.topic.partitions);
  await until(
    async () => (await bench.position(0)) === 1n,
    () => `an applied record in partition 0: ${worker.messages.join(' | ')}`,
  );
  expect(held(worker)).toEqual([]);
  await expect(worker.stop()).resolves.toBeUndefined();
});

test('the worker of a rebuild ends with the error of one partition, because its content must be complete (F83)', async () => {
  bench.topic.append(0, BAD);
  const worker = await bench.soleWorker({settings: {...settings, holdsPartitions: false}});
  await expect(worker.ended).resolves.toMatchObject({kind: 'quarantine-flood'});
});
