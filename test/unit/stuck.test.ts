/** What counts as standing still (PROJECTOR_LIVENESS_TIMEOUT_MS): records to apply, and no way on. Waiting for records or servers does not. */
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
/** What the partition told of its servers. */
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
      quarantinedOffsets: async () => await Promise.resolve([]),
      ...model,
    } as unknown as ReadModel,
    decode: (record) => decodeRecord(record, SHOP),
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

test('a script that is never answered', async () => {
  let sent = 0;
  const apply = async (): Promise<never> => {
    sent++;
    return await new Promise(() => undefined);
  };
  const stuck = partition({apply});
  void stuck.run();
  await until(
    () => stuck.appliedNext === 0n,
    () => 'an anchored partition',
  );
  nowMs = 50_000;
  // Nothing to apply: it waits for records, however long.
  expect(stuck.stuckMs(nowMs)).toBe(0);
  await stuck.deliver(batch, keepAlive);
  await until(
    () => sent === 1,
    () => 'a script at Redis',
  );
  expect(stuck.stuckMs(nowMs)).toBe(0);
  nowMs = 110_000;
  expect(stuck.stuckMs(nowMs)).toBe(60_000);
});

test('a server that is away is waited for, and that is no standing still', async () => {
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
    () => 'some tries',
  );
  expect(waiting.stuckMs(nowMs)).toBe(0);
  waiting.end();
  await run;
});

test('a failed script is told of at once, although the partition waits for its turn to send the next one', async () => {
  const slots = new Slots(2);
  await slots.take(); // Another partition's, never given back.
  let fail: (() => void) | undefined;
  const apply = async (): Promise<never> =>
    await new Promise((_, reject) => {
      fail = () => reject(new ProjectorError('redis-unreachable', 'away'));
    });
  const failing = partition({apply, slots});
  void failing.run();
  await until(
    () => failing.appliedNext === 0n,
    () => 'an anchored partition',
  );
  await failing.deliver(batch, keepAlive);
  await until(
    () => fail !== undefined,
    () => 'a script at Redis',
  );
  void slots.take(); // A third one's, which waits for what this script gives back.
  const next = {...recordOf(order('6')), offset: 1n, timestampMs: '0'};
  await failing.deliver({...batch, fetchOffset: 1n, nextOffset: 2n, records: [next]}, keepAlive);
  await new Promise((resolve) => setImmediate(resolve));
  fail?.();
  await until(
    () => dependency.at(-1) === 'redis-unreachable',
    () => `a failure among ${dependency.join()}`,
    2_000,
  );
});
