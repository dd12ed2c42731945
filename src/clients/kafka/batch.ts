/** Batches of kafkajs, as the worker takes them. */
import type {EachBatchPayload} from 'kafkajs';
import type {LogBatch, LogRecord} from './eventLog.js';
import type {FetchedBatch} from './wire/fetchAnswer.js';

/** kafkajs keeps the asked-for offset on its batches, without naming it in its types. */
function fetchOffsetOf(batch: object): bigint {
  const {fetchedOffset} = batch as {fetchedOffset: string};
  return BigInt(fetchedOffset);
}

/** What a fetch brought of one partition. */
export function logBatch(batch: EachBatchPayload['batch']): LogBatch {
  return {
    partition: batch.partition,
    fetchOffset: fetchOffsetOf(batch),
    nextOffset: BigInt(batch.lastOffset()) + 1n,
    records: batch.messages.flatMap(recordsOf),
  };
}

type Message = EachBatchPayload['batch']['messages'][number];

/** A message is a record batch that was read here (fetchAnswer.ts), or a record that kafkajs has read. */
function recordsOf(message: Message | (Message & FetchedBatch)): readonly LogRecord[] {
  if ('records' in message) return message.records;
  const {offset, timestamp, key, value} = message;
  return [{offset: BigInt(offset), timestampMs: timestamp, key, value}];
}

/** A fetch that brought no records, and moved on all the same. */
export function emptyBatch(partition: number, fetchOffset: bigint, nextOffset: bigint): LogBatch {
  return {partition, fetchOffset, nextOffset, records: []};
}
