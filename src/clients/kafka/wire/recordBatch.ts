/**
 * Record batches of Kafka (magic 2), as a fetch brings them: headers, and records as the worker takes them.
 *
 * kafkajs makes several objects for each record, and numbers of any length for its offset and time. Here a record is one object, over a
 * buffer that all records of its batch share: a quarter of the processor time (docs/performance.md).
 *
 * Source: https://kafka.apache.org/documentation/#recordbatch
 *
 * Pure: no clock, no I/O.
 */
import type {LogRecord} from '../eventLog.js';

/** Bytes of a batch before its records. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes of a batch that its length does not count: first offset and length. */
const UNCOUNTED_BYTES = 12;
const MAGIC = 2;

const CODEC_BITS = 0x07;
const APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;

/** The place of each part of a header. */
const AT = {
  length: 8,
  magic: 16,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
} as const;

export interface BatchHeader {
  /** Of the whole batch, header and records. */
  readonly sizeBytes: number;
  /** As kafkajs numbers its codecs; 0 for none. */
  readonly codec: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly producerId: bigint;
  readonly firstOffset: bigint;
  /** Also when the last record itself is gone. */
  readonly lastOffset: bigint;
  readonly firstTimestampMs: bigint;
  /** The time of every record, when the broker set it; else undefined. */
  readonly appendTimeMs: string | undefined;
  readonly count: number;
}

/** Whether a message of the form before record batches begins at `at`: it has its magic in the same place. */
export function isOfOldForm(bytes: Buffer, at: number): boolean {
  return bytes.length - at > AT.magic && bytes.readInt8(at + AT.magic) < MAGIC;
}

/**
 * The header of the batch that begins at `at`; undefined when the answer ends within the batch, as the last one of a fetch may.
 * Throws a RangeError when it says that it is shorter than a header.
 */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader | undefined {
  if (bytes.length - at < BATCH_HEADER_BYTES) return undefined;
  const sizeBytes = UNCOUNTED_BYTES + bytes.readInt32BE(at + AT.length);
  if (sizeBytes < BATCH_HEADER_BYTES) throw new RangeError('a record batch is too short');
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
 * The records of a batch, in the order of their offsets. `bytes` is what follows the header, unpacked; keys and values are slices of it.
 * Throws a RangeError when the bytes are no such records.
 */
export function readRecords(bytes: Buffer, header: BatchHeader): LogRecord[] {
  const {count, firstOffset, firstTimestampMs, appendTimeMs} = header;
  const cursor = new Cursor(bytes);
  const records: LogRecord[] = [];
  let delta = 0n;
  let timestampMs = appendTimeMs ?? firstTimestampMs.toString();
  for (let i = 0; i < count; i++) {
    const end = cursor.end(cursor.varint());
    cursor.skip(1); // Attributes, of which there are none.
    const timestampDelta = cursor.varlong();
    // Most records are of the same time as the one before.
    if (timestampDelta !== delta && appendTimeMs === undefined) {
      delta = timestampDelta;
      timestampMs = (firstTimestampMs + delta).toString();
    }
    const offset = firstOffset + BigInt(cursor.varint());
    const key = cursor.bytes(cursor.varint());
    const value = cursor.bytes(cursor.varint());
    // What is left of it are headers, which nothing here reads.
    cursor.moveTo(end);
    records.push({offset, timestampMs, key, value});
  }
  return records;
}

const ABORT_MARKER = 0;

/** Whether the only record of a control batch says that the transaction of its producer was aborted. */
export function isAbort(bytes: Buffer, header: BatchHeader): boolean {
  const key = readRecords(bytes, header)[0]?.key;
  // Version and type, 16 bits each.
  return key?.length === 4 && key.readInt16BE(2) === ABORT_MARKER;
}

/** Reads numbers of variable length: zigzag, seven bits in a byte, the lowest first. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Of 32 bits. */
  varint(): number {
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#next();
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
    }
    throw new RangeError('a number in a record batch is too long');
  }

  /** Of 64 bits. */
  varlong(): bigint {
    let raw = this.#next();
    // Short ones, nearly always.
    if (raw < 0x80) return raw === 0 ? 0n : BigInt((raw >>> 1) ^ -(raw & 1));
    let long = BigInt(raw & 0x7f);
    for (let shift = 7n; shift < 70n; shift += 7n) {
      raw = this.#next();
      long |= BigInt(raw & 0x7f) << shift;
      if (raw < 0x80) return BigInt.asIntN(64, (long >> 1n) ^ -(long & 1n));
    }
    throw new RangeError('a number in a record batch is too long');
  }

  /** Null for a length of -1. */
  bytes(length: number): Buffer | null {
    if (length === -1) return null;
    const from = this.#at;
    this.moveTo(this.end(length));
    return this.#bytes.subarray(from, this.#at);
  }

  /** Where something of this length ends that begins here. */
  end(length: number): number {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError('a record batch ends too early');
    return end;
  }

  skip(length: number): void {
    this.moveTo(this.end(length));
  }

  /** Only ahead. */
  moveTo(at: number): void {
    if (at < this.#at) throw new RangeError('a record is longer than it says');
    this.#at = at;
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('a record batch ends too early');
    return byte;
  }
}
