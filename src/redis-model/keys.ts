/**
 * The keys of the read model.
 *
 * TypeScript code builds keys only here. The Lua scripts in apply/ build the same keys from a prefix.
 *
 * Pure: no clock, no I/O.
 */
import {isId} from '../domain/id.js';

export interface Keys {
  /** The hash of an order has the fields `id user_id total_amount items_count items` and the configured extra columns. */
  order(orderId: string): string;
  /** The pattern for SCAN matches the key of every order. A prefix contains no glob characters (`keyPrefix` in valueTypes.ts). */
  readonly orders: string;
  /** Returns the id in the key of an order, and undefined for every other key. */
  orderIdOf(key: string): string | undefined;
  /** The string contains `item_id:product_id:quantity` of each line item, joined by `;`. It is internal. It never matches `order:*`. */
  orderLines(orderId: string): string;
  /** Returns the order id in the key of its line items, and undefined for every other key. */
  orderIdOfLines(key: string): string | undefined;
  /** The whole number counts the units that the line items of existing orders have sold of this product. */
  productSold(productId: string): string;
  /** The sorted set maps a product id to the units sold. */
  readonly reportProducts: string;
  /** The sorted set maps a user id to the money spent, in minor units. */
  readonly reportUsers: string;
  /** The hash has the fields `orders units revenue`. */
  readonly reportTotals: string;
  /** The hash maps the name of a quarantined record to its entry (quarantineEntry.ts). */
  readonly quarantine: string;
  /** The hash counts chunks in the fields `begun finished`. They differ if Redis repeated a part of a chunk from its AOF (I5). */
  readonly chunks: string;
  /** The string holds the layout (layout.ts). */
  readonly layout: string;
  /** The string names the process that rebuilds this read model (operations/rebuild/lock.ts). */
  readonly rebuildLock: string;
  /** The hash holds the requests and the results of the audit (audit.ts). */
  readonly audit: string;
  /** The string names the process that audits this read model. It expires if that process dies. */
  readonly auditLease: string;
  /** The string is the mark: it names the content of the staging database (operations/rebuild/stagingDatabase.ts). */
  readonly stagingMark: string;
  /** The list holds differences of counters and reports (outbox.ts), oldest first. Only in the layout `partitioned`. */
  readonly outbox: string;
  /** The hash maps a partition to the offset up to which counters and reports contain it (apply/merge.lua). Only in the layout `partitioned`. */
  readonly merged: string;
  /** The string holds the position of a partition (position.ts), or the fence that replaces it (fence.ts). */
  position(topic: string, partition: number): string;
}

/** `single`: all keys have one prefix. `partitioned`: the orders of each partition have a prefix of their own, so that a cluster can distribute them. */
export type KeyLayout = 'single' | 'partitioned';

export interface KeyPlace {
  readonly prefix: string;
  /** Undefined for the shared keys of the layout `partitioned`, and for all keys of `single`. */
  readonly partition: number | undefined;
}

/** Where the keys of a read model are. A script accesses either the keys of one partition or the shared ones. */
export interface KeySpace {
  /** The orders of one partition, their line items, the quarantined records, the position, and the outbox. */
  partition(partition: number): Keys;
  prefixOf(partition: number): string;
  /** Counters, reports and merged offsets, which all partitions share. */
  readonly shared: Keys;
  readonly sharedPrefix: string;
  /** Returns the prefix of a key of this space, and the partition to which it belongs (undefined for shared keys). Undefined for other keys. */
  placeOf(key: string): KeyPlace | undefined;
  /** The pattern for SCAN matches all keys of all partitions. For live keys of the layout `partitioned`, it matches those of a read model that is being built too. */
  readonly all: string;
  /** The pattern for SCAN matches the keys of the orders of all partitions. */
  readonly orders: string;
  /** Returns the id in the key of an order, whatever its partition; undefined for every other key. */
  orderIdOf(key: string): string | undefined;
}

/**
 * The keys in a layout. In `partitioned`, a part of each key is in braces. Redis Cluster computes the slot of a key from that part only
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, "Hash tags"):
 *
 *   single       prefix `shop:`     shop:order:123        shop:product:10:sold
 *   partitioned  prefix `shop:`     {shop:3}:order:123    {shop}:product:10:sold
 */
export function keySpace(layout: KeyLayout, prefix: string): KeySpace {
  if (layout === 'partitioned') return partitionedSpace(prefix, '');
  const keys = keysWithPrefix(prefix);
  const place = {prefix, partition: undefined};
  const placeOf = (key: string): KeyPlace | undefined => (key.startsWith(prefix) ? place : undefined);
  const shared = {shared: keys, sharedPrefix: prefix};
  const all = {all: `${prefix}*`, orders: keys.orders, orderIdOf: (key: string) => keys.orderIdOf(key)};
  return {partition: () => keys, prefixOf: () => prefix, ...shared, ...all, placeOf};
}

/**
 * The keys of a read model that is being built in addition to the live one, in the layout `partitioned`. They are in the slots of the live keys:
 *
 *   {shop:3}:staging:order:123    {shop}:staging:report:users
 */
export function stagingSpace(prefix: string): KeySpace {
  return partitionedSpace(prefix, 'staging:');
}

function partitionedSpace(prefix: string, staging: string): KeySpace {
  const name = prefix.replace(/:$/, '');
  const sharedPrefix = `{${name}}:${staging}`;
  const prefixOf = (partition: number): string => `{${name}:${partition}}:${staging}`;
  const known = new Map<number, Keys>();
  const keysOf = (partition: number): Keys => {
    const keys = known.get(partition) ?? keysWithPrefix(prefixOf(partition));
    known.set(partition, keys);
    return keys;
  };
  const begin = `{${name}:`;
  const placeOf = (key: string): KeyPlace | undefined => {
    if (key.startsWith(sharedPrefix)) return {prefix: sharedPrefix, partition: undefined};
    const end = key.startsWith(begin) ? key.indexOf(`}:${staging}`, begin.length) : -1;
    const number = key.slice(begin.length, end);
    if (end < 0 || !/^(?:0|[1-9]\d{0,5})$/.test(number)) return undefined;
    return {prefix: prefixOf(Number(number)), partition: Number(number)};
  };
  return {
    prefixOf,
    sharedPrefix,
    shared: keysWithPrefix(sharedPrefix),
    all: `{${name}:*}:${staging}*`,
    orders: `{${name}:*}:${staging}order:*`,
    placeOf,
    orderIdOf(key) {
      const place = placeOf(key);
      return place?.partition === undefined ? undefined : keysOf(place.partition).orderIdOf(key);
    },
    partition: keysOf,
  };
}

/** Returns the keys with `prefix` before each one. */
export function keysWithPrefix(prefix: string): Keys {
  const orderBegin = `${prefix}order:`;
  const idAfterPrefix = (begin: string, key: string): string | undefined => {
    const id = key.slice(begin.length);
    return key.startsWith(begin) && isId(id) && !id.includes('/') ? id : undefined;
  };
  return {
    orders: `${orderBegin}*`,
    orderIdOf: (key) => idAfterPrefix(orderBegin, key),
    orderIdOfLines: (key) => idAfterPrefix(`${prefix}order_lines:`, key),
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
    audit: `${prefix}projector:audit`,
    auditLease: `${prefix}projector:audit-lease`,
    stagingMark: `${prefix}projector:staging`,
    outbox: `${prefix}projector:outbox`,
    merged: `${prefix}projector:merged`,
    position: (topic, partition) => `${prefix}projector:position:${topic}:${partition}`,
  };
}

/** Only the id of a line item has several parts, and it is in no key. */
const ID = '[A-Za-z0-9%._~-]+';
const OWN_KEY = new RegExp(
  `^(?:order:${ID}|order_lines:${ID}|product:${ID}:sold|report:(?:products|users|totals)` +
    `|projector:(?:quarantine|chunks|layout|rebuild|audit|audit-lease|staging|outbox|merged|position:.+))$`,
);

/** Returns true if a key of the database belongs to the read model with this prefix. */
export function isOwnKey(key: string, prefix: string): boolean {
  return key.startsWith(prefix) && OWN_KEY.test(key.slice(prefix.length));
}

const NUMBERED_KEY = /^(?:(?:order|order_lines):(?:0|-?[1-9]\d*)|product:(?:0|-?[1-9]\d*):sold)$/;

/** Returns true for keys whose id is a whole number. Nearly all keys are of this kind, and this is a fast way to recognize them. */
export function isNumberedKey(key: string, prefix: string): boolean {
  return key.startsWith(prefix) && NUMBERED_KEY.test(prefix === '' ? key : key.slice(prefix.length));
}
