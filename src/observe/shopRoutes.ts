/**
 * The answers about the shop: `/shop` and `/shop/orders/{id}`. They are the only answers that contain business data.
 *
 * A browser asks every 2 s, and any number of browsers may ask. Their load on Redis is bounded (L16): `/shop` is read at most once per
 * second, and at most one read of `/shop` and one of an order are in progress.
 */
import {isIP} from 'node:net';
import {givenOrderId} from '../domain/id.js';
import {asProjectorError, ProjectorError} from '../runtime/errors.js';
import {json, plain, type Answer, type Asked, type Routes} from './http.js';
import type {OrderAnswer, OrderContent, ShopAnswer, ShopContent, ShopFailure} from './shopAnswer.js';
import {counted} from '../runtime/counted.js';

/** What the routes read. Both methods reject with a ProjectorError. */
export interface ShopSource {
  shop(): Promise<ShopContent>;
  order(id: string): Promise<OrderContent>;
}

export interface ShopRoutesOptions {
  readonly source: ShopSource;
  readonly nowMs: () => number;
  /** True if only names of this machine are accepted in the `Host` header. */
  readonly isLocal: boolean;
}

const KEPT_MS = 1_000;
/** Requests for orders that wait. One more is rejected. */
const WAITING_MAX = 20;

const SHOP = '/shop';
const ORDER = '/shop/orders/{id}';

export function shopRoutes({source, nowMs, isLocal}: ShopRoutesOptions): Routes {
  const time = (): string => new Date(nowMs()).toISOString();
  const failure = (status: number, failed: Omit<ShopFailure, 'at'>): Answer =>
    json(status, {at: time(), ...failed} satisfies ShopFailure);
  const answered = async (read: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await read();
    } catch (error) {
      const {kind, detail} = asProjectorError(error);
      // The other kinds mean that Redis is not available, which passes.
      const isDefect = kind === 'read-model-corrupt' || kind === 'internal';
      return failure(isDefect ? 500 : 503, {kind, reason: detail});
    }
  };
  const shop = kept(nowMs, async () =>
    answered(async () => {
      const content = await source.shop();
      return json(200, {at: time(), ...content} satisfies ShopAnswer);
    }),
  );
  const inTurn = queue(WAITING_MAX);
  const order = async (encoded: string): Promise<Answer> => {
    const id = decodedId(encoded);
    if (id === undefined) return failure(400, {kind: 'request-invalid', reason: NO_ID});
    return await answered(async () => {
      const content = await inTurn(async () => await source.order(id));
      return json(content.found ? 200 : 404, {at: time(), ...content} satisfies OrderAnswer);
    });
  };
  const guarded =
    (route: (asked: Asked) => Promise<Answer>): Routes[string] =>
    async (asked) =>
      isLocal && !isOfThisMachine(asked.host)
        ? failure(403, {kind: 'request-invalid', reason: FOREIGN_HOST})
        : await route(asked);
  return {[SHOP]: guarded(shop), [ORDER]: guarded(async ({id}) => await order(id))};
}

/** The same paths if the tab is off. */
export function noShopRoutes(): Routes {
  const off = (): Answer =>
    plain(404, 'the answers about the shop are off; PROJECTOR_PAGE_SHOP=on enables them');
  return {[SHOP]: off, [ORDER]: off};
}

const NO_ID = 'the path must end with the id of an order, percent-encoded, as in /shop/orders/1';

function decodedId(encoded: string): string | undefined {
  try {
    return givenOrderId(decodeURIComponent(encoded));
  } catch {
    return undefined;
  }
}

const FOREIGN_HOST =
  'the Host header names another machine; set PROJECTOR_PAGE_SHOP=on to accept every name, for example behind a reverse proxy';

/**
 * Protects a worker on a loopback address against DNS rebinding:
 *
 * 1. A browser on this machine opens a page of an attacker's site.
 * 2. The attacker's DNS server changes the address of the site to 127.0.0.1.
 * 3. To the browser, the worker now has the same origin as the site, so the site's script may read the answers.
 *
 * Such a request still has the name of the site in its `Host` header.
 */
function isOfThisMachine(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(name) !== 0 || /^(?:.+\.)?localhost$/i.test(name);
}

/** Returns the last answer while it is fresh. Otherwise all callers wait for the same new one. */
function kept(nowMs: () => number, read: () => Promise<Answer>): () => Promise<Answer> {
  let last: Promise<Answer> | undefined;
  /** Undefined while the answer is being read. */
  let readMs: number | undefined;
  const isFresh = (): boolean => {
    if (readMs === undefined) return true;
    const ageMs = nowMs() - readMs;
    // The age is negative if the system clock was set back.
    return ageMs >= 0 && ageMs < KEPT_MS;
  };
  return async () => {
    if (last !== undefined && isFresh()) return await last;
    readMs = undefined;
    last = read().finally(() => (readMs = nowMs()));
    return await last;
  };
}

/** Runs one task after the other. Rejects a task if `waitingMax` others wait. */
function queue(waitingMax: number): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (task) => {
    if (waiting >= waitingMax)
      throw new ProjectorError(
        'redis-unreachable',
        `${counted(waiting, 'request for an order waits', 'requests for orders wait')}: try again`,
      );
    waiting++;
    const mine = last.then(async () => {
      waiting--;
      return await task();
    });
    last = mine.catch(() => undefined);
    return await mine;
  };
}
