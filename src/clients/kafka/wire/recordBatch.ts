/**
 * Reads record batches of Kafka (magic 2): their headers, and their records in the form that the worker uses.
 *
 * kafkajs creates several objects for each record, and numbers of any length for its offset and timestamp. Here a record is one object,
 * and all records of a batch share one buffer. This needs a quarter of the CPU time of kafkajs (docs/performance.md).
 *
 * Source: https://kafka.apache.org/documentation/#recordbatch
 *
 * Pure: no clock, no I/O.
 */
import {crc32c} from '@node-rs/crc32';
import type {LogRecord} from '../eventLog.js';

/** Size of a batch header, in bytes. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes that the length field of a batch does not include: the first offset and the length field itself. */
const UNCOUNTED_BYTES = 12;
const MAGIC = 2;

const CODEC_BITS = 0x07;
const APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;

/** The byte position of each field in a header. */
const AT = {
  length: 8,
  magic: 16,
  checksum: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
} as const;

export interface BatchHeader {
  /** The size of the whole batch: header and records. */
  readonly sizeBytes: number;
  /** The number of the codec in the Kafka protocol. 0 means no compression. */
  readonly codec: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly producerId: bigint;
  readonly firstOffset: bigint;
  /** The last offset of the batch, even if compaction has removed its last record. */
  readonly lastOffset: bigint;
  readonly firstTimestampMs: bigint;
  /** The timestamp of all records if the broker sets it (LogAppendTime). Undefined otherwise. */
  readonly appendTimeMs: string | undefined;
  readonly count: number;
}

/** Whether a message in the format before record batches begins at `at`. Both formats have the magic byte at the same position. */
export function isOfOldForm(bytes: Buffer, at: number): boolean {
  return bytes.length - at > AT.magic && bytes.readInt8(at + AT.magic) < MAGIC;
}

/**
 * The header of the batch that begins at `at`. Undefined if the response ends within the batch: Kafka may cut the last batch of a fetch.
 * Throws a RangeError if the length field is smaller than a header.
 */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader | undefined {
  if (bytes.length - at < BATCH_HEADER_BYTES) return undefined;
  const sizeBytes = UNCOUNTED_BYTES + bytes.readInt32BE(at + AT.length);
  if (sizeBytes < BATCH_HEADER_BYTES) throw new RangeError('a record batch is shorter than its header');
  if (bytes.length - at < sizeBytes) return undefined;
  const attributes = bytes.readInt16BE(at + AT.attributes);
  const firstOffset = bytes.readBigInt64BE(at);
  const maxTimestamp = bytes.readBigInt64BE(at + AT.maxTimestamp);
  return {
    sizeBytes,
    codec: attributes & CODEC_BITS,
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    producerId: bytes.readBigInt64BE(at + AT.producerId),
    firstOffset,
    lastOffset: firstOffset + BigInt(bytes.readInt32BE(at + AT.lastOffsetDelta)),
    firstTimestampMs: bytes.readBigInt64BE(at + AT.firstTimestamp),
    appendTimeMs: (attributes & APPEND_TIME_BIT) === 0 ? undefined : maxTimestamp.toString(),
    count: bytes.readInt32BE(at + AT.count),
  };
}

/**
 * Whether the checksum of the batch that begins at `at` is correct. It covers everything from the attributes to the end of the batch.
 * Gzip has a checksum of its own. Without this check, a changed bit in another batch would be applied.
 */
export function isIntact(bytes: Buffer, at: number, {sizeBytes}: BatchHeader): boolean {
  return crc32c(bytes.subarray(at + AT.attributes, at + sizeBytes)) === bytes.readUInt32BE(at + AT.checksum);
}

/**
 * The records of a batch, in offset order. `bytes` contains the decompressed data after the header. Keys and values are slices of it.
 * Throws a RangeError if the data is malformed.
 */
export function readRecords(bytes: Buffer, header: BatchHeader): LogRecord[] {
  const {count, firstOffset, firstTimestampMs, appendTimeMs} = header;
  const cursor = new Cursor(bytes);
  const records: LogRecord[] = [];
  let delta = 0n;
  let timestampMs = appendTimeMs ?? firstTimestampMs.toString();
  for (let i = 0; i < count; i++) {
    const end = cursor.end(cursor.varint());
    cursor.skip(1); // The attributes of a record are unused.
    const timestampDelta = cursor.varlong();
    // Most records have the timestamp of the previous one, so its text is used again.
    if (timestampDelta !== delta && appendTimeMs === undefined) {
      delta = timestampDelta;
      timestampMs = (firstTimestampMs + delta).toString();
    }
    const offset = firstOffset + BigInt(cursor.varint());
    const key = cursor.bytes(cursor.varint());
    const value = cursor.bytes(cursor.varint());
    // The rest of the record contains headers, which the worker does not read.
    cursor.moveTo(end);
    records.push({offset, timestampMs, key, value});
  }
  return records;
}

const ABORT_MARKER = 0;

/** Whether the control record of this control batch marks the transaction of its producer as aborted. */
export function isAbort(bytes: Buffer, header: BatchHeader): boolean {
  const key = readRecords(bytes, header)[0]?.key;
  // The key contains a version and a type, with 16 bits each.
  return key?.length === 4 && key.readInt16BE(2) === ABORT_MARKER;
}

/** Reads numbers of variable length. They are zigzag-encoded, with seven bits in each byte, lowest bits first. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A signed number of 32 bits. */
  varint(): number {
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#next();
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
    }
    throw new RangeError('a varint in a record batch is too long');
  }

  /** A signed number of 64 bits. */
  varlong(): bigint {
    let raw = this.#next();
    // Nearly all numbers have one byte, so this case avoids BigInt arithmetic.
    if (raw < 0x80) return raw === 0 ? 0n : BigInt((raw >>> 1) ^ -(raw & 1));
    let long = BigInt(raw & 0x7f);
    for (let shift = 7n; shift < 70n; shift += 7n) {
      raw = this.#next();
      long |= BigInt(raw & 0x7f) << shift;
      if (raw < 0x80) return BigInt.asIntN(64, (long >> 1n) ^ -(long & 1n));
    }
    throw new RangeError('a varint in a record batch is too long');
  }

  /** The next `length` bytes. Null if the length is -1. */
  bytes(length: number): Buffer | null {
    if (length === -1) return null;
    const from = this.#at;
    this.moveTo(this.end(length));
    return this.#bytes.subarray(from, this.#at);
  }

  /** The end of a field of this length that begins at the current position. */
  end(length: number): number {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError('a record batch is truncated');
    return end;
  }

  skip(length: number): void {
    this.moveTo(this.end(length));
  }

  /** Moves forward only. */
  moveTo(at: number): void {
    if (at < this.#at) throw new RangeError('the fields of a record exceed its length');
    this.#at = at;
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('a record batch is truncated');
    return byte;
  }
}
