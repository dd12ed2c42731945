/**
 * Sets the position of a partition back, so that the workers replay the topic over live data.
 *
 * The workers need no restart: their next script is rejected, and they resume at the earlier position.
 *
 * I1: the apply script moves the position, with a chunk that contains no changes.
 * I6: a position never moves forward, because that would skip records.
 */
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {formatPosition, parsePosition} from '../../redis-model/position.js';

/** The read model (apply/readModel.ts). */
export interface ResetModel {
  positionToResume(partition: number): Promise<string>;
  apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
}

export interface PositionReset {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Attempts for one partition. A worker at full speed moves the position between two attempts, and then the script is
 * rejected.
 */
const TRIES_MAX = 1_000;
const NOTHING = {patches: new Map(), products: new Set<string>(), created: new Set<string>()} as const;

export interface Goals {
  /** Partition to next offset. */
  readonly offsets: ReadonlyMap<number, bigint>;
  /**
   * True: a partition whose position is at or before its goal keeps its position. False: a goal after the position is an
   * error.
   */
  readonly mayStay: boolean;
}

/**
 * Plans the reset without a write: for each partition the present offset and the new one. Throws `usage` if the position
 * cannot be set to a goal.
 */
export async function planReset(
  model: ResetModel,
  {offsets, mayStay}: Goals,
  ranges: ReadonlyMap<number, LogRange>,
): Promise<PositionReset[]> {
  const plan: PositionReset[] = [];
  for (const [partition, to] of offsets) {
    const range = ranges.get(partition);
    if (range === undefined) throw new ProjectorError('usage', `the topic has no partition ${partition}`);
    const from = parsePosition(await model.positionToResume(partition))?.nextOffset ?? range.low;
    if (mayStay && to >= from) continue;
    requirePlace({partition, from, to}, range);
    plan.push({partition, from, to});
  }
  return plan;
}

function requirePlace({partition, from, to}: PositionReset, {low}: LogRange): void {
  if (to < low) {
    throw new ProjectorError(
      'usage',
      `partition ${partition}: the topic begins at offset ${low}, so a reset to ${to} is not possible`,
    );
  }
  if (to <= from) return;
  throw new ProjectorError(
    'usage',
    `partition ${partition} is at offset ${from}, and a reset to ${to} would skip records; to start from MySQL, use \`projector sync --replace\``,
  );
}

/**
 * Sets one partition back and resolves with the offset that it had. Throws `usage` if the position is before the goal now,
 * because it may have changed since the plan.
 */
export async function resetPosition(model: ResetModel, {partition, to}: PositionReset): Promise<bigint> {
  const next = formatPosition({nextOffset: to, last: null});
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    // The reply to a rejected script can contain a fence, and only its owner may replace a fence (I15). `positionToResume` never
    // returns a fence.
    const stored = await model.positionToResume(partition);
    const from = parsePosition(stored)?.nextOffset;
    if (from === undefined || from < to) {
      throw new ProjectorError(
        'usage',
        `partition ${partition} now ${from === undefined ? 'has no position' : `is at offset ${from}`}, so it cannot be reset to ${to}`,
      );
    }
    if (stored === next) return from;
    const {kind} = await model.apply(partition, {expected: stored, next, reduction: NOTHING});
    if (kind === 'applied') return from;
  }
  throw new ProjectorError(
    'rebuild-refused',
    `the position of partition ${partition} changed before each of ${TRIES_MAX} attempts; stop the workers, or try again`,
  );
}
