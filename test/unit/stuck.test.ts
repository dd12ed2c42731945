/**
 * When a partition counts as stuck (PROJECTOR_LIVENESS_TIMEOUT_MS): it has records to apply and no progress.
 * A partition that waits for records or for a server is not stuck.
 */
import {Slots} from '../../src/apply/slots.js';
import type {ReadModel} from '../../src/apply/readModel.js';
import {decodeRecord} from '../../src/decode/decode.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {EventLog} from '../../src/clients/kafka/eventLog.js';
import {noFailpoint} from '../../src/runtime/failpoints.js';
import {untraced} from '../../src/worker/chunkTrace.js';
import {NO_OBSERVER} from '../../src/worker/observer.js';
import {Partition} from '../../src/worker/partition.js';
import {noCounts} from '../../src/worker/outcomes.js';
import {order} from '../support/changes.js';
import {recordOf, SHOP} from '../support/records.js';
import {until} from '../support/until.js';

let nowMs: number;
/** The error kinds that the partition reported for its dependencies. It reports null for a success. */
let dependency: (string | null)[];
beforeEach(() => {
  nowMs = 0;
  dependency = [];
});

function partition(model: Partial<ReadModel>): Partition {
  const log: Partial<EventLog> = {
    hold: () => undefined,
    readFrom: () => undefined,
    ranges: async () => await Promise.resolve(new Map([[0, {low: 0n, high: 10n}]])),
  };
  const settings = {
    topic: 't',
    partitions: 1,
    chunkOrdersMax: 10,
    chunkRecordsMax: 10,
    queueBytesMax: 1_000_000,
    quarantineMax: 10,
    quarantineWindow: 1_000,
  };
  return new Partition(0, settings, {
    log: log as EventLog,
    model: {
      positions: {key: () => 'position'},
      slots: new Slots(3),
      positionToResume: async () => await Promise.resolve(''),
      joinReports: async () => await Promise.resolve(undefined),
      quarantinedOffsets: async () => await Promise.resolve([]),
      ...model,
    } as unknown as ReadModel,
    decode: (record) => decodeRecord(record, SHOP),
    partitionOf: () => undefined,
    otherTables: () => undefined,
    schemaChanged: () => undefined,
    clock: {nowMs: () => nowMs, sleep: async () => await new Promise((resolve) => setImmediate(resolve))},
    counts: noCounts(),
    dependency: (error) => void dependency.push(error?.kind ?? null),
    onReset: () => undefined,
    quarantined: () => undefined,
    failpoint: noFailpoint,
    observer: NO_OBSERVER,
    traceChunk: untraced,
  });
}

const batch = {
  partition: 0,
  fetchOffset: 0n,
  nextOffset: 1n,
  records: [{...recordOf(order('5')), offset: 0n, timestampMs: '0'}],
};
const keepAlive = async (): Promise<void> => await Promise.resolve();

test('a partition is stuck if a script gets no reply', async () => {
  let sent = 0;
  const apply = async (): Promise<never> => {
    sent++;
    return await new Promise(() => undefined);
  };
  const stuck = partition({apply});
  void stuck.run();
  await until(
    () => stuck.appliedNext === 0n,
    () => 'a resumed partition',
  );
  nowMs = 50_000;
  // The partition has nothing to apply, so it may wait for records for any time.
  expect(stuck.stuckMs(nowMs)).toBe(0);
  await stuck.deliver(batch, keepAlive);
  await until(
    () => sent === 1,
    () => 'a script sent to Redis',
  );
  expect(stuck.stuckMs(nowMs)).toBe(0);
  nowMs = 110_000;
  expect(stuck.stuckMs(nowMs)).toBe(60_000);
});

test('a partition that waits for an unreachable server is not stuck', async () => {
  let tries = 0;
  const waiting = partition({
    positionToResume: async () => {
      nowMs += 30_000;
      tries++;
      await Promise.resolve();
      throw new ProjectorError('redis-unreachable', 'away');
    },
  });
  const run = waiting.run();
  await until(
    () => tries > 5,
    () => 'six attempts',
  );
  expect(waiting.stuckMs(nowMs)).toBe(0);
  waiting.end();
  await run;
});

test('a failed script is reported at once, also while the partition waits for a slot for its next script', async () => {
  const slots = new Slots(2);
  await slots.take(); // The slot of another partition, which never releases it.
  let fail: (() => void) | undefined;
  const apply = async (): Promise<never> =>
    await new Promise((_, reject) => {
      fail = () => reject(new ProjectorError('redis-unreachable', 'away'));
    });
  const failing = partition({apply, slots});
  void failing.run();
  await until(
    () => failing.appliedNext === 0n,
    () => 'a resumed partition',
  );
  await failing.deliver(batch, keepAlive);
  await until(
    () => fail !== undefined,
    () => 'a script sent to Redis',
  );
  void slots.take(); // A third partition waits for the slot that this script releases.
  const next = {...recordOf(order('6')), offset: 1n, timestampMs: '0'};
  await failing.deliver({...batch, fetchOffset: 1n, nextOffset: 2n, records: [next]}, keepAlive);
  await new Promise((resolve) => setImmediate(resolve));
  fail?.();
  await until(
    () => dependency.at(-1) === 'redis-unreachable',
    () => `redis-unreachable as the last of: ${dependency.join()}`,
    2_000,
  );
});
