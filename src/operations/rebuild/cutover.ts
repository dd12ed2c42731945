/**
 * Cutover, the last step of a rebuild: one atomic step gives readers the staging database instead of the live one (I15).
 *
 * 1. The cutover sets a fence in place of every live position. Now the live workers apply nothing.
 * 2. It waits until the staging database has reached the positions that the fences keep.
 * 3. One script swaps the two databases.
 *
 * The fences stop the live database at fixed positions. So the staging database, which follows the topic, can reach them. If
 * step 2 takes longer than TRY_MS, the cutover removes the fences and the rebuild tries again later. If this process dies,
 * its fences expire after FENCE_MS at most, and the live workers resume.
 */
import {Fences, type FenceHost, type FencePlan} from '../../apply/fences.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {parsePosition} from '../../redis-model/position.js';
import {SWAP_SCRIPT} from './scripts.js';

export interface CutoverPlan extends FencePlan {
  readonly liveDatabase: number;
  readonly stagingDatabase: number;
  readonly markKey: string;
  readonly mark: string;
  /** Mark that the swap sets on the old content. */
  readonly discardMark: string;
  /** Reads the first and the next offset of every partition of the topic. */
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
}

/** Lifetime of a fence: if this process dies, the live workers wait no longer than this. */
const FENCE_MS = 10_000;
/** Longest duration of one attempt. It is shorter than FENCE_MS, so that the fences do not expire during an attempt. */
const TRY_MS = 4_000;
const ASK_AGAIN_MS = 5;

export class Cutover {
  readonly #redis: FenceHost;
  readonly #plan: CutoverPlan;
  readonly #clock: Clock;
  readonly #fences: Fences;

  /** `redis` has selected the live database. */
  constructor(redis: FenceHost, plan: CutoverPlan, clock: Clock) {
    this.#redis = redis;
    this.#plan = plan;
    this.#clock = clock;
    this.#fences = new Fences(redis, plan);
  }

  /**
   * Resolves with true after the swap. Resolves with false if the staging database did not reach the goals in time, or if a
   * fence was lost.
   */
  async try(): Promise<boolean> {
    const lastMs = this.#clock.nowMs() + TRY_MS;
    try {
      const goals = goalsOf(await this.#fences.set(FENCE_MS), await this.#plan.ranges());
      do {
        const [kind, detail] = await this.#swap(goals);
        if (kind === 'swapped') return true;
        if (kind === 'lost') {
          throw new ProjectorError(
            'rebuild-lost',
            detail === ''
              ? 'the rebuild lock, or the mark of the staging database, no longer exists'
              : `another run holds the rebuild lock or the staging database (${detail})`,
          );
        }
        if (kind === 'unfenced') return false;
        await this.#clock.sleep(ASK_AGAIN_MS);
      } while (this.#clock.nowMs() < lastMs);
      return false;
    } finally {
      await this.#fences.giveUp();
    }
  }

  async #swap(goals: readonly bigint[]): Promise<[kind: string, detail: string]> {
    const {
      lockKey,
      lockText,
      holder,
      liveDatabase,
      stagingDatabase,
      markKey,
      mark,
      discardMark,
      positionKeys,
    } = this.#plan;
    const databases = [String(liveDatabase), String(stagingDatabase)];
    const places = positionKeys.flatMap((key, partition) => [key, String(goals[partition] ?? 0n)]);
    const args = [lockText, holder, ...databases, markKey, mark, discardMark, ...places];
    const [kind = '', detail = ''] = (await this.#redis.run(SWAP_SCRIPT, lockKey, args)) as string[];
    return [kind, detail];
  }
}

/**
 * The offsets that the new read model must reach. These are the live positions, which cannot move while the fences stand.
 * A position beyond the end of its partition belongs to another topic, and no worker can reach it. So the goal is the end.
 */
export function goalsOf(
  positions: readonly string[],
  ranges: ReadonlyMap<number, {readonly high: bigint}>,
): bigint[] {
  return positions.map((text, partition) => {
    const next = parsePosition(text)?.nextOffset ?? 0n;
    const end = ranges.get(partition)?.high ?? 0n;
    return next > end ? end : next;
  });
}
