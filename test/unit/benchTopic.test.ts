/** The topic of the benchmark holds what Kafka Connect would write. */
import {endsAfter, messageOf, PARTITIONS} from '../../bench/topic.js';
import {rowEvents} from '../../bench/shop.js';
import {partitionOfKey} from '../../src/decode/partitioner.js';

const PLAN = {events: 2_000, products: 50, users: 100, seed: 1};

test('each record is in the partition of its key, because the worker quarantines every other record (S2)', () => {
  const ends = new Array<number>(PARTITIONS).fill(0);
  let number = 0;
  for (const event of rowEvents(PLAN)) {
    const {key, partition = -1} = messageOf('compact', event, number++);
    expect(partition).toBe(partitionOfKey(Buffer.from(String(key)), PARTITIONS));
    ends[partition] = (ends[partition] ?? 0) + 1;
  }
  expect(endsAfter(PLAN)).toEqual(ends);
});
