/**
 * Both sides of a comparison, and how subjects are compared again.
 *
 * The expected side is read first. So Redis has more time to apply the changes that the expected side already shows.
 */
import {isOwnKey, keySpace, type Keys, type KeySpace} from '../../redis-model/keys.js';
import type {Expected} from './expected.js';
import type {Comparison, SubjectKind} from './finding.js';
import type {ExpectedOrder, ExpectedOrders} from './expected.js';
import {compareOrders, type OrderHost} from './orders.js';
import {compareProducts, compareTotals, compareUsers, type SumHost} from './sums.js';

/**
 * What a comparison uses of the Redis client (clients/redis/client.ts).
 *
 * `keys` and `members` call `again` before pages that were already returned come again. Only the retrying client does this (retry.ts).
 */
export interface RedisHost extends OrderHost, SumHost {
  /** The type of each key: `string`, `hash`, and so on. It is `none` if the key is absent. */
  types(keys: readonly string[]): Promise<string[]>;
  memberCount(key: string): Promise<number>;
  keys(again?: () => void): AsyncIterable<readonly string[]>;
  members(key: string, again?: () => void): AsyncIterable<readonly string[]>;
}

/** What a key of the database is. The id is the text in the key. */
export type SortedKey =
  | {readonly kind: 'order' | 'product'; readonly id: string}
  /** Of the read model, but of no single order or product. */
  | {readonly kind: 'other'}
  /** It has the form of a key of the read model without being one. */
  | {readonly kind: 'malformed'}
  /** It belongs to another program. */
  | {readonly kind: 'foreign'};

const ORDER_BEGINS = ['order:', 'order_lines:'] as const;
const OTHER: SortedKey = {kind: 'other'};
const MALFORMED: SortedKey = {kind: 'malformed'};
const FOREIGN: SortedKey = {kind: 'foreign'};

/** Where orders are in the layout `partitioned`. */
export interface OrderPlaces {
  readonly keys: KeySpace;
  readonly partitionOf: (orderId: string) => number;
}

export interface SidesSettings {
  readonly expected: Expected;
  readonly redis: RedisHost;
  readonly prefix: string;
  /** Undefined in the layout `single`. */
  readonly places?: OrderPlaces | undefined;
}

export class Sides {
  readonly expected: Expected;
  readonly redis: RedisHost;
  /** Counters and reports. In the layout `single` orders too. */
  readonly keys: Keys;
  readonly #space: KeySpace;
  /** Keys in the layout `single` begin with it. */
  readonly #prefix: string;
  readonly #partitionOf: (orderId: string) => number;

  constructor({expected, redis, prefix, places}: SidesSettings) {
    this.expected = expected;
    this.redis = redis;
    this.#prefix = prefix;
    this.#space = places?.keys ?? keySpace('single', prefix);
    this.#partitionOf = places?.partitionOf ?? ((): number => 0);
    this.keys = this.#space.shared;
  }

  /** The keys of an order and of its line items. */
  orderKeys(orderId: string): string[] {
    const keys = this.#space.partition(this.#partitionOf(orderId));
    return [keys.order(orderId), keys.orderLines(orderId)];
  }

  /** The result contains every requested id. */
  async compare(kind: SubjectKind, ids: readonly string[]): Promise<Comparison> {
    const {expected, redis, keys} = this;
    switch (kind) {
      case 'order':
        return await this.compareOrders(await expected.orders(ids));
      case 'product':
        return await compareProducts(redis, await expected.sums('product', ids), keys);
      case 'user':
        return await compareUsers(redis, await expected.sums('user', ids), keys);
      case 'totals':
        return await compareTotals(redis, await expected.totals(), keys);
      case 'key':
        return await this.#malformed(ids);
    }
  }

  /** Compares these orders with Redis. One script reads orders of one partition only. */
  async compareOrders(expected: ExpectedOrders): Promise<Comparison> {
    const parts = new Map<number, Map<string, ExpectedOrder>>();
    for (const [id, order] of expected) {
      const partition = this.#partitionOf(id);
      const part = parts.get(partition) ?? new Map<string, ExpectedOrder>();
      parts.set(partition, part.set(id, order));
    }
    const compared = await Promise.all(
      [...parts].map(async ([partition, part]) => {
        return await compareOrders(this.redis, part, this.#space.partition(partition));
      }),
    );
    return new Map(compared.flatMap((part) => [...part]));
  }

  /**
   * What follows the beginning of the key of an order or of line items. Undefined for other keys, and for keys that have the prefix of a
   * partition to which the order does not belong. It need not be an id.
   */
  orderTextIn(key: string): string | undefined {
    const place = this.#space.placeOf(key);
    if (place === undefined) return undefined;
    const at = place.prefix.length;
    const begin = ORDER_BEGINS.find((each) => key.startsWith(each, at));
    if (begin === undefined) return undefined;
    const text = key.slice(at + begin.length);
    if (place.partition === undefined) return text;
    return this.#partitionOf(text) === place.partition ? text : undefined;
  }

  sorted(key: string): SortedKey {
    const place = this.#space.placeOf(key);
    if (place === undefined) return FOREIGN;
    const name = key.slice(place.prefix.length);
    // What a rebuild has left or builds (keys.ts).
    if (place.prefix !== this.#prefix && name.startsWith('staging:')) return OTHER;
    if (!isOwnKey(key, place.prefix)) {
      const isMalformed = /^(?:order:|order_lines:|report:|projector:|product:.*:sold$)/.test(name);
      return isMalformed ? MALFORMED : FOREIGN;
    }
    const orderId = this.orderTextIn(key);
    if (orderId !== undefined)
      return this.expected.canBe('order', orderId) ? {kind: 'order', id: orderId} : MALFORMED;
    if (/^order(?:_lines)?:/.test(name)) return MALFORMED;
    const [, product] = /^product:(.*):sold$/s.exec(name) ?? [];
    if (product === undefined) return OTHER;
    if (place.partition !== undefined) return MALFORMED;
    return this.expected.canBe('product', product) ? {kind: 'product', id: product} : MALFORMED;
  }

  async #malformed(ids: readonly string[]): Promise<Comparison> {
    const types = await this.redis.types(ids);
    return new Map(
      ids.map((key, index) => {
        const type = types[index] ?? 'none';
        if (type === 'none') return [key, []];
        return [key, [{kind: 'key-malformed', key, field: null, expected: null, found: `a ${type}`}]];
      }),
    );
  }
}
