/**
 * What the tab Shop of the live page reads, with the code of `projector report` and `projector orders show`.
 *
 * Its connection to Redis is its own. On the connection of the worker, a slow reply would delay the replies of scripts, and a reply that
 * is missing would close that connection and reset the partitions. The first request opens the connection, and it is closed after 30 s
 * without a request. So the tab costs nothing while nobody looks at it.
 */
import {isIPv4} from 'node:net';
import {RedisClient} from '../clients/redis/client.js';
import {redisSettings} from '../config/clientOptions.js';
import type {ConfigWith} from '../config/config.js';
import type {Routes} from '../observe/http.js';
import {noShopRoutes, shopRoutes, type ShopSource} from '../observe/shopRoutes.js';
import {
  findOrder,
  oddityOf,
  orderJson,
  partitionsHeld,
  type OrderSource,
} from '../operations/report/orders.js';
import {bestSellers, topSpenders, totals, type ReportSource} from '../operations/report/report.js';
import {keySpace} from '../redis-model/keys.js';
import {asProjectorError} from '../runtime/errors.js';
import {onAbort, systemClock, type Clock} from '../runtime/lifecycle.js';

type ShopConfig = ConfigWith<'redisUrl'>;

export interface PageShop {
  readonly hasShop: boolean;
  readonly routes: Routes;
}

/** A browser waits for these reads. Each takes a fraction of a millisecond, so a longer time means that Redis is not available. */
const REDIS_TIMEOUT_MS = 1_000;

/** The signal closes the connection. */
export function pageShop(config: ShopConfig, signal: AbortSignal): PageShop {
  const isLocal = config.pageShop === undefined && isLoopback(config.httpHost);
  const hasShop = isLocal || config.pageShop === 'on';
  if (!hasShop) return {hasShop, routes: noShopRoutes()};
  const timeoutMs = Math.min(config.redisTimeoutMs, REDIS_TIMEOUT_MS);
  const open = (): RedisClient => new RedisClient({...redisSettings(config), timeoutMs});
  const source = shopSource(config, new LentConnection(open, systemClock, signal));
  return {hasShop, routes: shopRoutes({source, nowMs: () => systemClock.nowMs(), isLocal})};
}

/** True if only this machine can connect to the address. Other spellings of such an address count as not local. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** The rows of each list. */
const TOP = 10;

/** The largest read is one ZREVRANGE with a limit. Nothing here scans keys. */
export function shopSource(
  {
    keyPrefix,
    redisLayout,
    moneyDecimals,
    quantityDecimals,
  }: Pick<ShopConfig, 'keyPrefix' | 'redisLayout' | 'moneyDecimals' | 'quantityDecimals'>,
  connection: LentConnection,
): ShopSource {
  const keys = keySpace(redisLayout, keyPrefix);
  const settings = {prefix: keys.sharedPrefix, moneyDecimals, quantityDecimals};
  return {
    shop: async () =>
      await connection.use(async (redis) => {
        const [sums, products, users] = await Promise.all([
          totals(redis, settings),
          bestSellers(redis, settings, TOP),
          topSpenders(redis, settings, TOP),
        ]);
        return {totals: sums, bestSellers: products, topSpenders: users};
      }),
    order: async (id) =>
      await connection.use(async (redis) => {
        const partitions = await partitionsHeld(redis, keys);
        const {order, keys: found} = await findOrder(redis, {keys, partitions, id});
        return {...orderJson(id, order), note: oddityOf(id, order, found) ?? null};
      }),
  };
}

/** What is used of the Redis client (clients/redis/client.ts). */
export type LentRedis = ReportSource & OrderSource & {connect(): Promise<void>; close(): void};

const IDLE_MS = 30_000;

interface Lent {
  readonly redis: LentRedis;
  readonly connected: Promise<void>;
  /** Aborts when the connection is closed. */
  readonly closed: AbortController;
}

/** One connection for all reads, which exists only while it is used. */
export class LentConnection {
  readonly #open: () => LentRedis;
  readonly #clock: Clock;
  #current: Lent | undefined;
  #uses = 0;

  constructor(open: () => LentRedis, clock: Clock, signal: AbortSignal) {
    this.#open = open;
    this.#clock = clock;
    onAbort(signal, () => this.#close());
  }

  async use<T>(read: (redis: LentRedis) => Promise<T>): Promise<T> {
    this.#uses++;
    const current = (this.#current ??= this.#begin());
    try {
      await current.connected;
      return await read(current.redis);
    } catch (error) {
      // The client would reconnect in the background, also while nobody looks. The next read opens a new one instead. A corrupt key is
      // no fault of the connection, which another read may be using.
      const isCorrupt = asProjectorError(error).kind === 'read-model-corrupt';
      if (!isCorrupt && this.#current === current) this.#close();
      throw error;
    }
  }

  #begin(): Lent {
    const redis = this.#open();
    const current = {redis, connected: redis.connect(), closed: new AbortController()};
    void this.#closeWhenIdle(current);
    return current;
  }

  async #closeWhenIdle(current: Lent): Promise<void> {
    let seen: number;
    do {
      seen = this.#uses;
      await this.#clock.sleep(IDLE_MS, current.closed.signal);
    } while (this.#current === current && this.#uses !== seen);
    if (this.#current === current) this.#close();
  }

  #close(): void {
    this.#current?.redis.close();
    this.#current?.closed.abort();
    this.#current = undefined;
  }
}
