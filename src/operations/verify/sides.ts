/**
 * Both sides of a comparison, and how subjects are looked at again: the expected side first, then Redis.
 */
import {isOwnKey, keysWithPrefix, type Keys} from '../../redis-model/keys.js';
import type {Expected} from './expected.js';
import type {Comparison, SubjectKind} from './finding.js';
import {compareOrders, type OrderHost} from './orders.js';
import {compareProducts, compareTotals, compareUsers, type SumHost} from './sums.js';

/** Redis (clients/redis/client.ts). Of the last two, `again` is called when pages that were given already come once more. */
export interface RedisHost extends OrderHost, SumHost {
  /** What is under each key: `string`, `hash`, ..., `none`. */
  types(keys: readonly string[]): Promise<string[]>;
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

  /** Every id is in the answer. */
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

  /** A key within the names of the read model that is none of its keys. Others are not our business. */
  isMalformed(key: string): boolean {
    if (!key.startsWith(this.prefix) || isOwnKey(key, this.prefix)) return false;
    return /^(?:order:|order_lines:|report:|projector:|product:.*:sold$)/.test(key.slice(this.prefix.length));
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
