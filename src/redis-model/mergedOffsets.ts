/** Reads up to which offsets counters and reports contain the partitions. Only in the layout `partitioned` (apply/merge.lua). */
import {formatPosition} from './position.js';

export class MergedOffsets {
  readonly #redis: {hash(key: string): Promise<Readonly<Record<string, string>>>};
  readonly #key: string;

  constructor(redis: {hash(key: string): Promise<Readonly<Record<string, string>>>}, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  /** The offset of each partition as the text of a position, or '' if nothing was merged. */
  async read(partitions: readonly number[]): Promise<string[]> {
    const merged = await this.#redis.hash(this.#key);
    return partitions.map((partition) => {
      const offset = /^\d+/.exec(merged[partition] ?? '')?.[0];
      return offset === undefined ? '' : formatPosition({nextOffset: BigInt(offset), last: null});
    });
  }
}
