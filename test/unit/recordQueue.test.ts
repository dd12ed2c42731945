/** The queue of records between fetch and apply. */
import {RecordQueue} from '../../src/worker/recordQueue.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';

const record = (offset: number, bytes = 0): LogRecord => ({
  offset: BigInt(offset),
  timestampMs: '0',
  key: null,
  value: Buffer.alloc(bytes),
});
const drain = (queue: RecordQueue): number[] => {
  const offsets: number[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) offsets.push(Number(next.offset));
  return offsets;
};

test('records leave the queue in the order in which they entered it, across many batches', () => {
  const queue = new RecordQueue(1_000_000);
  const wanted = Array.from({length: 5_000}, (_, i) => i);
  const found: number[] = [];
  for (let at = 0; at < wanted.length; at += 100) {
    queue.push(wanted.slice(at, at + 100).map((offset) => record(offset)));
    for (let i = 0; i < 70; i++) found.push(Number(queue.shift()?.offset));
  }
  expect([...found, ...drain(queue)]).toEqual(wanted);
  expect(queue.isEmpty).toBe(true);
  expect(queue.shift()).toBeUndefined();
});

test('a record that is put back is the next one again, wherever the queue keeps it (L2)', () => {
  const queue = new RecordQueue(1_000);
  queue.push([record(0), record(1), record(2, 900)]);
  for (const offset of [0n, 1n, 2n]) {
    const taken = queue.shift();
    expect(taken?.offset).toBe(offset);
    queue.putBack(taken!);
    expect(queue.isEmpty).toBe(false);
    expect(queue.shift()?.offset).toBe(offset);
  }
  queue.putBack(record(2, 900));
  queue.push([record(3)]);
  expect(queue.isFull).toBe(true);
  expect(drain(queue)).toEqual([2, 3]);
  expect(queue.isFull).toBe(false);
});

test('the queue is full when its values and a share for each record exceed the byte limit (L2)', () => {
  const queue = new RecordQueue(1_000);
  queue.push([record(0, 600)]);
  expect(queue.isFull).toBe(false);
  queue.push([record(1, 1)]);
  expect(queue.isFull).toBe(true);
  queue.shift();
  expect(queue.isFull).toBe(false);
});

test('records without a key and a value fill the queue too, because each record has a share (L2)', () => {
  const queue = new RecordQueue(1_000);
  queue.push(Array.from({length: 6}, (_, i) => record(i)));
  expect(queue.isFull).toBe(true);
});

test('clear() removes all records, and the queue can be used again', () => {
  const queue = new RecordQueue(100);
  queue.push([record(1, 500), record(2, 500)]);
  queue.clear();
  expect([queue.isEmpty, queue.isFull, queue.shift()]).toEqual([true, false, undefined]);
  queue.push([record(3)]);
  expect(drain(queue)).toEqual([3]);
});
