/** Fetch responses in the format of a broker, built with the encoders of kafkajs, and what kafkajs decodes from them. */
import {createRequire} from 'node:module';
import {crc32c} from '@node-rs/crc32';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';

const load = createRequire(import.meta.url);

interface Encoder {
  readonly buffer: Buffer;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: string): Encoder;
  writeString(text: string): Encoder;
  writeBuffer(bytes: Buffer): Encoder;
}
const EncoderClass = load('kafkajs/src/protocol/encoder') as new () => Encoder;
const encodeRecord = load('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoder;
const {RecordBatch: encodeBatch} = load('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (batch: object) => Promise<Encoder>;
};
const theirs = load('kafkajs/src/protocol/requests/fetch/v11/response') as {
  decode: (answer: Buffer) => Promise<{responses: {partitions: PartitionOfKafkajs[]}[]}>;
};
const BatchClass = load('kafkajs/src/consumer/batch') as new (
  topic: string,
  fetchedOffset: string,
  partition: object,
) => BatchOfKafkajs;

type PartitionOfKafkajs = object & {readonly partition: number; readonly messages: readonly object[]};

/** The batch of one partition that kafkajs passes to the consumer. */
export interface BatchOfKafkajs {
  readonly messages: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
  }[];
  firstOffset(): string | null;
  lastOffset(): string;
  isEmptyDueToFiltering(): boolean;
}

export interface BatchPlan {
  readonly firstOffset: bigint;
  readonly firstTimestampMs: number;
  readonly isGzip: boolean;
  /** The id of a transactional producer. Null for records without a transaction. */
  readonly producerId: bigint | null;
  readonly records: readonly {
    readonly offsetDelta: number;
    readonly timestampDelta: number;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, string>>;
  }[];
  /** The number of offsets of the batch after its last record, which compaction has removed. */
  readonly offsetsGone: number;
}

export async function batchBytes(plan: BatchPlan): Promise<Buffer> {
  const last = plan.records.at(-1)?.offsetDelta ?? 0;
  const {buffer} = await encodeBatch({
    compression: plan.isGzip ? 1 : 0,
    firstOffset: plan.firstOffset.toString(),
    firstTimestamp: plan.firstTimestampMs,
    maxTimestamp: plan.firstTimestampMs,
    lastOffsetDelta: last + plan.offsetsGone,
    transactional: plan.producerId !== null,
    producerId: (plan.producerId ?? -1n).toString(),
    records: plan.records.map((record) => encodeRecord(record)),
  });
  return buffer;
}

const CHECKSUM_AT = 17;
const ATTRIBUTES_AT = 21;
const CONTROL = 0x20;

/** Sets the checksum of a record batch that was changed. */
export function withChecksum(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CHECKSUM_AT);
  return batch;
}

/** The control record at the end of a transaction. */
export async function markBytes(
  offset: bigint,
  producerId: bigint,
  end: 'commit' | 'abort',
): Promise<Buffer> {
  const key = Buffer.from([0, 0, 0, end === 'commit' ? 1 : 0]);
  const record = {offsetDelta: 0, timestampDelta: 0, key, value: Buffer.alloc(6), headers: {}};
  const bytes = await batchBytes({
    firstOffset: offset,
    firstTimestampMs: 0,
    isGzip: false,
    producerId,
    offsetsGone: 0,
    records: [record],
  });
  bytes.writeInt16BE(bytes.readInt16BE(ATTRIBUTES_AT) | CONTROL, ATTRIBUTES_AT);
  return withChecksum(bytes);
}

export interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** A fetch response of version 11 for partition 0 of `topic`. */
export function answerBytes(topic: string, recordSet: Buffer, aborted: readonly Aborted[] = []): Buffer {
  const encoder = new EncoderClass()
    .writeInt32(0)
    .writeInt16(0)
    .writeInt32(7)
    .writeInt32(1)
    .writeString(topic)
    .writeInt32(1)
    .writeInt32(0)
    .writeInt16(0)
    .writeInt64('900')
    .writeInt64('800')
    .writeInt64('3')
    .writeInt32(aborted.length);
  for (const {producerId, firstOffset} of aborted) {
    encoder.writeInt64(producerId.toString()).writeInt64(firstOffset.toString());
  }
  return encoder.writeInt32(-1).writeInt32(recordSet.length).writeBuffer(recordSet).buffer;
}

/** The kafkajs batch for the fetched data of partition 0. */
export function batchOf(
  answer: {responses: readonly {partitions: readonly object[]}[]},
  from: bigint,
): BatchOfKafkajs {
  return new BatchClass('t', from.toString(), answer.responses[0]!.partitions[0]!);
}

/** What the original decoder of kafkajs returns. */
export async function readByKafkajs(answer: Buffer, from: bigint): Promise<BatchOfKafkajs> {
  return batchOf(await theirs.decode(answer), from);
}

export function recordsOfKafkajs({messages}: BatchOfKafkajs): LogRecord[] {
  return messages.map(({offset, timestamp, key, value}) => ({
    offset: BigInt(offset),
    timestampMs: timestamp,
    key,
    value,
  }));
}
