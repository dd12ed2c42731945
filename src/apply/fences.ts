/**
 * Fences in the place of all positions of a read model (I15): while they stand nothing is applied, by whoever it may be. They
 * have an end, so whoever dies while they stand holds nobody up for long.
 */
import type {Script} from '../clients/redis/client.js';
import {ProjectorError} from '../runtime/errors.js';
import {parseFence} from '../redis-model/fence.js';
import {FENCE_SCRIPT, RELEASE_SCRIPT} from './script.js';

/** Redis (clients/redis/client.ts). */
export interface FenceHost {
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

export interface FencePlan {
  /** Whoever sets fences holds this lock (operations/rebuild/lock.ts). */
  readonly lockKey: string;
  readonly lockText: string;
  /** Names the fences. Without blanks. */
  readonly holder: string;
  /** Key of the position of each partition. */
  readonly positionKeys: readonly string[];
}

export class Fences {
  readonly #redis: FenceHost;
  readonly #plan: FencePlan;

  constructor(redis: FenceHost, plan: FencePlan) {
    this.#redis = redis;
    this.#plan = plan;
  }

  /**
   * Sets them anew, for so long. Resolves with the position text behind each; rejects with `rebuild-lost` when the lock is
   * somebody else's.
   */
  async set(forMs: number): Promise<string[]> {
    const {lockKey, lockText, holder, positionKeys} = this.#plan;
    const args = [lockText, holder, String(forMs), ...positionKeys];
    const [kind, ...texts] = (await this.#redis.run(FENCE_SCRIPT, lockKey, args)) as string[];
    if (kind === 'fenced') return texts;
    throw new ProjectorError('rebuild-lost', `another one has begun (${texts[0] ?? ''})`);
  }

  /** The text of ours before partition 0; throws `rebuild-lost` when another one stands there, or none. */
  async first(): Promise<string> {
    const {holder, positionKeys} = this.#plan;
    const [text] = await this.#redis.getAll(positionKeys.slice(0, 1));
    if (text !== null && text !== undefined && parseFence(text)?.holder === holder) return text;
    throw new ProjectorError('rebuild-lost', 'the fences went before the work behind them was done');
  }

  /** Takes ours away, where they still stand. Where that fails, their time will be over. */
  async giveUp(): Promise<void> {
    const {holder, positionKeys} = this.#plan;
    try {
      const texts = await this.#redis.getAll(positionKeys);
      for (const [index, text] of texts.entries()) {
        if (text === null || parseFence(text)?.holder !== holder) continue;
        await this.#redis.run(RELEASE_SCRIPT, positionKeys[index] ?? '', [
          text,
          holder,
          positionKeys[0] ?? '',
        ]);
      }
    } catch {
      // The error that led here says more.
    }
  }
}
