/**
 * The base of a new read model: nothing and the start of the topic, or the initial load from MySQL.
 *
 * An initial load takes these steps:
 *
 * 1. It reads the end of every partition and stores these offsets as the positions.
 * 2. It waits until MySQL shows every transaction before these offsets (S8).
 * 3. It reads one consistent snapshot of MySQL, page by page.
 * 4. It writes the orders of each page, and adds up what they contribute to counters and reports.
 * 5. It writes these sums (baseWriter.ts).
 *
 * The snapshot contains every change before the stored offsets. It can also contain later changes. The worker that follows
 * applies those again. Changes carry full rows, so every row ends as the topic ends (I3).
 */
import type {LogRange} from '../../clients/kafka/eventLog.js';
import type {RowQuery} from '../../clients/mysql.js';
import {itemDecimals} from '../../domain/sourceSchema.js';
import {readSourcePage, type SourcePage} from '../../upstream/sourceRows.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import type {Visible} from '../../upstream/visibility.js';
import {BaseWriter, type Base, type BaseWriterDeps} from './baseWriter.js';
import {PartitionedBase} from './partitionedBase.js';

export interface LoadDeps extends BaseDeps {
  /** MySQL (clients/mysql.ts). */
  readonly mysql: {consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>};
  readonly tables: SourceTables;
  readonly visible: Visible;
  /** Largest number of orders in one script. */
  readonly chunkOrdersMax: number;
  /** Called after each page, with the sums so far. */
  readonly progress: (loaded: LoadedRows) => void;
}

export interface BaseDeps extends BaseWriterDeps {
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /** The partition of an order, in the layout `partitioned`. Undefined in `single`. */
  readonly partitionOf?: ((orderId: string) => number) | undefined;
}

export interface LoadedRows {
  readonly orders: number;
  readonly items: number;
}

const PAGE_ORDERS = 2_000;

/** Creates an empty read model whose positions are the first offsets of the partitions. */
export async function startEmpty(deps: BaseDeps): Promise<void> {
  const {ranges} = deps;
  const writer = baseOf(deps);
  for (const [partition, {low}] of await ranges()) await writer.place(partition, low);
  await writer.finish();
}

/**
 * Runs the initial load. Rejects with `rebuild-halted` if a row cannot be used, or if Redis has lost a chunk. If `signal`
 * aborts, it rejects with the reason of `signal`.
 */
export async function loadFromMysql(deps: LoadDeps, signal: AbortSignal): Promise<LoadedRows> {
  const {ranges, mysql, tables, visible, chunkOrdersMax, progress} = deps;
  const writer = baseOf(deps);
  const options = {chunkOrdersMax, itemDecimals: itemDecimals(tables.schema)};
  const ends = new Map([...(await ranges())].map(([partition, {high}]) => [partition, high]));
  for (const [partition, end] of ends) await writer.place(partition, end);
  await visible(ends, signal);
  const loaded = await mysql.consistentSnapshot(async (ask) => {
    let sum: LoadedRows = {orders: 0, items: 0};
    let page: SourcePage | undefined;
    do {
      signal.throwIfAborted();
      const after: string | null = page?.next ?? null;
      const [next] = await Promise.all([
        readSourcePage(ask, {after, limit: PAGE_ORDERS}, tables),
        page === undefined ? undefined : writer.write(page, options),
      ]);
      page = next;
      sum = {orders: sum.orders + page.orders.size, items: sum.items + page.itemCount};
      progress(sum);
    } while (page.next !== null);
    await writer.write(page, options);
    return sum;
  });
  await writer.finish();
  return loaded;
}

function baseOf({partitionOf, ...deps}: BaseDeps): Base {
  return partitionOf === undefined ? new BaseWriter(deps) : new PartitionedBase(deps, partitionOf);
}
