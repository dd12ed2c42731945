/**
 * Where a partition starts, decided from the stored position and the range of the log.
 *
 * I6: nothing is skipped: a position outside the log halts, naming what is missing.
 * I10: the log must be the one that the read model was built from; the last applied record is fetched again and compared.
 *
 * Pure: no clock, no I/O.
 */
import {ProjectorError} from '../runtime/errors.js';
import type {LogRange, LogRecord} from '../clients/kafka/eventLog.js';
import {parseFence} from '../redis-model/fence.js';
import {
  fingerprintOf,
  NO_POSITION,
  parsePosition,
  sameFingerprint,
  type Fingerprint,
} from '../redis-model/position.js';

export interface Start {
  readonly fromOffset: bigint;
  /** The record that must stand at `fromOffset`, already applied; null when the first record is a new one. */
  readonly expectFirst: Fingerprint | null;
}

export interface StoredPosition {
  /** Position text, '' when none is stored. */
  readonly text: string;
  /** The key that holds it, for messages. */
  readonly key: string;
}

/** Throws a halting ProjectorError when the log does not go on where Redis stands. */
export function decideStart(stored: StoredPosition, range: LogRange | undefined, where: string): Start {
  if (range === undefined) {
    throw new ProjectorError('log-replaced', `${where} is assigned to this worker but not part of the topic`);
  }
  const {low, high} = range;
  if (stored.text === NO_POSITION) {
    if (low > 0n) {
      throw new ProjectorError(
        'position-missing',
        `${where}: Redis holds no position (${stored.key}) and offsets 0 to ${low - 1n} are gone`,
      );
    }
    return {fromOffset: 0n, expectFirst: null};
  }
  const position = parsePosition(stored.text);
  if (parseFence(stored.text) !== undefined) {
    throw new ProjectorError('rebuild-switching', `${where}: a rebuild is about to switch Redis over`);
  }
  if (position === undefined) {
    throw new ProjectorError(
      'position-unreadable',
      `${where}: the position under ${stored.key} is not in form v1`,
    );
  }
  const {nextOffset, last} = position;
  if (nextOffset < low) {
    throw new ProjectorError(
      'log-start-lost',
      `${where}: offsets ${nextOffset} to ${low - 1n} are gone before they were applied`,
    );
  }
  if (nextOffset > high) {
    throw new ProjectorError(
      'log-replaced',
      `${where}: Redis stands at offset ${nextOffset}, but the log ends at ${high}`,
    );
  }
  // Just before the start of the log there is nothing to compare with, and nothing missing either.
  if (last === null || last.offset < low) return {fromOffset: nextOffset, expectFirst: null};
  return {fromOffset: last.offset, expectFirst: last};
}

/** Throws when the topic has more or fewer partitions than the read model was laid out for (S2). */
export function requireSamePartitions(expected: number, found: number, topic: string): void {
  if (found === expected) return;
  throw new ProjectorError('partitions-changed', `${topic} had ${expected} partitions and now has ${found}`);
}

/** Throws when the log holds another record where the last applied one was. */
export function requireSameLog(expected: Fingerprint, first: LogRecord, where: string): void {
  if (sameFingerprint(expected, fingerprintOf(first))) return;
  throw new ProjectorError(
    'log-replaced',
    `${where}: the record at offset ${expected.offset} is not the one that was applied (found offset ${first.offset})`,
  );
}
