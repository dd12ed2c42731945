/**
 * A record that was set aside, as it stands in Redis: one field of the hash `projector:quarantine`.
 *
 * The field's name is the record's place in the log, so that a replay of the log sets the same record aside once (I3), and
 * what is in the hash is a function of the log (I7). A Redis stream would give it ids of its own.
 *
 * The log keeps the whole record; the entry holds its beginning, for whoever looks. It is customer data.
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
  /** A kind whose policy is `quarantine`. */
  readonly kind: ErrorKind;
  readonly reason: string;
  /** The order that is no longer exact; null when not even that could be read. */
  readonly orderId: string | null;
  readonly key: Buffer | null;
  /** At most VALUE_BYTES_MAX of the value. */
  readonly value: Buffer | null;
  /** Of the whole value. */
  readonly valueBytes: number;
}

export const VALUE_BYTES_MAX = 4_096;

/** `topic:partition:offset`. */
export function entryName(topic: string, partition: number, offset: bigint): string {
  return `${topic}:${partition}:${offset}`;
}

export interface EntryPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Reads a name; undefined when it is none. */
export function parseEntryName(name: string): EntryPlace | undefined {
  const match = /^(.+):(\d{1,9}):(\d{1,19})$/.exec(name);
  const [, topic, partition, offset] = match ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return undefined;
  return {topic, partition: Number(partition), offset: BigInt(offset)};
}

/** The offsets of one partition among these names, in order. */
export function offsetsOf(names: readonly string[], topic: string, partition: number): bigint[] {
  return names
    .map(parseEntryName)
    .filter((place) => place?.topic === topic && place.partition === partition)
    .map((place) => place?.offset ?? 0n)
    .sort((a, b) => (a < b ? -1 : 1));
}

/** The text under the name: JSON, bytes as base64. */
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

/** Reads an entry; undefined when something else wrote it. */
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
