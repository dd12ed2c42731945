/**
 * The last step: readers go over from the live database to the spare one, in one instant and never backwards (I15).
 *
 *   fence every live position -> wait until the spare has reached what they stand for -> swap, in one script
 *
 * The fence bounds how far the live database can be, so that the spare, which follows the log, gets there. Where that takes
 * too long, the fence is taken away and it is tried again later. Whoever dies here leaves a fence whose time runs out.
 */
import {Fences, type FenceHost, type FencePlan} from '../../apply/fences.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {parsePosition} from '../../redis-model/position.js';
import {SWAP_SCRIPT} from './scripts.js';

export interface HandoverPlan extends FencePlan {
  readonly liveDatabase: number;
  readonly spareDatabase: number;
  readonly markKey: string;
  readonly mark: string;
  /** Mark of the old content. */
  readonly discardMark: string;
  /** The range of every partition of the topic. */
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
}

/** How long workers wait at most, were this process to die now. */
const FENCE_MS = 10_000;
/** A try that takes longer is given up. */
const TRY_MS = 4_000;
const ASK_AGAIN_MS = 5;

export class Handover {
  readonly #redis: FenceHost;
  readonly #plan: HandoverPlan;
  readonly #clock: Clock;
  readonly #fences: Fences;

  /** `redis` has selected the live database. */
  constructor(redis: FenceHost, plan: HandoverPlan, clock: Clock) {
    this.#redis = redis;
    this.#plan = plan;
    this.#clock = clock;
    this.#fences = new Fences(redis, plan);
  }

  /** True when readers see the new content; false when the spare did not get there in time. */
  async try(): Promise<boolean> {
    const lastMs = this.#clock.nowMs() + TRY_MS;
    try {
      const goals = await this.#goals(await this.#fences.set(FENCE_MS));
      do {
        const [kind, detail] = await this.#swap(goals);
        if (kind === 'swapped') return true;
        if (kind === 'lost') throw new ProjectorError('rebuild-lost', `another one has begun (${detail})`);
        if (kind === 'unfenced') return false;
        await this.#clock.sleep(ASK_AGAIN_MS);
      } while (this.#clock.nowMs() < lastMs);
      return false;
    } finally {
      await this.#fences.giveUp();
    }
  }

  /**
   * Where the spare must be: at the live positions, which stand still now. A position beyond the end of the log is of another
   * log, and nobody will ever get there.
   */
  async #goals(positions: readonly string[]): Promise<bigint[]> {
    const ranges = await this.#plan.ranges();
    return positions.map((text, partition) => {
      const next = parsePosition(text)?.nextOffset ?? 0n;
      const end = ranges.get(partition)?.high ?? 0n;
      return next > end ? end : next;
    });
  }

  async #swap(goals: readonly bigint[]): Promise<[kind: string, detail: string]> {
    const {lockKey, lockText, holder, liveDatabase, spareDatabase, markKey, mark, discardMark, positionKeys} =
      this.#plan;
    const databases = [String(liveDatabase), String(spareDatabase)];
    const places = positionKeys.flatMap((key, partition) => [key, String(goals[partition] ?? 0n)]);
    const args = [lockText, holder, ...databases, markKey, mark, discardMark, ...places];
    const [kind = '', detail = ''] = (await this.#redis.run(SWAP_SCRIPT, lockKey, args)) as string[];
    return [kind, detail];
  }
}
