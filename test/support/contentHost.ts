/** A Redis of a few keys in memory, as comparisons read it (src/operations/verify/sides.ts). */
import type {RedisHost} from '../../src/operations/verify/sides.js';
import {orderTexts} from './orderTexts.js';

type Value = string | Record<string, string>;
/** Key -> value. A sorted set is given as a hash of scores. */
export type Content = Readonly<Record<string, Value>>;

export function contentHost(content: Content): RedisHost {
  const text = (key: string): string | null => (typeof content[key] === 'string' ? content[key] : null);
  const hash = (key: string): Record<string, string> =>
    typeof content[key] === 'object' ? content[key] : {};
  const textOrType = (key: string): string | null | undefined =>
    typeof content[key] === 'object' ? undefined : text(key);
  const hashOrType = (key: string): Record<string, string> | undefined =>
    typeof content[key] === 'string' ? undefined : hash(key);
  const typeOf = (key: string): string =>
    content[key] === undefined ? 'none' : typeof content[key] === 'string' ? 'string' : 'hash';
  return {
    run: orderTexts(hashOrType, textOrType),
    async *keys() {
      // There are two pages, so that an order and its line items can be on different pages.
      const all = Object.keys(content);
      await Promise.resolve();
      yield all.filter((_, index) => index % 2 === 0);
      yield all.filter((_, index) => index % 2 === 1);
    },
    async *members(key) {
      await Promise.resolve();
      yield Object.keys(hash(key));
    },
    memberCount: async (key) => await Promise.resolve(Object.keys(hash(key)).length),
    types: async (keys) => await Promise.resolve(keys.map(typeOf)),
    texts: async (keys) => await Promise.resolve(keys.map(textOrType)),
    getAll: async (keys) => await Promise.resolve(keys.map(text)),
    scores: async (key, members) => await Promise.resolve(members.map((member) => hash(key)[member] ?? null)),
    hash: async (key) => await Promise.resolve(hash(key)),
    hashes: async (keys) => await Promise.resolve(keys.map(hashOrType)),
  };
}

/** A read model of one order, and of one line item whose order is absent. */
export const ORDER = {
  id: '1',
  user_id: '5',
  total_amount: '1.50',
  items_count: '1',
  items: 'product_id:7,quantity:2',
};
export const CONTENT: Content = {
  'order:1': ORDER,
  'order_lines:1': '10:7:2',
  'order_lines:3': '30:8:1',
  'product:7:sold': '2',
  'product:8:sold': '0',
  'report:products': {7: '2'},
  'report:users': {5: '150'},
  'report:totals': {orders: '1', units: '2', revenue: '150'},
};
