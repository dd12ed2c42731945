/** Reads the stored positions of a topic. It never writes one, because only the apply script moves a position (I1). */
import type {KeySpace} from './keys.js';

/** The part of the Redis client that reading positions needs (clients/redis/client.ts). */
export interface StringReader {
  /** Returns the string under each key, or null if there is none. The result includes the effects of all scripts sent earlier. */
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
}

export class StoredPositions {
  readonly #redis: StringReader;
  readonly #topic: string;
  readonly #keys: KeySpace;

  constructor(redis: StringReader, topic: string, keys: KeySpace) {
    this.#redis = redis;
    this.#topic = topic;
    this.#keys = keys;
  }

  key(partition: number): string {
    return this.#keys.partition(partition).position(this.#topic, partition);
  }

  /** Returns the key of every partition, in the order of the partition numbers. */
  keys(partitions: number): string[] {
    return Array.from({length: partitions}, (_, partition) => this.key(partition));
  }

  /** Returns the stored text of each partition, or '' if there is none. The text is a position or a fence. */
  async read(partitions: readonly number[]): Promise<string[]> {
    const texts = await this.#redis.getAll(partitions.map((partition) => this.key(partition)));
    return texts.map((text) => text ?? '');
  }
}
