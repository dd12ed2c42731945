/**
 * The position of a partition taken back, so that workers replay the log over living data. They go there by themselves.
 *
 * I1: by the apply script, as a chunk without changes. I6: never forward, since that would skip records.
 */
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {formatPosition, parsePosition} from '../../redis-model/position.js';

/** The read model (apply/readModel.ts). */
export interface RewindModel {
  anchor(partition: number): Promise<string>;
  apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
}

export interface Rewound {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** A worker at full speed moves the position on between two tries. */
const TRIES_MAX = 1_000;
const NOTHING = {patches: new Map(), products: new Set<string>(), created: new Set<string>()} as const;

export interface Goals {
  /** Partition -> next offset. */
  readonly offsets: ReadonlyMap<number, bigint>;
  /** True: a partition that is not yet there stays where it is. False: it is refused. */
  readonly mayStay: boolean;
}

/** What would be done: where each partition stands, and where it goes. Throws `usage` for a place that it cannot go to. */
export async function planRewind(
  model: RewindModel,
  {offsets, mayStay}: Goals,
  ranges: ReadonlyMap<number, LogRange>,
): Promise<Rewound[]> {
  const plan: Rewound[] = [];
  for (const [partition, to] of offsets) {
    const range = ranges.get(partition);
    if (range === undefined) throw new ProjectorError('usage', `the topic has no partition ${partition}`);
    const from = parsePosition(await model.anchor(partition))?.nextOffset ?? range.low;
    if (mayStay && to >= from) continue;
    requirePlace({partition, from, to}, range);
    plan.push({partition, from, to});
  }
  return plan;
}

function requirePlace({partition, from, to}: Rewound, {low}: LogRange): void {
  if (to < low) {
    throw new ProjectorError('usage', `partition ${partition}: the log begins at offset ${low}, after ${to}`);
  }
  if (to <= from) return;
  throw new ProjectorError(
    'usage',
    `partition ${partition} stands at offset ${from}: going on to ${to} would skip records; to start from MySQL use \`projector sync --replace\``,
  );
}

/**
 * Takes one partition back; resolves with the position that it had. Throws `usage` when it is no longer ahead of that place: much
 * may have happened since the plan.
 */
export async function rewind(model: RewindModel, {partition, to}: Rewound): Promise<bigint> {
  const next = formatPosition({nextOffset: to, last: null});
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    // Not what a refusal tells: that may be a fence, which nobody may replace (I15).
    const stored = await model.anchor(partition);
    const from = parsePosition(stored)?.nextOffset;
    if (from === undefined || from < to) {
      throw new ProjectorError(
        'usage',
        `partition ${partition} stands at ${from === undefined ? 'no offset' : `offset ${from}`} by now, not behind ${to}`,
      );
    }
    if (stored === next) return from;
    const {kind} = await model.apply(partition, {expected: stored, next, reduction: NOTHING});
    if (kind === 'applied') return from;
  }
  throw new ProjectorError(
    'rebuild-refused',
    `partition ${partition} moved on ${TRIES_MAX} times before the script; stop the workers for it, or try again`,
  );
}
