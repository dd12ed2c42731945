/**
 * An empty read model filled from MySQL, as it was at one instant, with the positions where the log then goes on.
 *
 *   ends of the log -> a moment -> one snapshot of MySQL, page by page -> the apply script
 *
 * S8: what stands in the log before its end is in the snapshot. What came after, and is in the snapshot too, is applied again by
 * the worker that follows: changes carry full rows, so every row ends where the log ends (I3).
 */
import type {ApplyOutcome, ApplyRequest} from '../apply/script.js';
import type {RowQuery} from '../clients/mysql.js';
import type {SourceSchema} from '../decode/schema.js';
import {ProjectorError} from '../errors.js';
import type {LogRange} from '../eventLog.js';
import type {Clock} from '../lifecycle.js';
import type {Reduction} from '../patch.js';
import {formatPosition, NO_POSITION} from '../position.js';
import {Reducer} from '../reduce/reduce.js';
import {readSourcePage, VISIBLE_AFTER_MS, type SourcePage} from '../sourceRows.js';

export interface FillDeps {
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /** MySQL (clients/mysql.ts). */
  readonly mysql: {consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>};
  readonly schema: SourceSchema;
  /** The empty read model (apply/readModel.ts). */
  readonly model: {apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>};
  readonly clock: Clock;
  /** Orders in one script. */
  readonly chunkOrdersMax: number;
  /** Told after each page. */
  readonly progress: (filled: Filled) => void;
}

export interface Filled {
  readonly orders: number;
  readonly lines: number;
}

const PAGE_ORDERS = 2_000;
const NOTHING: Reduction = {patches: new Map(), products: new Set(), created: new Set()};

/** Rejects with `rebuild-halted` at a row that cannot be used, and with the reason of `signal`. */
export async function fillFromMysql(deps: FillDeps, signal: AbortSignal): Promise<Filled> {
  const {ranges, mysql, schema, clock, progress} = deps;
  const ends = await ranges();
  // The position of one partition stands for all while the base is written: it is expected, and stays.
  const position = formatPosition({nextOffset: ends.get(0)?.high ?? 0n, last: null});
  for (const [partition, {high}] of ends) {
    const next = formatPosition({nextOffset: high, last: null});
    await apply(deps, partition, {expected: NO_POSITION, next, reduction: NOTHING});
  }
  await clock.sleep(VISIBLE_AFTER_MS, signal);
  return await mysql.consistentSnapshot(async (ask) => {
    let filled: Filled = {orders: 0, lines: 0};
    let page: SourcePage | undefined;
    do {
      signal.throwIfAborted();
      const after: string | null = page?.next ?? null;
      const [next] = await Promise.all([
        readSourcePage(ask, {after, limit: PAGE_ORDERS}, schema),
        page === undefined ? undefined : applyPage(deps, page, position),
      ]);
      page = next;
      filled = {orders: filled.orders + page.orders.size, lines: filled.lines + page.lineCount};
      progress(filled);
    } while (page.next !== null);
    await applyPage(deps, page, position);
    return filled;
  });
}

async function applyPage(deps: FillDeps, {orders}: SourcePage, position: string): Promise<void> {
  let reducer = new Reducer();
  const send = async (): Promise<void> => {
    const reduction = reducer.reduction();
    reducer = new Reducer();
    await apply(deps, 0, {expected: position, next: position, reduction});
  };
  for (const [orderId, {changes, fault}] of orders) {
    if (fault !== undefined) throw new ProjectorError('rebuild-halted', `order ${orderId}: ${fault}`);
    for (const change of changes) reducer.add(change);
    if (reducer.orderCount >= deps.chunkOrdersMax) await send();
  }
  if (reducer.orderCount > 0) await send();
}

async function apply({model}: FillDeps, partition: number, request: ApplyRequest): Promise<void> {
  const {kind} = await model.apply(partition, request);
  if (kind === 'applied') return;
  throw new ProjectorError('rebuild-lost', 'something else writes to the database that is being filled');
}
