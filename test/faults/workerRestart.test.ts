/** A worker is started again after a crash. Its dead member is still in the consumer group. */
import {freePorts} from '../../stack/ports.js';
import {order} from '../support/changes.js';
import {FaultBench} from '../support/faultBench.js';
import {report} from '../support/ownBench.js';
import {inTier} from '../support/tier.js';
import {hasSaid, membersAre, said} from '../support/workerLog.js';

const ROUNDS = inTier({test: 3, soak: 10});
const REMOVED = /^removed the previous member of this instance/;
const TWIN = /^another member of group/;

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-restart', {partitions: 2})));
afterEach(async () => await bench.close());

test('a worker that restarts after a SIGKILL does not wait for its own dead session (F82)', async () => {
  const [port = 0] = await freePorts(1);
  // With this session timeout, the test would time out if the dead member stayed in the group.
  const settings = {PROJECTOR_HTTP_PORT: String(port), KAFKA_SESSION_TIMEOUT_MS: '300000'};
  await bench.write(50);
  let worker = bench.start(settings);
  await bench.applied();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await worker.end('SIGKILL');
    const begin = performance.now();
    worker = bench.start(settings);
    await bench.write([order(String(1_000 + round))]);
    await bench.applied();
    times.push(Math.round(performance.now() - begin));
    await hasSaid(worker, REMOVED);
    await membersAre(bench.group, 1);
  }
  report(`F82: kill -9 and restart, new order visible after ${times.join(', ')} ms`);
  await bench.expectExact();
});

test('two live workers with the same instance id both stay in the group, and warn (F82)', async () => {
  const settings = {PROJECTOR_INSTANCE_ID: 'the-same'};
  const first = bench.start(settings);
  await bench.write(50);
  await bench.applied();
  const second = bench.start(settings);
  await bench.whileWriting(async () => {
    await hasSaid(second, REMOVED);
    await membersAre(bench.group, 2);
    for (const worker of [first, second]) await hasSaid(worker, TWIN);
    await bench.advanced(100n);
  });
  const rebalances = (): number[] => [first, second].map((worker) => said(worker, /^partitions assigned/));
  const before = rebalances();
  await bench.whileWriting(async () => await bench.advanced(200n));
  expect(rebalances()).toEqual(before);
  expect([said(first, REMOVED), said(second, REMOVED)]).toEqual([0, 1]);
  await bench.expectExact();
});

test('workers with different instance ids do not remove each other', async () => {
  const [first, second] = [
    bench.start({PROJECTOR_INSTANCE_ID: 'one'}),
    bench.start({PROJECTOR_INSTANCE_ID: 'two'}),
  ];
  await bench.write(50);
  await membersAre(bench.group, 2);
  await bench.applied();
  for (const worker of [first, second]) expect([said(worker, REMOVED), said(worker, TWIN)]).toEqual([0, 0]);
  await bench.expectExact();
});

test('another worker takes the partitions of a dead one over when its session has expired (F01)', async () => {
  // These are the defaults of the product. Other tests use shorter times.
  const settings = {KAFKA_SESSION_TIMEOUT_MS: '10000', KAFKA_HEARTBEAT_INTERVAL_MS: '3000'};
  const workers = [1, 2].map(() => bench.start(settings));
  await bench.write(50);
  await membersAre(bench.group, 2);
  await bench.applied();
  const [dead, other] = workers;
  await dead?.end('SIGKILL');
  const begin = performance.now();
  await bench.write(50);
  await bench.applied();
  report(
    `F01: kill -9 without a restart, new orders visible after ${Math.round(performance.now() - begin)} ms`,
  );
  expect(other?.isRunning).toBe(true);
  await bench.expectExact();
});
