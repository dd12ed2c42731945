/**
 * The topic does not exist, has lost its first records, was recreated, or has more partitions than before.
 * Each fault is tested at the start of a worker and while a worker runs.
 */
import type {Variables} from '../support/pipeline.js';
import type {WorkerProcess} from '../../stack/worker.js';
import type {ErrorKind} from '../../src/runtime/errors.js';
import {ERROR_POLICY} from '../../src/runtime/errorPolicy.js';
import {order} from '../support/changes.js';
import {FaultBench} from '../support/faultBench.js';
import {createTopic, endOffsets, withAdmin} from '../support/kafka.js';
import {until} from '../support/until.js';
import {halted, hasSaid} from '../support/workerLog.js';

let bench: FaultBench;
afterEach(async () => await bench.close());

/** The session timeout is longer than the time for which a test stops the worker. */
const PATIENT: Variables = {KAFKA_SESSION_TIMEOUT_MS: '60000'};

/**
 * A fetch that is in flight when a worker is stopped returns the next batch of records. This batch is larger
 * than `fetchBytesPerPartition`, so that it returns no other.
 */
const ONE_BATCH: Variables = {...PATIENT, KAFKA_FETCH_PARTITION_BYTES: '16384'};
const BATCH_RECORDS = 200;

async function opened(partitions = 1): Promise<void> {
  bench = await FaultBench.open('faults-topic', {partitions});
}

/** Starts a worker and waits until it has applied all records. */
async function applied(extra: Variables = {}): Promise<WorkerProcess> {
  const worker = bench.start(extra);
  await bench.applied();
  return worker;
}

async function expectHalt(worker: WorkerProcess, kind: ErrorKind, detail: RegExp): Promise<void> {
  const {code, line} = await halted(worker);
  expect(line).toMatchObject({
    kind,
    level: 60,
    exitCode: 5,
    advice: ERROR_POLICY[kind].advice,
    runbook: `docs/runbook.md#${kind}`,
    msg: expect.stringMatching(detail) as string,
  });
  expect(code).toBe(5);
  await bench.expectExactUpToPositions();
}

async function deleteRecordsBelow(offset: bigint): Promise<void> {
  const {topic} = bench;
  await withAdmin(async (admin) => {
    // This client learns the partition leaders of the topic only by such a request.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({topic, partitions: [{partition: 0, offset: offset.toString()}]});
  });
}

async function makeAnew(partitions = 1): Promise<void> {
  const {topic} = bench;
  await withAdmin(async (admin) => {
    await admin.deleteTopics({topics: [topic]});
    await until(
      async () => !(await admin.listTopics()).includes(topic),
      () => `the deletion of ${topic}`,
    );
  });
  await createTopic(topic, {partitions});
}

async function addPartition(count: number): Promise<void> {
  const {topic} = bench;
  await withAdmin(async (admin) => await admin.createPartitions({topicPartitions: [{topic, count}]}));
}

describe('a topic whose first records were deleted', () => {
  /** While a worker is stopped, two batches are written and the records below `offset` are deleted. */
  async function whileStopped(offset: bigint): Promise<WorkerProcess> {
    const worker = await applied(ONE_BATCH);
    worker.send('SIGSTOP');
    await bench.write(BATCH_RECORDS);
    await bench.write(30);
    await deleteRecordsBelow(offset);
    worker.send('SIGCONT');
    return worker;
  }

  test('halts a worker at start if they were not applied, and the worker names the missing offsets (F18)', async () => {
    await opened();
    await bench.write(20);
    await (await applied()).end('SIGTERM');
    await bench.write(30);
    await deleteRecordsBelow(45n);
    const where = `${bench.topic}\\[0\\]`;
    const detail = new RegExp(
      `^${where}: offsets 20 to 44 were deleted from the topic before they were applied$`,
    );
    await expectHalt(bench.start(), 'topic-start-lost', detail);
  });

  test('halts a running worker, although the Kafka client would resume after the gap (F18)', async () => {
    await opened();
    await bench.write(20);
    await expectHalt(
      await whileStopped(245n),
      'topic-start-lost',
      /\[0\]: offsets (?:20|220) to 244 were deleted from the topic before they were applied$/,
    );
  });

  test('halts a running worker, even if no record is left after the gap (F18)', async () => {
    await opened();
    await bench.write(20);
    await expectHalt(
      await whileStopped(250n),
      'topic-start-lost',
      /\[0\]: offsets (?:20|220) to 249 were deleted from the topic before they were applied$/,
    );
  });

  test('halts no worker if all deleted records were applied before (F18)', async () => {
    await opened();
    await bench.write(20);
    await (await applied()).end('SIGTERM');
    await deleteRecordsBelow(20n);
    await bench.write(10);
    bench.start();
    await bench.expectExact();
  });
});

describe('a topic that was deleted and recreated', () => {
  test('halts a worker at start if it ends before the stored position (F19)', async () => {
    await opened();
    await bench.write(20);
    await (await applied()).end('SIGTERM');
    await makeAnew();
    await expectHalt(
      bench.start(),
      'topic-replaced',
      /the stored position is offset 20, but the partition ends at offset 0$/,
    );
  });

  test('halts a worker at start if it has grown beyond the stored position (F19)', async () => {
    await opened();
    await bench.write(20);
    await (await applied()).end('SIGTERM');
    await makeAnew();
    await bench.writeOther(40);
    const detail =
      /\[0\]: the record at offset 19 is not the record that was applied \(the fetched record has offset 19\)$/;
    await expectHalt(bench.start(), 'topic-replaced', detail);
  });

  test.each([
    ['empty', 0],
    ['shorter', 5],
    ['longer', 40],
  ])('halts a running worker if the new topic is %s (F19)', async (_name, records) => {
    await opened();
    await bench.write(20);
    const worker = await applied(PATIENT);
    worker.send('SIGSTOP');
    const stoppedMs = performance.now();
    await makeAnew();
    if (records > 0) await bench.writeOther(records);
    // After 5 s without a fetch response, the worker compares the last applied record again (I10).
    await until(
      () => performance.now() - stoppedMs > 6_000,
      () => '6 s without a fetch response',
    );
    worker.send('SIGCONT');
    const detail =
      /but the partition ends at offset \d+$|the record at offset 19 is not the record that was applied/;
    await expectHalt(worker, 'topic-replaced', detail);
  });
});

describe('partitions that are added to an existing topic', () => {
  test('halt a running worker (F23)', async () => {
    await opened(2);
    await bench.write(40);
    const worker = await applied();
    await addPartition(3);
    await expectHalt(worker, 'partitions-changed', / has 3 partitions, but the read model was built for 2$/);
  });

  test('halt the next worker at start (F23)', async () => {
    await opened(2);
    await bench.write(40);
    await (await applied()).end('SIGTERM');
    await addPartition(4);
    await expectHalt(
      bench.start(),
      'partitions-changed',
      /^the read model in Redis was built with other settings: .*partitions.* is "4", and was "2"$/,
    );
  });
});

test('a worker waits for a topic that does not exist, names it, and starts when the topic is created (F22)', async () => {
  await opened();
  const {topic} = bench;
  await withAdmin(async (admin) => await admin.deleteTopics({topics: [topic]}));
  const worker = bench.start();
  await hasSaid(worker, new RegExp(`^waiting: topic ${topic} on 127\\.0\\.0\\.1:\\d+ does not exist$`));
  expect(worker.log.find(({kind}) => kind === 'topic-missing')).toMatchObject({level: 40});
  await createTopic(topic);
  await bench.write([order('5')]);
  await bench.expectExact();
  expect([...(await endOffsets(topic)).values()]).toEqual([1n]);
});
