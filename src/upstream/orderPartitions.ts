/**
 * The partition in which the records of an order are, computed from the id of the order (S2).
 *
 * The partition follows from the bytes of the key. They depend on the key converter of the connector: the id 5 can be `5` or `"5"`. So the
 * form that the shipped connector uses is compared with records of the topic. If one of them has another form, no partition is known.
 */
import type {LogRecord} from '../clients/kafka/eventLog.js';
import {decodeRecord} from '../decode/decode.js';
import {partitionOfKey} from '../decode/partitioner.js';
import {textOfId} from '../domain/id.js';
import type {SourceTables} from './sourceTables.js';

export interface OrderPartitionDeps {
  readonly tables: SourceTables;
  /** The end of each partition. */
  readonly ends: ReadonlyMap<number, bigint>;
  /** The records of the batch in which the record before `end` is, up to that record. Undefined before the start of the partition. */
  readonly recordsBefore: (partition: number, end: bigint) => Promise<readonly LogRecord[] | undefined>;
}

/** Batches of one partition that are read until one of them contains a change of a row. */
const LOOKS_MAX = 50;

/** Resolves with a function that returns the partition of an order. It returns undefined if the partition is not certain. */
export async function orderPartitions({
  tables: {schema, kinds},
  ends,
  recordsBefore,
}: OrderPartitionDeps): Promise<(orderId: string) => number | undefined> {
  const keyOf = (orderId: string): Buffer | undefined => {
    if (kinds.order === 'whole') return Buffer.from(orderId);
    const text = textOfId(orderId);
    // Kafka Connect escapes control characters in another form than JavaScript, and it escapes characters beyond U+FFFF.
    return /[\p{Cc}\u{10000}-\u{10FFFF}]/u.test(text) ? undefined : Buffer.from(JSON.stringify(text));
  };
  let isKnownForm = false;
  for (const [partition, end] of ends) {
    let before = end;
    // The newest records can be heartbeats or schema changes.
    for (let looks = 0; before > 0n && looks < (isKnownForm ? 1 : LOOKS_MAX); looks++) {
      const records = await recordsBefore(partition, before);
      for (const record of records ?? []) {
        const decoded = decodeRecord(record, schema);
        if (decoded.kind !== 'change' || record.key === null) continue;
        const expected = keyOf(decoded.change.orderId);
        if (expected === undefined) continue;
        if (!expected.equals(record.key) || partitionOfKey(record.key, ends.size) !== partition)
          return () => undefined;
        isKnownForm = true;
      }
      before = records?.[0]?.offset ?? 0n;
    }
  }
  return (orderId) => {
    const key = keyOf(orderId);
    return isKnownForm && key !== undefined ? partitionOfKey(key, ends.size) : undefined;
  };
}
