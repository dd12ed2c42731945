/**
 * Both sides of a comparison, and how subjects are compared again.
 *
 * The expected side is read first. So Redis has more time to apply the changes that the expected side already shows.
 */
import {isOwnKey, keysWithPrefix, type Keys} from '../../redis-model/keys.js';
import type {Expected} from './expected.js';
import type {Comparison, SubjectKind} from './finding.js';
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

const OTHER: SortedKey = {kind: 'other'};
const MALFORMED: SortedKey = {kind: 'malformed'};
const FOREIGN: SortedKey = {kind: 'foreign'};

export class Sides {
  readonly expected: Expected;
  readonly redis: RedisHost;
  readonly keys: Keys;
  readonly prefix: string;
  readonly #orderBegin: string;
  readonly #linesBegin: string;

  constructor({expected, redis, prefix}: {expected: Expected; redis: RedisHost; prefix: string}) {
    this.expected = expected;
    this.redis = redis;
    this.prefix = prefix;
    this.keys = keysWithPrefix(prefix);
    this.#orderBegin = this.keys.order('');
    this.#linesBegin = this.keys.orderLines('');
  }

  /** The result contains every requested id. */
  async compare(kind: SubjectKind, ids: readonly string[]): Promise<Comparison> {
    const {expected, redis, keys} = this;
    switch (kind) {
      case 'order':
        return await compareOrders(redis, await expected.orders(ids), keys);
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

  /** What follows the beginning of the key of an order or of line items. Undefined for other keys. It need not be an id. */
  orderTextIn(key: string): string | undefined {
    if (key.startsWith(this.#orderBegin)) return key.slice(this.#orderBegin.length);
    return key.startsWith(this.#linesBegin) ? key.slice(this.#linesBegin.length) : undefined;
  }

  sorted(key: string): SortedKey {
    if (!key.startsWith(this.prefix)) return FOREIGN;
    const name = key.slice(this.prefix.length);
    if (!isOwnKey(key, this.prefix)) {
      const isMalformed = /^(?:order:|order_lines:|report:|projector:|product:.*:sold$)/.test(name);
      return isMalformed ? MALFORMED : FOREIGN;
    }
    const orderId = this.orderTextIn(key);
    if (orderId !== undefined)
      return this.expected.canBe('order', orderId) ? {kind: 'order', id: orderId} : MALFORMED;
    const [, product] = /^product:(.*):sold$/s.exec(name) ?? [];
    if (product === undefined) return OTHER;
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
