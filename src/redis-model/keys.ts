/**
 * The keys of the read model; the only place in src that spells them (apply.lua spells the same ones).
 *
 * Pure: no clock, no I/O.
 */
import {isWholeNumber} from '../domain/order.js';

export interface Keys {
  /** Hash: `id user_id total_amount items_count items`, and the configured extra columns. */
  order(orderId: string): string;
  /** Pattern for SCAN that every key of an order matches; a prefix holds no character that means more there (settings.ts). */
  readonly orders: string;
  /** The id in the key of an order; undefined for the key of anything else. */
  orderIdOf(key: string): string | undefined;
  /** Hash: line id -> `product_id:quantity`. Internal; never matches `order:*`. */
  orderLines(orderId: string): string;
  /** The order's id in the key of its lines; undefined for any other key. */
  orderIdOfLines(key: string): string | undefined;
  /** Whole number: units sold over the lines of existing orders. */
  productSold(productId: string): string;
  /** Sorted set: product id -> units sold. */
  readonly reportProducts: string;
  /** Sorted set: user id -> money spent, in minor units. */
  readonly reportUsers: string;
  /** Hash: `orders units revenue`. */
  readonly reportTotals: string;
  /** Hash: name of a record that was set aside -> entry (quarantineEntry.ts). */
  readonly quarantine: string;
  /** Hash: `begun finished`, how many chunks; one that Redis repeated makes them differ. */
  readonly chunks: string;
  /** String: what the data depends on (layout.ts). */
  readonly layout: string;
  /** String: who rebuilds this read model (operations/rebuild/lock.ts). */
  readonly rebuildLock: string;
  /** String: what the spare database of a rebuild holds (operations/rebuild/stagingDatabase.ts). */
  readonly spareMark: string;
  /** String: the position of a partition (position.ts), or a fence in its place (fence.ts). */
  position(topic: string, partition: number): string;
}

/** The keys with `prefix` before each one. */
export function keysWithPrefix(prefix: string): Keys {
  const orderBegin = `${prefix}order:`;
  const idBehind = (begin: string, key: string): string | undefined => {
    const id = key.slice(begin.length);
    return key.startsWith(begin) && isWholeNumber(id) ? id : undefined;
  };
  return {
    orders: `${orderBegin}*`,
    orderIdOf: (key) => idBehind(orderBegin, key),
    orderIdOfLines: (key) => idBehind(`${prefix}order_lines:`, key),
    order: (orderId) => `${prefix}order:${orderId}`,
    orderLines: (orderId) => `${prefix}order_lines:${orderId}`,
    productSold: (productId) => `${prefix}product:${productId}:sold`,
    reportProducts: `${prefix}report:products`,
    reportUsers: `${prefix}report:users`,
    reportTotals: `${prefix}report:totals`,
    quarantine: `${prefix}projector:quarantine`,
    chunks: `${prefix}projector:chunks`,
    layout: `${prefix}projector:layout`,
    rebuildLock: `${prefix}projector:rebuild`,
    spareMark: `${prefix}projector:spare`,
    position: (topic, partition) => `${prefix}projector:position:${topic}:${partition}`,
  };
}

const ID = String.raw`-?\d+`;
const OWN_KEY = new RegExp(
  `^(?:order:${ID}|order_lines:${ID}|product:${ID}:sold|report:(?:products|users|totals)` +
    `|projector:(?:quarantine|chunks|layout|rebuild|spare|position:.+))$`,
);

/** Whether a key of the database belongs to the read model with this prefix. */
export function isOwnKey(key: string, prefix: string): boolean {
  return key.startsWith(prefix) && OWN_KEY.test(key.slice(prefix.length));
}
