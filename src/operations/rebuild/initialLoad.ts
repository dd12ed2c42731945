/**
 * The base of a new read model: nothing and the start of the topic, or the initial load from MySQL.
 *
 * An initial load takes these steps:
 *
 * 1. It reads the end of every partition and stores these offsets as the positions.
 * 2. It waits until MySQL shows every transaction before these offsets (S8).
 * 3. It reads one consistent snapshot of MySQL, page by page.
 * 4. It writes each page with the apply script.
 *
 * The snapshot contains every change before the stored offsets. It can also contain later changes. The worker that follows
 * applies those again. Changes carry full rows, so every row ends as the topic ends (I3).
 */
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import type {RowQuery} from '../../clients/mysql.js';
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {Backoff, type Clock} from '../../runtime/lifecycle.js';
import type {Reduction} from '../../domain/patch.js';
import {formatPosition, NO_POSITION} from '../../redis-model/position.js';
import {Reducer} from '../../reduce.js';
import {readSourcePage, type SourcePage} from '../../upstream/sourceRows.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import type {Visible} from '../../upstream/visibility.js';

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

export interface BaseDeps {
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /** The empty read model that receives the base. */
  readonly model: LoadModel;
  readonly clock: Clock;
  /** Names the run. It contains no blanks. */
  readonly id: string;
}

export interface LoadModel {
  apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
  /** Number of chunks that were applied (`projector:chunks`). A chunk without changes counts too. */
  chunkCount(): Promise<number>;
}

export interface LoadedRows {
  readonly orders: number;
  readonly items: number;
}

const PAGE_ORDERS = 2_000;
const NOTHING: Reduction = {patches: new Map(), products: new Set(), created: new Set()};
/** Attempts to write one chunk while Redis is not reachable. With the backoff they take about 60 s. */
const TRIES_MAX = 65;

/** Creates an empty read model whose positions are the first offsets of the partitions. */
export async function startEmpty(deps: BaseDeps): Promise<void> {
  const {ranges} = deps;
  const writer = new BaseWriter(deps);
  for (const [partition, {low}] of await ranges()) await writer.place(partition, low);
  await writer.requireAll();
}

/**
 * Runs the initial load. Rejects with `rebuild-halted` if a row cannot be used, or if Redis has lost a chunk. If `signal`
 * aborts, it rejects with the reason of `signal`.
 */
export async function loadFromMysql(deps: LoadDeps, signal: AbortSignal): Promise<LoadedRows> {
  const {ranges, mysql, tables, visible, chunkOrdersMax, progress} = deps;
  const writer = new BaseWriter(deps);
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
        page === undefined ? undefined : writer.write(page, chunkOrdersMax),
      ]);
      page = next;
      sum = {orders: sum.orders + page.orders.size, items: sum.items + page.itemCount};
      progress(sum);
    } while (page.next !== null);
    await writer.write(page, chunkOrdersMax);
    return sum;
  });
  await writer.requireAll();
  return loaded;
}

/**
 * Writes the base.
 *
 * Every chunk of rows expects the position of partition 0 and leaves it unchanged. If such a chunk is applied again, nothing
 * changes (I3). The chunks are counted, so the load detects that Redis has lost some of them.
 *
 * C4: an expired fence of this run replaces every position. So the script rejects every chunk of another run. The worker that
 * follows restores the positions when it resumes.
 */
class BaseWriter {
  readonly #model: LoadModel;
  readonly #clock: Clock;
  readonly #id: string;
  #position = NO_POSITION;
  #chunks = 0;

  constructor({model, clock, id}: BaseDeps) {
    this.#model = model;
    this.#clock = clock;
    this.#id = id;
  }

  /** Stores the offset at which the worker will resume this partition. */
  async place(partition: number, nextOffset: bigint): Promise<void> {
    const next = `fence 0 ${this.#id} ${formatPosition({nextOffset, last: null})}`;
    await this.#apply(partition, {expected: NO_POSITION, next, reduction: NOTHING});
    if (partition === 0) this.#position = next;
  }

  async write({orders}: SourcePage, chunkOrdersMax: number): Promise<void> {
    let reducer = new Reducer();
    const send = async (): Promise<void> => {
      const reduction = reducer.reduction();
      reducer = new Reducer();
      await this.#apply(0, {expected: this.#position, next: this.#position, reduction});
    };
    for (const [orderId, {changes, fault}] of orders) {
      if (fault !== undefined) throw new ProjectorError('rebuild-halted', `order ${orderId}: ${fault}`);
      for (const change of changes) reducer.add(change);
      if (reducer.orderCount >= chunkOrdersMax) await send();
    }
    if (reducer.orderCount > 0) await send();
  }

  /** Throws `rebuild-halted` if Redis does not hold every chunk. */
  async requireAll(): Promise<void> {
    if ((await this.#model.chunkCount()) === this.#chunks) return;
    throw new ProjectorError('rebuild-halted', 'Redis has lost writes of this run');
  }

  async #apply(partition: number, request: ApplyRequest): Promise<void> {
    const backoff = new Backoff(50, 1_000);
    for (let tries = 1; ; tries++) {
      try {
        if (tries > 1 && (await this.#isPresent())) break;
        const {kind} = await this.#model.apply(partition, request);
        if (kind === 'applied') break;
        throw new ProjectorError(
          'rebuild-lost',
          'another client writes to the database in which this run builds the read model',
        );
      } catch (error) {
        const isPassing = ERROR_POLICY[asProjectorError(error).kind].next === 'wait';
        if (!isPassing || tries >= TRIES_MAX) throw error;
        await this.#clock.sleep(backoff.nextMs());
      }
    }
    this.#chunks++;
  }

  /**
   * Returns whether Redis has applied the chunk whose reply was lost. Throws `rebuild-halted` if other chunks are missing.
   */
  async #isPresent(): Promise<boolean> {
    const count = await this.#model.chunkCount();
    if (count === this.#chunks + 1) return true;
    if (count === this.#chunks) return false;
    throw new ProjectorError('rebuild-halted', 'Redis has lost writes of this run');
  }
}
