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

export class Sides {
  readonly expected: Expected;
  readonly redis: RedisHost;
  readonly keys: Keys;
  readonly prefix: string;

  constructor({expected, redis, prefix}: {expected: Expected; redis: RedisHost; prefix: string}) {
    this.expected = expected;
    this.redis = redis;
    this.prefix = prefix;
    this.keys = keysWithPrefix(prefix);
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

  /** Whether a key has the form of a read model key without being one. Keys with other names belong to other programs. */
  isMalformed(key: string): boolean {
    if (!key.startsWith(this.prefix)) return false;
    const {orderId, product} = this.idsIn(key);
    if (orderId !== undefined && !this.expected.canBe('order', orderId)) return true;
    if (product !== undefined && !this.expected.canBe('product', product)) return true;
    if (isOwnKey(key, this.prefix)) return false;
    return /^(?:order:|order_lines:|report:|projector:|product:.*:sold$)/.test(key.slice(this.prefix.length));
  }

  /** The ids in a key of the read model, as they are written there. */
  idsIn(key: string): {readonly orderId: string | undefined; readonly product: string | undefined} {
    const name = isOwnKey(key, this.prefix) ? key.slice(this.prefix.length) : '';
    const [, orderId] = /^order(?:_lines)?:(.*)$/s.exec(name) ?? [];
    const [, product] = /^product:(.*):sold$/s.exec(name) ?? [];
    return {orderId, product};
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
