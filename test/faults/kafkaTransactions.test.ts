/** Records of transactions, as Connect writes them with exactly-once: their marks take offsets, and some are aborted. */
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

/** Writes in one transaction, a request for each list. */
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

/** Resolves when so many records were applied; then everything must be exact, and no gap was seen. */
async function expectNoFalseAlarm(): Promise<void> {
  const [worker] = bench.workers.slice(-1);
  await hasSaid(worker!, /^partitions assigned/);
  await until(
    async () => await bench.isFolded(),
    () => `the fold of what was committed: ${worker?.output.slice(-1_500)}`,
    60_000,
  );
  const reached = await bench.progress();
  const [end] = (await endOffsets(bench.topic)).values();
  // Marks and aborted records may follow; the position stands behind the last record that was applied.
  expect(reached).toBeLessThanOrEqual(end ?? 0n);
  await bench.expectExact({ends: false});
  expect(said(worker!, /^reset to the stored position/)).toBe(0);
  expect(worker!.log.findLast(({msg}) => msg === 'summary')).toMatchObject({positionResets: 0});
}

/** Smaller than the aborted records, so that some fetches bring nothing else. */
const SMALL_FETCHES = {KAFKA_FETCH_PARTITION_BYTES: '16384', KAFKA_FETCH_BYTES: '16384'};
const many = (): Change[][] => Array.from({length: 20}, () => bench.changes(20));

test('committed and aborted by turns, while the worker runs (F24)', async () => {
  bench.start();
  for (let round = 0; round < 4; round++) {
    await transact([bench.changes(7), bench.changes(5)], 'commit');
    await transact([bench.changes(9)], 'abort');
  }
  await bench.write(10);
  await expectNoFalseAlarm();
});

test('aborted records that fill several fetches, in the middle and at the end; then a new start (F24)', async () => {
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

test('a log that begins with an aborted transaction (F24)', async () => {
  await transact(many(), 'abort');
  await transact([bench.changes(30)], 'commit');
  bench.start(SMALL_FETCHES);
  await expectNoFalseAlarm();
});

test('a transaction that stays open holds back what is behind it, and is waited for (F24)', async () => {
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
