import {PartitionBuffer} from '../../src/worker/partitionBuffer.js';
import type {LogBatch, LogRecord} from '../../src/clients/kafka/eventLog.js';
import {fingerprintOf} from '../../src/redis-model/position.js';
import {order} from '../support/changes.js';
import {recordOf} from '../support/records.js';
import {until} from '../support/until.js';

const clock = {
  nowMs: () => 0,
  sleep: async () => await new Promise<void>((resolve) => setImmediate(resolve)),
};
const noKeepAlive = async (): Promise<void> => await Promise.resolve();

function record(offset: bigint, id = String(offset)): LogRecord {
  return {...recordOf(order(id)), offset, timestampMs: '0'};
}

function batch(...offsets: bigint[]): LogBatch {
  const [first = 0n] = offsets;
  const records = offsets.map((offset) => record(offset));
  return {partition: 0, fetchOffset: first, nextOffset: first + BigInt(offsets.length), records};
}

function opened(fromOffset: bigint, bytesMax = 1_000_000): PartitionBuffer {
  const buffer = new PartitionBuffer('t[0]', clock, bytesMax);
  buffer.open({fromOffset, expectFirst: null});
  return buffer;
}

test('records leave in the order in which they arrived, and a batch of another fetch offset is rejected (I4)', async () => {
  const buffer = opened(5n);
  expect(buffer.whyUnexpected(batch(6n))).toMatch(/fetched from offset 6 instead of 5/);
  expect(buffer.whyUnexpected(batch(5n, 6n))).toBeUndefined();
  await buffer.take(batch(5n, 6n), noKeepAlive);
  expect(buffer.whyUnexpected(batch(7n))).toBeUndefined();
  expect([buffer.shift(), buffer.shift(), buffer.shift()]).toMatchObject([
    {offset: 5n},
    {offset: 6n},
    undefined,
  ]);
});

test('the last applied record is fetched again and compared; a different record there halts the worker', async () => {
  const buffer = new PartitionBuffer('t[0]', clock, 1_000_000);
  buffer.open({fromOffset: 3n, expectFirst: fingerprintOf(record(3n))});
  await buffer.take(batch(3n, 4n), noKeepAlive);
  expect(buffer.takeLastApplied()).toBe(true);
  expect(buffer.takeLastApplied()).toBe(false);
  expect(buffer.shift()?.offset).toBe(4n);

  buffer.open({fromOffset: 3n, expectFirst: fingerprintOf(record(3n, '99'))});
  await buffer.take(batch(3n), noKeepAlive);
  expect(() => buffer.takeLastApplied()).toThrow(expect.objectContaining({kind: 'topic-replaced'}) as Error);
});

test('a full buffer blocks the next batch and keeps the group membership alive until there is room (L2)', async () => {
  const buffer = opened(0n, 1);
  let alive = 0;
  let isTaken = false;
  const taking = buffer
    .take(batch(0n, 1n), async () => {
      alive++;
      await Promise.resolve();
    })
    .then(() => (isTaken = true));
  await until(
    () => alive > 2,
    () => 'three calls of keepAlive',
  );
  expect(isTaken).toBe(false);
  buffer.shift();
  buffer.shift();
  buffer.resumeDelivery();
  await taking;
  expect(isTaken).toBe(true);
});

test('closing a buffer releases a waiting batch and keeps the records; clearing it discards them', async () => {
  const buffer = opened(0n, 1);
  const taking = buffer.take(batch(0n, 1n), noKeepAlive);
  buffer.close();
  await taking;
  expect([buffer.isOpen, buffer.isEmpty]).toEqual([false, false]);
  buffer.clear();
  expect(buffer.isEmpty).toBe(true);
});
