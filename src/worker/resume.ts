/**
 * Decides where a partition resumes, from the stored position and the range of offsets in the topic.
 *
 * I6: no record is skipped. If the position is outside the range, the worker halts and names the missing offsets.
 * I10: the topic must be the one from which the read model was built. The worker fetches the last applied record again and compares it.
 *
 * Pure: no clock, no I/O.
 */
import {ProjectorError} from '../runtime/errors.js';
import type {LogRange, LogRecord, Unavailable} from '../clients/kafka/eventLog.js';
import {parseFence} from '../redis-model/fence.js';
import {
  fingerprintOf,
  NO_POSITION,
  parsePosition,
  sameFingerprint,
  type Fingerprint,
} from '../redis-model/position.js';
import {counted} from '../runtime/counted.js';

export interface Start {
  readonly fromOffset: bigint;
  /** The applied record that must be at `fromOffset`; null if the first record is a new one. */
  readonly expectFirst: Fingerprint | null;
}

export interface StoredPosition {
  /** Position text, '' if none is stored. */
  readonly text: string;
  /** The key of the position, for messages. */
  readonly key: string;
}

/** Throws a halting ProjectorError if the topic does not continue at the stored position. */
export function decideStart(stored: StoredPosition, range: LogRange | undefined, where: string): Start {
  if (range === undefined) {
    throw new ProjectorError(
      'topic-replaced',
      `${where} is assigned to this worker, but the topic has no such partition`,
    );
  }
  const {low, high} = range;
  if (stored.text === NO_POSITION) {
    if (low > 0n) {
      throw new ProjectorError(
        'position-missing',
        `${where}: Redis holds no position (${stored.key}), and the topic no longer has offsets 0 to ${low - 1n}`,
      );
    }
    return {fromOffset: 0n, expectFirst: null};
  }
  const position = parsePosition(stored.text);
  if (parseFence(stored.text) !== undefined) {
    throw new ProjectorError(
      'cutover-in-progress',
      `${where}: a cutover or a repair is in progress: a fence replaces the position`,
    );
  }
  if (position === undefined) {
    throw new ProjectorError(
      'position-unreadable',
      `${where}: the value of ${stored.key} is not a position that this program wrote`,
    );
  }
  const {nextOffset, last} = position;
  if (nextOffset < low) {
    throw new ProjectorError(
      'topic-start-lost',
      `${where}: offsets ${nextOffset} to ${low - 1n} were deleted from the topic before they were applied`,
    );
  }
  if (nextOffset > high) {
    throw new ProjectorError(
      'topic-replaced',
      `${where}: the stored position is offset ${nextOffset}, but the partition ends at offset ${high}`,
    );
  }
  // If the last applied record is the one just before the range, no record is missing. It cannot be compared, because Kafka
  // has removed it.
  if (last === null || last.offset < low) return {fromOffset: nextOffset, expectFirst: null};
  return {fromOffset: last.offset, expectFirst: last};
}

/** The range of the partition. Throws `partition-unavailable` if it cannot be read now. `stored` is the text of the position. */
export function requireAvailable(
  range: LogRange | Unavailable | undefined,
  stored: string,
  where: string,
): LogRange | undefined {
  if (range === undefined || !('reason' in range)) return range;
  const {nextOffset = 0n} = parsePosition(stored) ?? {};
  throw new ProjectorError('partition-unavailable', `${where} offset ${nextOffset}: ${range.reason}`);
}

/** Throws if the number of partitions differs from the one for which the read model was laid out (S2). */
export function requireSamePartitions(expected: number, found: number, topic: string): void {
  if (found === expected) return;
  throw new ProjectorError(
    'partitions-changed',
    `topic ${topic} has ${counted(found, 'partition')}, but the read model was built for ${expected}`,
  );
}

/** Throws if the topic holds another record at the offset of the last applied one (I10). */
export function requireSameRecord(expected: Fingerprint, first: LogRecord, where: string): void {
  if (sameFingerprint(expected, fingerprintOf(first))) return;
  throw new ProjectorError(
    'topic-replaced',
    `${where}: the record at offset ${expected.offset} is not the record that was applied (the fetched record has offset ${first.offset})`,
  );
}
