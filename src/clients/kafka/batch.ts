/** Converts batches of kafkajs to the batches of the worker. */
import type {EachBatchPayload} from 'kafkajs';
import type {LogBatch, LogRecord} from './eventLog.js';
import type {FetchedBatch} from './wire/fetchAnswer.js';

/** kafkajs stores the requested offset in its batches, but its types do not declare it. */
function fetchOffsetOf(batch: object): bigint {
  const {fetchedOffset} = batch as {fetchedOffset: string};
  return BigInt(fetchedOffset);
}

/** The records that a fetch returned for one partition. */
export function logBatch(batch: EachBatchPayload['batch']): LogBatch {
  return {
    partition: batch.partition,
    fetchOffset: fetchOffsetOf(batch),
    nextOffset: BigInt(batch.lastOffset()) + 1n,
    records: batch.messages.flatMap(recordsOf),
  };
}

type Message = EachBatchPayload['batch']['messages'][number];

/** A message is a record batch that fetchAnswer.ts has read, or one record that kafkajs has read. */
function recordsOf(message: Message | (Message & FetchedBatch)): readonly LogRecord[] {
  if ('records' in message) return message.records;
  const {offset, timestamp, key, value} = message;
  return [{offset: BigInt(offset), timestampMs: timestamp, key, value}];
}

/** The result of a fetch that returned no records and still advanced the offset. */
export function emptyBatch(partition: number, fetchOffset: bigint, nextOffset: bigint): LogBatch {
  return {partition, fetchOffset, nextOffset, records: []};
}
