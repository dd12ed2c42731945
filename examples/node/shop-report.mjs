/**
 * Reads the order projector's read model from Redis: totals, best sellers, top spenders, single orders.
 *
 * It uses only keys that docs/redis.md describes as the contract for readers, and only commands that the Redis user `reports` of
 * deploy/acl/redis.acl may run. JavaScript has no decimals, so amounts are exact text such as `45.99`, and never a number.
 */
import {parseArgs} from 'node:util';
import {pathToFileURL} from 'node:url';
import {Redis} from 'ioredis';

/**
 * @typedef {'filled' | 'empty' | 'building' | 'loading'} State
 * @typedef {{productId: string | null, quantity: string}} LineItem `productId` is null if the line item has no product.
 * @typedef {{id: string, userId: string | null, totalAmount: string, items: LineItem[]}} Order `userId` is null for a guest.
 * @typedef {{productId: string, unitsSold: string}} BestSeller
 * @typedef {{userId: string, spent: string}} TopSpender
 * @typedef {{orders: number, units: string, revenue: string}} Totals
 */

/** A read model. Prefix and decimals must be those of the worker. Each method reads one moment, but two calls may read different ones. */
export class Shop {
  #redis;
  #prefix;
  #moneyDecimals;
  #quantityDecimals;

  /**
   * @param {Redis | import('ioredis').Cluster} redis
   * @param {{prefix?: string, moneyDecimals?: number, quantityDecimals?: number}} [settings]
   */
  constructor(redis, {prefix = '', moneyDecimals = 2, quantityDecimals = 0} = {}) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#moneyDecimals = moneyDecimals;
    this.#quantityDecimals = quantityDecimals;
  }

  /**
   * Tells a shop without orders (`filled`) from a Redis that holds no read model.
   *
   * - `filled`: a worker or an initial load has written it. How far it is: `lagRecords` of the worker's /status.
   * - `empty`: nobody has written it, the prefix or the database is wrong, or Redis has lost its data.
   * - `building`: this is a staging database, whose content is not complete.
   * - `loading`: Redis reads its data from disk.
   *
   * @returns {Promise<State>}
   */
  async state() {
    try {
      const [layout, mark] = await this.#redis.mget(
        this.#key('projector:layout'),
        this.#key('projector:staging'),
      );
      if (mark !== null) return 'building';
      return layout === null ? 'empty' : 'filled';
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('LOADING')) return 'loading';
      throw error;
    }
  }

  /**
   * One order with its line items, or null.
   *
   * @param {string} orderId the id as MySQL prints it
   * @returns {Promise<Order | null>}
   */
  async order(orderId) {
    const fields = await this.#redis.hgetall(this.#key(`order:${encoded(orderId)}`));
    if (fields['id'] === undefined) return null;
    return {
      id: decodeURIComponent(fields['id']),
      userId: decodeURIComponent(fields['user_id'] ?? '') || null,
      totalAmount: fields['total_amount'] ?? '',
      items: parseItems(fields['items'] ?? ''),
    };
  }

  /**
   * Products by units sold, highest first.
   *
   * @returns {Promise<BestSeller[]>}
   */
  async bestSellers(top = 10) {
    const rows = await this.#highest('report:products', top);
    return rows.map(([id, score]) => ({productId: id, unitsSold: scaled(score, this.#quantityDecimals)}));
  }

  /**
   * Buyers by money spent, highest first. Orders of guests are not in it.
   *
   * @returns {Promise<TopSpender[]>}
   */
  async topSpenders(top = 10) {
    const rows = await this.#highest('report:users', top);
    return rows.map(([id, score]) => ({userId: id, spent: scaled(score, this.#moneyDecimals)}));
  }

  /** @param {string} productId */
  async unitsSold(productId) {
    const text = await this.#redis.get(this.#key(`product:${encoded(productId)}:sold`));
    return scaled(BigInt(text ?? 0), this.#quantityDecimals);
  }

  /** @returns {Promise<Totals>} */
  async totals() {
    const {orders = '0', units = '0', revenue = '0'} = await this.#redis.hgetall(this.#key('report:totals'));
    return {
      orders: Number(orders),
      units: scaled(BigInt(units), this.#quantityDecimals),
      revenue: scaled(BigInt(revenue), this.#moneyDecimals),
    };
  }

  /**
   * @param {string} key
   * @param {number} top
   * @returns {Promise<[id: string, score: bigint][]>}
   */
  async #highest(key, top) {
    // ZREVRANGE 0 -1 would return everything, so top=0 must not reach Redis.
    const flat = top > 0 ? await this.#redis.zrevrange(this.#key(key), 0, top - 1, 'WITHSCORES') : [];
    return Array.from({length: flat.length / 2}, (_, row) => [
      decodeURIComponent(flat[2 * row] ?? ''),
      // A score is a double, and exact up to 2^53.
      BigInt(Number(flat[2 * row + 1])),
    ]);
  }

  /** @param {string} name */
  #key(name) {
    return `${this.#prefix}${name}`;
  }
}

/**
 * An id as it is in keys: every character except letters, digits and `-._~` is percent-encoded.
 *
 * @param {string} text
 */
export function encoded(text) {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * `4599n` with 2 decimals is `45.99`.
 *
 * @param {bigint} smallestUnits
 * @param {number} decimals
 */
export function scaled(smallestUnits, decimals) {
  const sign = smallestUnits < 0n ? '-' : '';
  const digits = String(smallestUnits)
    .slice(sign.length)
    .padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  return decimals === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * `product_id:10,quantity:1;product_id:15,quantity:3` as line items. Ids contain neither `:` nor `,` nor `;`.
 *
 * @param {string} text
 * @returns {LineItem[]}
 */
export function parseItems(text) {
  if (text === '') return [];
  return text.split(';').map((item) => {
    const fields = new Map(
      item.split(',').map((field) => /** @type {[string, string]} */ (field.split(':'))),
    );
    return {
      productId: decodeURIComponent(fields.get('product_id') ?? '') || null,
      quantity: fields.get('quantity') ?? '',
    };
  });
}

const USAGE = `Prints the report of a shop from Redis.

  --url URL               REDIS_URL of the worker (redis://127.0.0.1:6379/0)
  --prefix TEXT           REDIS_KEY_PREFIX of the worker
  --money-decimals N      MONEY_DECIMALS of the worker (2)
  --quantity-decimals N   QUANTITY_DECIMALS of the worker (0)
  --top N                 maximum number of rows per list (10)
  --order ID              show this order too; may be repeated
  --json                  print JSON`;

/** @returns {Promise<number>} the exit code */
async function main() {
  const {values} = parseArgs({
    options: {
      url: {type: 'string', default: 'redis://127.0.0.1:6379/0'},
      prefix: {type: 'string', default: ''},
      'money-decimals': {type: 'string', default: '2'},
      'quantity-decimals': {type: 'string', default: '0'},
      top: {type: 'string', default: '10'},
      order: {type: 'string', multiple: true, default: []},
      json: {type: 'boolean', default: false},
      help: {type: 'boolean', default: false},
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  // Without its own check, ioredis passes the error LOADING on, instead of waiting until Redis has read its data.
  const redis = new Redis(values.url, {enableReadyCheck: false, maxRetriesPerRequest: 1});
  // The pending command rejects with the error. Without this listener ioredis would print it too.
  redis.on('error', () => undefined);
  try {
    const shop = new Shop(redis, {
      prefix: values.prefix,
      moneyDecimals: Number(values['money-decimals']),
      quantityDecimals: Number(values['quantity-decimals']),
    });
    const state = await shop.state();
    if (state !== 'filled') {
      console.error(`no report: the read model is ${state}`);
      return 1;
    }
    const top = Number(values.top);
    const orders = await Promise.all(values.order.map(async (id) => await shop.order(id)));
    const report = {
      totals: await shop.totals(),
      bestSellers: await shop.bestSellers(top),
      topSpenders: await shop.topSpenders(top),
      orders: orders.filter((order) => order !== null),
    };
    if (values.json) console.log(JSON.stringify(report));
    else console.dir(report, {depth: null});
    return 0;
  } finally {
    redis.disconnect();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main();
