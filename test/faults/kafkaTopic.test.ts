/** The topic is not there yet, cut, made anew, or has got more partitions; each at a start and while a worker runs. */
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

/** A session that outlives what a test does while the worker stands still. */
const PATIENT: Variables = {KAFKA_SESSION_TIMEOUT_MS: '60000'};

async function opened(partitions = 1): Promise<void> {
  bench = await FaultBench.open('faults-topic', {partitions});
}

/** A worker that has applied everything so far. */
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
    // Only so does this client learn where the topic is.
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
      () => `the end of ${topic}`,
    );
  });
  await createTopic(topic, {partitions});
}

async function addPartition(count: number): Promise<void> {
  const {topic} = bench;
  await withAdmin(async (admin) => await admin.createPartitions({topicPartitions: [{topic, count}]}));
}

describe('a log whose start is gone before it was applied', () => {
  test('is refused at a start, naming what is missing (F18)', async () => {
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

  test('halts a running worker, although the client would go on behind the gap (F18)', async () => {
    await opened();
    await bench.write(20);
    const worker = await applied(PATIENT);
    worker.send('SIGSTOP');
    // The fetch that is under way may still bring this one.
    await bench.write(1);
    await bench.write(30);
    await deleteRecordsBelow(45n);
    worker.send('SIGCONT');
    await expectHalt(
      worker,
      'topic-start-lost',
      /\[0\]: offsets (?:20|21) to 44 were deleted from the topic before they were applied$/,
    );
  });

  test('halts a running worker also when nothing is left behind the gap (F18)', async () => {
    await opened();
    await bench.write(20);
    const worker = await applied(PATIENT);
    worker.send('SIGSTOP');
    await bench.write(1);
    await bench.write(30);
    await deleteRecordsBelow(51n);
    worker.send('SIGCONT');
    await expectHalt(
      worker,
      'topic-start-lost',
      /\[0\]: offsets (?:20|21) to 50 were deleted from the topic before they were applied$/,
    );
  });

  test('before the position is no loss (F18)', async () => {
    await opened();
    await bench.write(20);
    await (await applied()).end('SIGTERM');
    await deleteRecordsBelow(20n);
    await bench.write(10);
    bench.start();
    await bench.expectExact();
  });
});

describe('a topic that was deleted and made anew', () => {
  test('is refused at a start when it is shorter than the position (F19)', async () => {
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

  test('is refused at a start when it has grown beyond the position (F19)', async () => {
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
  ])('halts a running worker, here by an %s one (F19)', async (_name, records) => {
    await opened();
    await bench.write(20);
    const worker = await applied(PATIENT);
    worker.send('SIGSTOP');
    const stoppedMs = performance.now();
    await makeAnew();
    if (records > 0) await bench.writeOther(records);
    // The worker doubts what it reads after a silence of more than 5 s.
    await until(
      () => performance.now() - stoppedMs > 6_000,
      () => 'the end of a long sleep',
    );
    worker.send('SIGCONT');
    const detail =
      /but the partition ends at offset \d+$|the record at offset 19 is not the record that was applied/;
    await expectHalt(worker, 'topic-replaced', detail);
  });
});

describe('partitions that are added to a living topic', () => {
  test('halt a running worker (F23)', async () => {
    await opened(2);
    await bench.write(40);
    const worker = await applied();
    await addPartition(3);
    await expectHalt(worker, 'partitions-changed', / has 3 partitions, but the read model was built for 2$/);
  });

  test('are refused at the next start (F23)', async () => {
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

test('a topic that is not there yet is waited for and named; then the worker goes on (F22)', async () => {
  await opened();
  const {topic} = bench;
  await withAdmin(async (admin) => await admin.deleteTopics({topics: [topic]}));
  const worker = bench.start();
  await hasSaid(
    worker,
    new RegExp(`^waiting: topic ${topic} does not exist on 127\\.0\\.0\\.1:\\d+, or [\\w ]+$`),
  );
  expect(worker.log.find(({kind}) => kind === 'topic-missing')).toMatchObject({level: 40});
  await createTopic(topic);
  await bench.write([order('5')]);
  await bench.expectExact();
  expect([...(await endOffsets(topic)).values()]).toEqual([1n]);
});
