/** How a partition that cannot be read is escalated. */
import {FetchFaults, REPLACE_AFTER_MS} from '../../src/clients/kafka/fetchFaults.js';

const fault = (offset: bigint, partition = 0): {partition: number; offset: bigint; reason: string} => ({
  partition,
  offset,
  reason: 'its checksum is wrong',
});

test('a fault is retried, then the client is replaced once, then the fault is final (F81, L12)', () => {
  const faults = new FetchFaults();
  const steps = [
    0,
    1_000,
    REPLACE_AFTER_MS,
    REPLACE_AFTER_MS + 1_000,
    2 * REPLACE_AFTER_MS,
    2 * REPLACE_AFTER_MS + 1,
  ];
  expect(steps.map((nowMs) => faults.add(fault(5n), nowMs))).toEqual([
    'retry',
    'retry',
    'replace',
    'retry',
    'final',
    'final',
  ]);
});

test('a partition that progresses past the fault starts again, one that only delivers earlier records does not', () => {
  const faults = new FetchFaults();
  faults.add(fault(5n), 0);
  faults.clear(0, 5n);
  expect(faults.add(fault(5n), REPLACE_AFTER_MS)).toBe('replace');
  faults.clear(0, 6n);
  expect(faults.add(fault(5n), 2 * REPLACE_AFTER_MS)).toBe('retry');
});

test('each partition and each offset has its own time', () => {
  const faults = new FetchFaults();
  faults.add(fault(5n), 0);
  expect(faults.add(fault(5n, 1), REPLACE_AFTER_MS)).toBe('retry');
  expect(faults.add(fault(9n), REPLACE_AFTER_MS)).toBe('retry');
});
