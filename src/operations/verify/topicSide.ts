/**
 * The expected side from the topic: what Redis should contain according to a replay.
 *
 * A worker replays the topic into the staging database (operations/rebuild/reference.ts). This class reads its result there.
 */
import type {Keys} from '../../redis-model/keys.js';
import type {Expected, ExpectedOrders, OrderPage, SumKind, Sums, Totals} from './expected.js';
import type {RedisHost} from './sides.js';
import {wholeScore} from '../../redis-model/scores.js';
import {totalsIn} from './sums.js';

export class TopicSide implements Expected {
  readonly name = 'topic';
  readonly #redis: RedisHost;
  readonly #keys: Keys;

  constructor(redis: RedisHost, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  canBe(): boolean {
    return true;
  }

  async *orderPages({again}: {again: () => void}): AsyncGenerator<OrderPage> {
    for await (const page of this.#redis.keys(again)) {
      const ids = page.flatMap((key) => this.#keys.orderIdOf(key) ?? []);
      // If the order exists, its own key already adds it. So line items add only orders that have no hash.
      const itemIds = page.flatMap((key) => this.#keys.orderIdOfLines(key) ?? []);
      const orders = await this.orders([
        ...ids,
        ...(await this.#absent(itemIds, (id) => this.#keys.order(id))),
      ]);
      yield {orders, rows: page.length, next: null};
    }
  }

  async orders(ids: readonly string[]): Promise<ExpectedOrders> {
    const hashes = await this.#redis.hashes(ids.map((id) => this.#keys.order(id)));
    const texts = await this.#redis.texts(ids.map((id) => this.#keys.orderLines(id)));
    return new Map(
      ids.map((id, index) => [id, {order: hashes[index] ?? {}, items: texts[index] ?? '', fault: undefined}]),
    );
  }

  async knownOrders(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const without = await this.#absent(ids, (id) => this.#keys.order(id));
    const unknown = new Set(await this.#absent(without, (id) => this.#keys.orderLines(id)));
    return new Set(ids.filter((id) => !unknown.has(id)));
  }

  async *sumPages(kind: SumKind, again?: () => void): AsyncGenerator<Sums> {
    const key = kind === 'product' ? this.#keys.reportProducts : this.#keys.reportUsers;
    for await (const ids of this.#redis.members(key, again)) yield await this.sums(kind, ids);
  }

  async sums(kind: SumKind, ids: readonly string[]): Promise<Sums> {
    // Product sums come from the counters, because a counter is exact at any size and a score is not. Users have only a score.
    const sums =
      kind === 'product'
        ? await this.#redis.getAll(ids.map((id) => this.#keys.productSold(id)))
        : (await this.#redis.scores(this.#keys.reportUsers, ids)).map((score) =>
            score === null ? null : (wholeScore(score) ?? score),
          );
    return new Map(ids.map((id, index) => [id, sums[index] ?? '0']));
  }

  async totals(): Promise<Totals> {
    return totalsIn(await this.#redis.hash(this.#keys.reportTotals));
  }
  /** The ids whose key does not exist. */
  async #absent(ids: readonly string[], keyOf: (id: string) => string): Promise<string[]> {
    const types = await this.#redis.types(ids.map(keyOf));
    return ids.filter((_, index) => types[index] === 'none');
  }
}
