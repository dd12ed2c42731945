/**
 * Committed offsets in Kafka are only for lag tools. If they are missing or wrong, the worker still resumes
 * at the position in Redis.
 */
import {FaultBench} from '../support/faultBench.js';
import {withAdmin} from '../support/kafka.js';
import type {Variables} from '../support/pipeline.js';
import {until} from '../support/until.js';

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-offsets', {partitions: 2})));
afterEach(async () => await bench.close());

/** Starts a worker, stops it after it has applied 60 records, and writes 40 more. */
async function stopMidway(): Promise<void> {
  const worker = bench.start();
  await bench.write(60);
  await bench.applied();
  expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});
  await bench.write(40);
}

/** Starts a worker, and expects that it applies the 40 new records and none of the others again. */
async function expectGoesOn(extra: Variables = {}): Promise<void> {
  const worker = bench.start(extra);
  await bench.applied();
  await until(
    async () => [...(await committed(extra['KAFKA_GROUP_ID'])).values()].reduce((a, b) => a + b, 0n) === 100n,
    () => `the end offsets to be committed. The end of the worker's output: ${worker.output.slice(-1_500)}`,
  );
  await bench.expectExact();
  expect(worker.log.findLast(({msg}) => msg === 'summary')).toMatchObject({applied: 40, positionResets: 0});
}

async function committed(groupId = bench.group): Promise<Map<number, bigint>> {
  const topics = await withAdmin(async (admin) => await admin.fetchOffsets({groupId, topics: [bench.topic]}));
  return new Map((topics[0]?.partitions ?? []).map(({partition, offset}) => [partition, BigInt(offset)]));
}

async function commit(offsets: readonly (readonly [partition: number, offset: bigint])[]): Promise<void> {
  const {topic, group: groupId} = bench;
  const partitions = offsets.map(([partition, offset]) => ({partition, offset: offset.toString()}));
  await withAdmin(async (admin) => await admin.setOffsets({groupId, topic, partitions}));
}

test('a worker whose consumer group was deleted resumes at the position in Redis (F20)', async () => {
  await stopMidway();
  await withAdmin(async (admin) => await admin.deleteGroups([bench.group]));
  expect([...(await committed()).values()]).toEqual([-1n, -1n]);
  await expectGoesOn();
});

test('a worker with another group id resumes at the position in Redis (F20)', async () => {
  await stopMidway();
  await expectGoesOn({KAFKA_GROUP_ID: `${bench.group}-other`});
});

test.each([
  ['ahead of the position', 1_000n],
  ['behind the position', 0n],
])('a worker ignores committed offsets that were set %s (F21)', async (_name, offset) => {
  await stopMidway();
  await commit([
    [0, offset],
    [1, offset],
  ]);
  await expectGoesOn();
});
