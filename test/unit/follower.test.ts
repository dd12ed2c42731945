import {Follower, UncommittedLog} from '../../src/operations/rebuild/follower.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {StoredPositions} from '../../src/redis-model/storedPositions.js';
import type {EventLogHandlers} from '../../src/clients/kafka/eventLog.js';
import {MemoryLog, MemoryTopic} from '../support/memoryLog.js';

test('a worker of a rebuild joins its group at once, and gets its newest partitions when the base is written', async () => {
  let told: EventLogHandlers | undefined;
  const inner = new MemoryLog(new MemoryTopic(3), 10);
  inner.start = async (handlers) => {
    told = handlers;
    await Promise.resolve();
  };
  const log = new UncommittedLog(inner);
  const assigned: (readonly number[])[] = [];
  const ignore = (): undefined => undefined;
  await log.start({
    assigned: (partitions) => void assigned.push(partitions),
    batch: async () => await Promise.resolve(),
    recheck: ignore,
    unreadable: ignore,
    connection: ignore,
    failed: ignore,
  });
  told?.assigned([0, 1, 2]);
  told?.assigned([0, 2]);
  expect(assigned).toEqual([]);
  log.begin();
  expect(assigned).toEqual([[0, 2]]);
  told?.assigned([1]);
  log.begin();
  expect(assigned).toEqual([[0, 2], [1]]);
});

test('a worker has caught up only at the ends that the topic has after the last window (I15)', async () => {
  const ends = [10n, 25n];
  const steps: string[] = [];
  let next = 10n;
  const follower = new Follower({
    worker: {run: async () => await new Promise<void>(() => undefined), stop: () => undefined},
    log: {begin: () => undefined},
    endWindows: () => void steps.push('windows end'),
    positions: new StoredPositions(
      {getAll: async () => await Promise.resolve([`v1 ${next}`])},
      'shop.order-events',
      keySpace('single', ''),
    ),
    ranges: async () => {
      const high = ends.shift() ?? 25n;
      steps.push(`end ${high}`);
      return await Promise.resolve(new Map([[0, {low: 0n, high}]]));
    },
    clock: {
      nowMs: () => 0,
      sleep: async () => {
        // A window that ends at 25 was in flight.
        if (steps.at(-1) === 'end 25') next = 25n;
        await Promise.resolve();
      },
    },
    progress: () => undefined,
  });
  await expect(follower.caughtUp(new AbortController().signal)).resolves.toMatchObject({doneRecords: 25n});
  expect(steps).toEqual(['end 10', 'windows end', 'end 25']);
});
