/**
 * The partition into which Kafka's default partitioner puts a key: murmur2 of its bytes (S2). Kafka Connect and every Java producer use it.
 *
 * Source: Apache Kafka, `Utils.murmur2` and `BuiltInPartitioner.partitionForKey`.
 *
 * Pure: no clock, no I/O.
 */
import {assert} from '../runtime/assert.js';

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

export function partitionOfKey(key: Uint8Array, partitions: number): number {
  assert(partitions > 0, 'a topic has partitions');
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** All numbers are 32-bit. `Math.imul` multiplies such numbers as C does. */
function murmur2(data: Uint8Array): number {
  const {length} = data;
  const byte = (at: number): number => data[at] ?? 0;
  let hash = SEED ^ length;
  const whole = length - (length % 4);
  for (let at = 0; at < whole; at += 4) {
    let part = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    part = Math.imul(part, M);
    part = Math.imul(part ^ (part >>> 24), M);
    hash = Math.imul(hash, M) ^ part;
  }
  if (length > whole) {
    for (let at = length - 1; at >= whole; at--) hash ^= byte(at) << (8 * (at - whole));
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
