/**
 * The position of one partition: the next offset to apply, and the fingerprint of the last applied record.
 *
 * I1: Only the apply script moves the position, in the same atomic step as the data. It compares the position as an exact string.
 * I10: A resume compares the fingerprint, so that the worker detects a topic that was deleted and created again.
 *
 * The text form is one line. A space separates the fields:
 *
 *   v1 124 123 1795426801749 8b1a2c3d 5f3c9a10
 *   |  |   |   |             |        CRC-32 of the value of the last applied record
 *   |  |   |   |             CRC-32 of its key
 *   |  |   |   its timestamp, ms
 *   |  |   its offset
 *   |  next offset to apply
 *   form of this text
 *
 *   v1 124        a position that was set without applying a record, so it has no fingerprint
 *
 * The empty text means that Redis holds no position.
 *
 * Pure: no clock, no I/O.
 */
import {crc32} from 'node:zlib';

export interface Fingerprint {
  readonly offset: bigint;
  readonly timestampMs: string;
  readonly keyCrc: string;
  readonly valueCrc: string;
}

export interface Position {
  readonly nextOffset: bigint;
  /** The fingerprint of the last applied record. It is null if the position was set without applying a record. */
  readonly last: Fingerprint | null;
}

/** The parts of a record that identify it in its partition. */
export interface Identifiable {
  readonly offset: bigint;
  readonly timestampMs: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export const NO_POSITION = '';

const FORM = /^v1 (\d+)(?: (\d+) (-?\d+) ([0-9a-f]{8}) ([0-9a-f]{8}))?$/;

export function fingerprintOf(record: Identifiable): Fingerprint {
  return {
    offset: record.offset,
    timestampMs: record.timestampMs,
    keyCrc: checksum(record.key),
    valueCrc: checksum(record.value),
  };
}

/** Returns the position after this record is applied. */
export function positionAfter(record: Identifiable): Position {
  return {nextOffset: record.offset + 1n, last: fingerprintOf(record)};
}

export function sameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  return (
    a.offset === b.offset &&
    a.timestampMs === b.timestampMs &&
    a.keyCrc === b.keyCrc &&
    a.valueCrc === b.valueCrc
  );
}

export function formatPosition(position: Position): string {
  const {nextOffset, last} = position;
  if (last === null) return `v1 ${nextOffset}`;
  return `v1 ${nextOffset} ${last.offset} ${last.timestampMs} ${last.keyCrc} ${last.valueCrc}`;
}

/** Parses the text form. Returns undefined if the text is not a position. */
export function parsePosition(text: string): Position | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, next, offset, timestampMs, keyCrc, valueCrc] = match;
  if (next === undefined) return undefined;
  if (offset === undefined || timestampMs === undefined || keyCrc === undefined || valueCrc === undefined) {
    return {nextOffset: BigInt(next), last: null};
  }
  const last = {offset: BigInt(offset), timestampMs, keyCrc, valueCrc};
  if (last.offset >= BigInt(next)) return undefined;
  return {nextOffset: BigInt(next), last};
}

/** Returns the CRC-32 as eight hex digits. A missing key or value gives another text than an empty one. */
function checksum(bytes: Buffer | null): string {
  if (bytes === null) return 'ffffffff';
  return crc32(bytes).toString(16).padStart(8, '0');
}
