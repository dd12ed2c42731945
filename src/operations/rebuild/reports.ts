/**
 * Computes all counters and reports again, from the orders in Redis. Only in the layout `partitioned` (docs/cluster.md).
 *
 * The reports of this layout are in another slot than the orders. If that slot has lost more than the outboxes keep, or if a command has
 * changed orders without the reports (I19), they no longer follow from each other. These steps make them agree:
 *
 *   1. Fences hold all orders at the positions of their partitions (heldFences.ts).
 *   2. All orders are read and added up (orderSums.ts).
 *   3. The new sorted sets are written next to the old ones.
 *   4. One script replaces counters, reports and merged offsets (setReports.lua). If a worker merges in between, step 4 begins again.
 *
 * Readers see the old values until step 4, and the new ones after it. If this process dies before, nothing has changed.
 */
import type {CreatedSums} from '../../apply/createdOrders.js';
import {REVENUE_UNIT} from '../../apply/createdOrders.js';
import {offsetIn} from '../../apply/reportFeed.js';
import type {Script} from '../../clients/redis/client.js';
import {requireSameLayout} from '../../redis-model/layout.js';
import type {KeySpace} from '../../redis-model/keys.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {Held} from './heldFences.js';
import {sumOrders, type OrderKeys} from './orderSums.js';
import {SET_REPORTS_SCRIPT, STAGE_SCORES_SCRIPT} from './scripts.js';

/** The part of the Redis client that this file needs (clients/redis/client.ts). */
export interface ReportHost extends OrderKeys {
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  hash(key: string): Promise<Record<string, string>>;
}

export interface ReportsDeps {
  readonly redis: ReportHost;
  readonly keys: KeySpace;
  readonly layout: string;
  /** True: the reports may have been built with another layout. */
  readonly replacesLayout?: boolean;
  /** The text of the lock of rebuilds, which this process holds. */
  readonly lockText: string;
  /** Names this run. It contains no blanks. */
  readonly id: string;
  readonly progress: (looked: number) => void;
}

/** A worker merges at most the entries that waited when the fences were set, and joins again a few times. */
const TRIES_MAX = 100;
const PAGE = 1_000;

/** Resolves with the number of orders. Rejects with `rebuild-lost` if the lock or a fence was lost; then nothing has changed. */
export async function computeReports(deps: ReportsDeps, held: Held): Promise<number> {
  const {redis, keys, progress} = deps;
  const sums = await sumOrders(redis, keys, {signal: held.signal, progress});
  for (const value of [...sums.sold.values(), ...sums.spent.values(), sums.units])
    if (!Number.isSafeInteger(value))
      throw new ProjectorError('rebuild-refused', 'a sum of the orders has more than 15 digits');
  await stage(deps, keys.shared.reportProducts, sums.sold);
  await stage(deps, keys.shared.reportUsers, sums.spent);
  const after = held.positions.flatMap((text, partition) => [
    String(partition),
    `${offsetIn(text)} ${deps.id}`,
  ]);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    held.signal.throwIfAborted();
    const before = Object.entries(await redis.hash(keys.shared.merged)).flat();
    const counters = await changedCounters(deps, sums);
    await held.requireHeld();
    const chunk = JSON.stringify([before, after, counters, totalsOf(sums)]);
    if (await isReplaced(deps, chunk)) return sums.orders;
  }
  throw new ProjectorError(
    'rebuild-refused',
    `workers changed the merged offsets before each of ${TRIES_MAX} attempts`,
  );
}

/** Writes a sorted set next to the one of the readers. Members at 0 are left out, as the worker removes them. */
async function stage(deps: ReportsDeps, key: string, scores: ReadonlyMap<string, number>): Promise<void> {
  const {sharedPrefix, shared} = deps.keys;
  const staged = `${sharedPrefix}staging:${key.slice(sharedPrefix.length)}`;
  const flat = [...scores].filter(([, score]) => score !== 0).flatMap(([id, score]) => [String(score), id]);
  const run = async (script: Script, args: readonly string[]): Promise<void> => {
    const stored = String(await deps.redis.run(script, shared.rebuildLock, [deps.lockText, staged, ...args]));
    if (stored !== deps.lockText) throw lockLost(stored);
  };
  await run(STAGE_SCORES_SCRIPT, []);
  for (let from = 0; from < flat.length; from += 2 * PAGE)
    await run(STAGE_SCORES_SCRIPT, flat.slice(from, from + 2 * PAGE));
}

/** Products whose counter differs from the sum, with the text that it must have. A counter that exists stays, at 0 if no order counts it. */
async function changedCounters(
  {redis, keys: {shared, sharedPrefix}}: ReportsDeps,
  {sold}: CreatedSums,
): Promise<string[]> {
  const products = new Set(sold.keys());
  const begin = `${sharedPrefix}product:`;
  for await (const page of redis.keysMatching(`${begin}*:sold`, PAGE))
    for (const key of page) products.add(key.slice(begin.length, -':sold'.length));
  const changed: string[] = [];
  const all = [...products];
  for (let from = 0; from < all.length; from += PAGE) {
    const some = all.slice(from, from + PAGE);
    const texts = await redis.getAll(some.map((product) => shared.productSold(product)));
    some.forEach((product, index) => {
      const wanted = String(sold.get(product) ?? 0);
      if (texts[index] !== wanted) changed.push(product, wanted);
    });
  }
  return changed;
}

function totalsOf({orders, units, revenue}: CreatedSums): string[] {
  const cents = BigInt(revenue.high) * BigInt(REVENUE_UNIT) + BigInt(revenue.low);
  return [String(orders), String(units), String(cents)];
}

/** False if the merged offsets have changed. */
async function isReplaced(
  {redis, keys: {shared, sharedPrefix}, layout, replacesLayout = false, lockText}: ReportsDeps,
  chunk: string,
): Promise<boolean> {
  const args = [sharedPrefix, layout, lockText, chunk, replacesLayout ? 'replace' : ''];
  const reply = (await redis.run(SET_REPORTS_SCRIPT, shared.merged, args)) as string[];
  const [kind, detail = ''] = reply;
  if (kind === 'lost') throw lockLost(detail);
  if (kind === 'layout') requireSameLayout(detail, layout);
  return kind === 'applied';
}

function lockLost(stored: string): ProjectorError {
  const who = stored === '' ? 'no other run holds it' : `another run holds it (${stored})`;
  return new ProjectorError('rebuild-lost', `the rebuild lock of this run expired, and ${who}`);
}
