/** The stored positions of a topic, for whoever only reads them (I1: the apply script alone writes them). */
import {keysWithPrefix, type Keys} from './keys.js';

/** Redis, as far as positions need it (clients/redis/client.ts). */
export interface StringReader {
  /** The strings under these keys, null where there is none; after the effects of scripts that were sent before. */
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
}

export class StoredPositions {
  readonly #redis: StringReader;
  readonly #topic: string;
  readonly #keys: Keys;

  constructor(redis: StringReader, topic: string, prefix: string) {
    this.#redis = redis;
    this.#topic = topic;
    this.#keys = keysWithPrefix(prefix);
  }

  key(partition: number): string {
    return this.#keys.position(this.#topic, partition);
  }

  /** Of every partition, by number. */
  keys(partitions: number): string[] {
    return Array.from({length: partitions}, (_, partition) => this.key(partition));
  }

  /** The stored position text of each partition, '' where there is none. */
  async read(partitions: readonly number[]): Promise<string[]> {
    const texts = await this.#redis.getAll(partitions.map((partition) => this.key(partition)));
    return texts.map((text) => text ?? '');
  }
}
