/**
 * A quarantined record in Redis: one field of the hash `projector:quarantine`.
 *
 * The name of the field is the topic, the partition and the offset of the record (I14). So a replay of the topic quarantines the
 * same record only once (I3), and the content of the hash depends on the topic alone (I7). A Redis stream would assign its own ids.
 *
 * The topic keeps the whole record. The entry contains only the beginning of the value, for operators. It is customer data.
 *
 * Pure: no clock, no I/O.
 */
import {z} from 'zod';
import type {ErrorKind} from '../runtime/errors.js';

export interface QuarantineEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: string;
  /** The policy of this kind is `quarantine` (runtime/errorPolicy.ts). */
  readonly kind: ErrorKind;
  readonly reason: string;
  /** This order is no longer exact. It is null if the worker could not read the order id. */
  readonly orderId: string | null;
  readonly key: Buffer | null;
  /** The entry holds at most the first VALUE_BYTES_MAX bytes of the value. */
  readonly value: Buffer | null;
  /** The whole value in the topic has this many bytes. */
  readonly valueBytes: number;
}

export const VALUE_BYTES_MAX = 4_096;

/** Returns the name of the field: `topic:partition:offset`. */
export function entryName(topic: string, partition: number, offset: bigint): string {
  return `${topic}:${partition}:${offset}`;
}

export interface EntryPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Parses the name of a field. Returns undefined if the text has another form. */
export function parseEntryName(name: string): EntryPlace | undefined {
  const match = /^(.+):(\d{1,9}):(\d{1,19})$/.exec(name);
  const [, topic, partition, offset] = match ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return undefined;
  return {topic, partition: Number(partition), offset: BigInt(offset)};
}

/** Returns the offsets that these names contain for one partition, in ascending order. */
export function offsetsOf(names: readonly string[], topic: string, partition: number): bigint[] {
  return names
    .map(parseEntryName)
    .filter((place) => place?.topic === topic && place.partition === partition)
    .map((place) => place?.offset ?? 0n)
    .sort((a, b) => (a < b ? -1 : 1));
}

/** Returns the text of the field. It is JSON, with bytes as base64. */
export function formatEntry(entry: QuarantineEntry): string {
  const {timestampMs, kind, reason, orderId, key, value, valueBytes} = entry;
  return JSON.stringify({
    timestampMs,
    kind,
    reason,
    orderId,
    key: key?.toString('base64') ?? null,
    value: value?.subarray(0, VALUE_BYTES_MAX).toString('base64') ?? null,
    valueBytes,
  });
}

const bytes = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : Buffer.from(text, 'base64')));
const FORM = z.object({
  timestampMs: z.string(),
  kind: z.string().transform((kind) => kind as ErrorKind),
  reason: z.string(),
  orderId: z.string().nullable(),
  key: bytes,
  value: bytes,
  valueBytes: z.number(),
});

/** Parses an entry. Returns undefined if the name or the text has another form, because then another program wrote it. */
export function parseEntry(name: string, text: string): QuarantineEntry | undefined {
  const place = parseEntryName(name);
  if (place === undefined) return undefined;
  try {
    const form = FORM.safeParse(JSON.parse(text));
    return form.success ? {...place, ...form.data} : undefined;
  } catch {
    return undefined;
  }
}
