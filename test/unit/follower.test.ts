import {UncommittedLog} from '../../src/operations/rebuild/follower.js';
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
