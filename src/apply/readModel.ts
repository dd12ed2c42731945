/**
 * The read model of one topic in Redis, as a worker writes it: patches in, positions out.
 *
 * I1: positions are written by the apply script alone. There is no other write in this class.
 */
import type {RedisClient} from '../clients/redis.js';
import {keysWithPrefix, type Keys} from '../keys.js';
import {
  APPLY_SCRIPT,
  parseReply,
  RIGHTS_SCRIPT,
  scriptArguments,
  type ApplyOutcome,
  type ApplyRequest,
  type ScriptSettings,
} from './script.js';

export class ReadModel {
  readonly #redis: RedisClient;
  readonly #topic: string;
  readonly #settings: ScriptSettings;
  readonly #keys: Keys;

  constructor(redis: RedisClient, topic: string, settings: ScriptSettings) {
    this.#redis = redis;
    this.#topic = topic;
    this.#settings = settings;
    this.#keys = keysWithPrefix(settings.prefix);
  }

  positionKey(partition: number): string {
    return this.#keys.position(this.#topic, partition);
  }

  /** Applies one chunk, or nothing. A rejection leaves open which (I4). */
  async apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome> {
    const args = scriptArguments(request, this.#settings);
    return parseReply(await this.#redis.run(APPLY_SCRIPT, this.positionKey(partition), args));
  }

  /** Rejects with `redis-denied` when a right is missing that the apply script needs (I5). */
  async requireRights(): Promise<void> {
    await this.#redis.run(RIGHTS_SCRIPT, this.positionKey(0), [this.#settings.prefix]);
  }

  /** The stored position text of each partition, '' where there is none. */
  async readPositions(partitions: readonly number[]): Promise<string[]> {
    const texts = await this.#redis.getAll(partitions.map((partition) => this.positionKey(partition)));
    return texts.map((text) => text ?? '');
  }
}
