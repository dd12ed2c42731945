/**
 * Transactions, as Kafka Connect writes them with exactly-once support. Their control records take offsets,
 * and some transactions are aborted.
 */
import kafkajs from 'kafkajs';
import type {Transaction} from 'kafkajs';
import type {Change} from '../../src/domain/change.js';
import {FaultBench} from '../support/faultBench.js';
import {endOffsets, kafka} from '../support/kafka.js';
import {recordOf} from '../support/records.js';
import {until} from '../support/until.js';
import {hasSaid, said} from '../support/workerLog.js';

const {Partitioners} = kafkajs;

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-transactions')));
afterEach(async () => await bench.close());

/** Writes all lists in one transaction, with one request for each list. */
async function transact(lists: readonly (readonly Change[])[], end: 'commit' | 'abort'): Promise<void> {
  const producer = kafka().producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    transactionalId: bench.topic,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    const transaction: Transaction = await producer.transaction();
    for (const list of lists) {
      await transaction.send({topic: bench.topic, messages: list.map((change) => ({...recordOf(change)}))});
    }
    await transaction[end]();
    if (end === 'commit') bench.note(lists.flat());
  } finally {
    await producer.disconnect();
  }
}

/**
 * Waits until all committed records are applied. Expects the exact content, and that the worker noticed no
 * gap.
 */
async function expectNoFalseAlarm(): Promise<void> {
  const [worker] = bench.workers.slice(-1);
  await hasSaid(worker!, /^partitions assigned/);
  await until(
    async () => await bench.isFolded(),
    () =>
      `the fold of the committed records. The end of the worker's output: ${worker?.output.slice(-1_500)}`,
    60_000,
  );
  const reached = await bench.progress();
  const [end] = (await endOffsets(bench.topic)).values();
  // The position is after the last applied record. Control records and aborted records may follow it.
  expect(reached).toBeLessThanOrEqual(end ?? 0n);
  await bench.expectExact({ends: false});
  expect(said(worker!, /^reset to the stored position/)).toBe(0);
  expect(worker!.log.findLast(({msg}) => msg === 'summary')).toMatchObject({positionResets: 0});
}

/** The fetches are smaller than the aborted records, so that some of them return nothing else. */
const SMALL_FETCHES = {KAFKA_FETCH_PARTITION_BYTES: '16384', KAFKA_FETCH_BYTES: '16384'};
const many = (): Change[][] => Array.from({length: 20}, () => bench.changes(20));

test('alternating committed and aborted transactions cause no false alarm in a running worker (F24)', async () => {
  bench.start();
  for (let round = 0; round < 4; round++) {
    await transact([bench.changes(7), bench.changes(5)], 'commit');
    await transact([bench.changes(9)], 'abort');
  }
  await bench.write(10);
  await expectNoFalseAlarm();
});

test('aborted records that fill several fetches cause no false alarm, while a worker runs or at the next start (F24)', async () => {
  await transact([bench.changes(30)], 'commit');
  await transact(many(), 'abort');
  await transact([bench.changes(30)], 'commit');
  await transact(many(), 'abort');
  bench.start(SMALL_FETCHES);
  await expectNoFalseAlarm();

  bench.start(SMALL_FETCHES);
  await expectNoFalseAlarm();

  bench.start(SMALL_FETCHES);
  await transact(many(), 'abort');
  await bench.write(25);
  await expectNoFalseAlarm();
});

test('a topic that begins with an aborted transaction causes no false alarm (F24)', async () => {
  await transact(many(), 'abort');
  await transact([bench.changes(30)], 'commit');
  bench.start(SMALL_FETCHES);
  await expectNoFalseAlarm();
});

test('a worker applies no record of an open transaction, and applies them after the commit (F24)', async () => {
  const producer = kafka().producer({transactionalId: bench.topic, idempotent: true, maxInFlightRequests: 1});
  await producer.connect();
  const list = bench.changes(10);
  const transaction = await producer.transaction();
  await transaction.send({topic: bench.topic, messages: list.map((change) => ({...recordOf(change)}))});
  const worker = bench.start();
  await until(
    () => said(worker, /^summary/) >= 2,
    () => worker.output.slice(-1_500),
  );
  expect(await bench.progress()).toBe(0n);
  await transaction.commit();
  await producer.disconnect();
  bench.note(list);
  await expectNoFalseAlarm();
});
