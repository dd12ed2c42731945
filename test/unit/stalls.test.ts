/** When a partition counts as stalled: the topic has records, and none arrives. */
import {STALL_MS, Stalls} from '../../src/worker/stalls.js';

const waiting = (
  awaited: bigint | undefined,
  high = 10n,
  partition = 0,
): {partition: number; awaited: bigint | undefined; high: bigint} => ({partition, awaited, high});

test('a partition that waits at the same offset for long is stalled, with that offset (L13, F85)', () => {
  const stalls = new Stalls();
  expect(stalls.look(waiting(5n), 0)).toBeUndefined();
  expect(stalls.look(waiting(5n), STALL_MS - 1)).toBeUndefined();
  expect(stalls.look(waiting(5n), STALL_MS)).toBe(5n);
});

test.each([
  ['is at the end of the topic', waiting(10n)],
  ['has records to apply', waiting(undefined)],
  ['has received records meanwhile', waiting(6n)],
])('a partition that %s is not stalled', (_, between) => {
  const stalls = new Stalls();
  stalls.look(waiting(5n), 0);
  expect(stalls.look(between, STALL_MS)).toBeUndefined();
  expect(stalls.look(waiting(5n), STALL_MS)).toBeUndefined();
});

test('each partition has its own time, and an assignment begins anew', () => {
  const stalls = new Stalls();
  stalls.look(waiting(5n), 0);
  expect(stalls.look(waiting(5n, 10n, 1), STALL_MS)).toBeUndefined();
  stalls.clear();
  expect(stalls.look(waiting(5n), STALL_MS)).toBeUndefined();
});
