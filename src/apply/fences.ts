/**
 * Fences in place of all positions of a read model (I15): while they are there, no worker applies anything.
 *
 * Every fence expires. So if the process that set the fences dies, the workers resume after the fences have expired (L9).
 */
import type {Script} from '../clients/redis/client.js';
import {ProjectorError} from '../runtime/errors.js';
import {parseFence} from '../redis-model/fence.js';
import {FENCE_SCRIPT, RELEASE_SCRIPT} from './script.js';

/** The part of the Redis client that fences need (clients/redis/client.ts). */
export interface FenceHost {
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

export interface FencePlan {
  /** The process that sets fences must hold this lock (operations/rebuild/lock.ts). */
  readonly lockKey: string;
  readonly lockText: string;
  /** Identifies the fences of this process. It must not contain blanks. */
  readonly holder: string;
  /** Keys of the positions of all partitions. */
  readonly positionKeys: readonly string[];
  /**
   * True in the layout `partitioned`: a script can access one of these keys only, and not the lock. Then `set` rejects as well while a fence of
   * another process stands.
   */
  readonly isPartitioned?: boolean;
}

export class Fences {
  readonly #redis: FenceHost;
  readonly #plan: FencePlan;

  constructor(redis: FenceHost, plan: FencePlan) {
    this.#redis = redis;
    this.#plan = plan;
  }

  /**
   * Sets all fences again; they expire after `forMs`. Resolves with the position text that each fence replaces. Rejects with
   * `rebuild-lost` if this process does not hold the lock.
   */
  async set(forMs: number): Promise<string[]> {
    const {lockKey, lockText, holder, positionKeys, isPartitioned = false} = this.#plan;
    if (isPartitioned)
      return await Promise.all(positionKeys.map(async (key) => await this.#setOne(key, forMs)));
    const args = [lockText, holder, String(forMs), ...positionKeys];
    const [kind, ...texts] = (await this.#redis.run(FENCE_SCRIPT, lockKey, args)) as string[];
    if (kind === 'fenced') return texts;
    const [holding = ''] = texts;
    throw new ProjectorError(
      'rebuild-lost',
      holding === ''
        ? `the lock ${lockKey} of this run no longer exists`
        : `another run holds the lock ${lockKey} (${holding})`,
    );
  }

  async #setOne(key: string, forMs: number): Promise<string> {
    const args = ['', this.#plan.holder, String(forMs), key];
    const [kind, text = ''] = (await this.#redis.run(FENCE_SCRIPT, key, args)) as string[];
    if (kind === 'fenced') return text;
    throw new ProjectorError('rebuild-lost', `another run has set a fence (${key}: ${text})`);
  }

  /** The text of this process's fence for partition 0. Throws `rebuild-lost` if another text is stored there, or none. */
  async first(): Promise<string> {
    const {holder, positionKeys} = this.#plan;
    const [text] = await this.#redis.getAll(positionKeys.slice(0, 1));
    if (text !== null && text !== undefined && parseFence(text)?.holder === holder) return text;
    throw new ProjectorError(
      'rebuild-lost',
      'the fences of this run expired or were removed before its work was finished',
    );
  }

  /** Removes the fences of this process that are still stored. If a removal fails, the fences expire. */
  async giveUp(): Promise<void> {
    const {holder, positionKeys, isPartitioned = false} = this.#plan;
    try {
      const texts = await this.#redis.getAll(positionKeys);
      for (const [index, text] of texts.entries()) {
        if (text === null || parseFence(text)?.holder !== holder) continue;
        const key = positionKeys[index] ?? '';
        const first = isPartitioned ? key : (positionKeys[0] ?? '');
        await this.#redis.run(RELEASE_SCRIPT, key, [text, holder, first]);
      }
    } catch {
      // The caller reports the error that led here. This one would add nothing, because the fences expire.
    }
  }
}
