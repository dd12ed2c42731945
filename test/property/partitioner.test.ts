/** The partition of a key is that of Kafka's default partitioner. */
import {partitionOfKey} from '../../src/decode/partitioner.js';
import {partitionOf} from '../support/kafka.js';
import {fc, propertyTest as test} from '../support/seededChecks.js';

test.prop([fc.uint8Array({maxLength: 24}).map((bytes) => Buffer.from(bytes)), fc.integer({min: 1, max: 64})])(
  'every key is in the partition that kafkajs computes with its own murmur2 (S2, F87)',
  (key, partitions) => {
    expect(partitionOfKey(key, partitions)).toBe(partitionOf(key, partitions));
  },
);
