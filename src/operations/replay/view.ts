/**
 * How entries are shown. A list contains offsets, reasons and order ids. Only `dlq show` prints the content of a record,
 * because it is customer data (I11).
 *
 * Pure: no clock, no I/O.
 */
import {isUtf8} from 'node:buffer';
import {printable} from '../../runtime/escapeControl.js';
import {entryName, type QuarantineEntry} from '../../redis-model/quarantineEntry.js';

/** A row of `dlq list`. */
export interface EntrySummary {
  readonly name: string;
  readonly kind: string;
  readonly orderId: string | null;
  readonly reason: string;
  /** Timestamp of the record, ISO 8601; null if it has none. */
  readonly time: string | null;
}

/** Bytes as text if they are UTF-8, else as base64. */
export interface ShownBytes {
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

/** A whole entry. */
export interface EntryView extends EntrySummary {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: ShownBytes | null;
  /** The stored beginning of the value. */
  readonly value: ShownBytes | null;
  /** Number of stored bytes. `valueBytes` is the number of bytes in the whole value. */
  readonly keptBytes: number;
  readonly valueBytes: number;
}

export function summaryOf(entry: QuarantineEntry): EntrySummary {
  const {topic, partition, offset, kind, orderId, reason, timestampMs} = entry;
  return {name: entryName(topic, partition, offset), kind, orderId, reason, time: isoTime(timestampMs)};
}

export function viewOf(entry: QuarantineEntry): EntryView {
  const {topic, partition, offset, key, value, valueBytes} = entry;
  const keptBytes = value?.length ?? 0;
  return {
    ...summaryOf(entry),
    topic,
    partition,
    offset: offset.toString(),
    keptBytes,
    valueBytes,
    key: key === null ? null : shownBytes(key, {isCut: false}),
    value: value === null ? null : shownBytes(value, {isCut: keptBytes < valueBytes}),
  };
}

/** The lines that `dlq show` prints. */
export function linesOf(view: EntryView): string[] {
  const {name, kind, orderId, reason, time, key, value, keptBytes, valueBytes} = view;
  const kept =
    keptBytes < valueBytes ? `the first ${keptBytes} of ${valueBytes} bytes` : `${valueBytes} bytes`;
  return [
    `name    ${name}`,
    `kind    ${kind}`,
    `order   ${orderId ?? '(unknown)'}`,
    `reason  ${reason}`,
    `time    ${time ?? '(none)'}`,
    `key     ${key === null ? '(none)' : textOf(key)}`,
    `value   ${value === null ? '(none)' : `${kept}${value.encoding === 'base64' ? ', as base64' : ''}`}`,
    ...(value === null ? [] : textOf(value).split('\n')),
  ];
}

function textOf({encoding, data}: ShownBytes): string {
  return encoding === 'base64' ? data : printable(data);
}

/** `isCut`: the end of the value is missing, so the last character may be incomplete. It is dropped then. */
function shownBytes(bytes: Buffer, {isCut}: {isCut: boolean}): ShownBytes {
  for (let cut = 0; cut <= (isCut ? 3 : 0); cut++) {
    const beginning = bytes.subarray(0, Math.max(0, bytes.length - cut));
    if (isUtf8(beginning)) return {encoding: 'utf8', data: beginning.toString('utf8')};
  }
  return {encoding: 'base64', data: bytes.toString('base64')};
}

function isoTime(timestampMs: string): string | null {
  const time = new Date(Number(timestampMs));
  return Number(timestampMs) < 0 || Number.isNaN(time.getTime()) ? null : time.toISOString();
}
