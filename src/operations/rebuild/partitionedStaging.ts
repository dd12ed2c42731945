/**
 * The read model that a run builds in the layout `partitioned`, where there is no staging database. Its keys have `staging:` after the prefix of
 * their partition, so they are in the slots of the live keys, and no reader knows them.
 *
 * Each partition has a mark of its own (stagingDatabase.ts). Every script that writes to a slot compares the mark there (C4). If the marks
 * differ, a run has ended in between, and its content cannot be resumed.
 */
import {DISCARD_SCRIPT} from '../../apply/discard.js';
import type {Script} from '../../clients/redis/client.js';
import {isOwnKey, stagingSpace, type KeySpace} from '../../redis-model/keys.js';
import {ProjectorError} from '../../runtime/errors.js';
import {EXCHANGE_SCRIPT} from './scripts.js';
import {contentOf, type Mark, type Staging} from './stagingDatabase.js';

/** The part of the Redis client that this file needs (clients/redis/client.ts). */
export interface StagingHost {
  readonly address: string;
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
  keysMatching(match: string, count: number): AsyncIterable<readonly string[]>;
}

const KEYS_PAGE = 1_000;

export class PartitionedStaging implements Staging {
  readonly #redis: StagingHost;
  readonly #keys: KeySpace;
  readonly #partitions: readonly number[];

  constructor(redis: StagingHost, prefix: string, partitions: number) {
    this.#redis = redis;
    this.#keys = stagingSpace(prefix);
    this.#partitions = Array.from({length: partitions}, (_, partition) => partition);
  }

  /** Foreign keys stay where they are, because the cutover moves only keys that the worker writes. */
  async requireNoForeignKeys(): Promise<void> {
    await Promise.resolve();
  }

  /** Only runs write under these prefixes, so their content may always be removed. */
  async requireUsable(): Promise<void> {
    await Promise.resolve();
  }

  /** If the marks of the partitions differ: that of a cutover if there is one, else one of content that is to be removed. */
  async mark(): Promise<string> {
    const marks = await this.#marks(this.#partitions);
    const [first = ''] = marks;
    if (marks.every((mark) => mark === first)) return first;
    return marks.find((mark) => mark.startsWith('adopting ')) ?? 'discard mixed';
  }

  /** Removes the content under any mark. */
  async prepare(mark: Mark, id: string): Promise<void> {
    await this.discard('', `discard ${id}`);
    await this.exchange('', mark);
  }

  async exchange(expected: Mark | '', next: Mark | ''): Promise<void> {
    for (const partition of this.#partitions) await this.#exchange(partition, expected, next);
  }

  /** `found` is not needed, because the partitions can have different marks. The topic can have had more partitions when a run built them. */
  async discard(_: string, mark: Mark): Promise<number> {
    const taken = new Set<number>();
    let removed = 0;
    const take = async (partition: number): Promise<void> => {
      taken.add(partition);
      const [stored = ''] = await this.#marks([partition]);
      await this.#exchange(partition, stored as Mark | '', mark);
      // The layout is removed first, so that the scripts of a late worker reject its chunks (stagingDatabase.ts).
      removed += await this.#remove(partition, mark, [this.#keys.partition(partition).layout]);
    };
    for (const partition of this.#partitions) await take(partition);
    for await (const page of this.#redis.keysMatching(this.#keys.all, KEYS_PAGE)) {
      for (const [partition, keys] of this.#ownKeys(page)) {
        if (!taken.has(partition)) await take(partition);
        removed += await this.#remove(partition, mark, keys);
      }
    }
    for (const partition of taken) await this.#exchange(partition, mark, '');
    return removed;
  }

  #ownKeys(page: readonly string[]): Map<number, string[]> {
    const parts = new Map<number, string[]>();
    for (const key of page) {
      const {partition, prefix} = this.#keys.placeOf(key) ?? {};
      if (partition === undefined || prefix === undefined || !isOwnKey(key, prefix)) continue;
      const keys = parts.get(partition) ?? [];
      parts.set(partition, keys);
      if (key !== this.#keys.partition(partition).stagingMark) keys.push(key);
    }
    return parts;
  }

  async #remove(partition: number, mark: Mark, keys: readonly string[]): Promise<number> {
    if (keys.length === 0) return 0;
    const {stagingMark} = this.#keys.partition(partition);
    const removed = Number(await this.#redis.run(DISCARD_SCRIPT, stagingMark, [mark, ...keys]));
    if (removed < 0) throw new ProjectorError('rebuild-lost', `${stagingMark} is in use by another run`);
    return removed;
  }

  async #marks(partitions: readonly number[]): Promise<string[]> {
    const keys = partitions.map((partition) => this.#keys.partition(partition).stagingMark);
    return (await this.#redis.getAll(keys)).map((text) => text ?? '');
  }

  async #exchange(partition: number, expected: Mark | '', next: Mark | ''): Promise<void> {
    const {stagingMark} = this.#keys.partition(partition);
    const stored = String(await this.#redis.run(EXCHANGE_SCRIPT, stagingMark, [expected, next]));
    if (stored === next) return;
    throw new ProjectorError(
      'rebuild-lost',
      `the staging keys of partition ${partition} are in use by another run (it ${contentOf(stored)})`,
    );
  }
}
