/**
 * Where a read model that is made anew begins: with nothing, at the start of the log; or filled from MySQL, as it was at one instant, with the positions where the log then goes on.
 *
 *   ends of the log -> a moment -> one snapshot of MySQL, page by page -> the apply script
 *
 * S8: what stands in the log before its end is in the snapshot. What came after, and is in the snapshot too, is applied again by
 * the worker that follows: changes carry full rows, so every row ends where the log ends (I3).
 */
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import type {RowQuery} from '../../clients/mysql.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {Backoff, type Clock} from '../../runtime/lifecycle.js';
import type {Reduction} from '../../domain/patch.js';
import {formatPosition, NO_POSITION} from '../../redis-model/position.js';
import {Reducer} from '../../reduce.js';
import {readSourcePage, VISIBLE_AFTER_MS, type SourcePage} from '../../upstream/sourceRows.js';

export interface FillDeps extends BaseDeps {
  /** MySQL (clients/mysql.ts). */
  readonly mysql: {consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>};
  readonly schema: SourceSchema;
  /** Orders in one script. */
  readonly chunkOrdersMax: number;
  /** Told after each page. */
  readonly progress: (filled: Filled) => void;
}

export interface BaseDeps {
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /** The empty read model. */
  readonly model: FillModel;
  readonly clock: Clock;
  /** Names the run. Without blanks. */
  readonly id: string;
}

export interface FillModel {
  apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
  /** How many chunks it holds; every one counts, also one without changes (`projector:chunks`). */
  chunkCount(): Promise<number>;
}

export interface Filled {
  readonly orders: number;
  readonly lines: number;
}

const PAGE_ORDERS = 2_000;
const NOTHING: Reduction = {patches: new Map(), products: new Set(), created: new Set()};
/** Tries of one chunk while Redis is away, some 60 s in all. */
const TRIES_MAX = 65;

/** An empty read model that stands at the start of the log. */
export async function fillWithNothing(deps: BaseDeps): Promise<void> {
  const {ranges} = deps;
  const writer = new BaseWriter(deps);
  for (const [partition, {low}] of await ranges()) await writer.place(partition, low);
  await writer.requireAll();
}

/** Rejects with `rebuild-halted` at a row that cannot be used, and with the reason of `signal`. */
export async function fillFromMysql(deps: FillDeps, signal: AbortSignal): Promise<Filled> {
  const {ranges, mysql, schema, clock, chunkOrdersMax, progress} = deps;
  const writer = new BaseWriter(deps);
  for (const [partition, {high}] of await ranges()) await writer.place(partition, high);
  await clock.sleep(VISIBLE_AFTER_MS, signal);
  const filled = await mysql.consistentSnapshot(async (ask) => {
    let sum: Filled = {orders: 0, lines: 0};
    let page: SourcePage | undefined;
    do {
      signal.throwIfAborted();
      const after: string | null = page?.next ?? null;
      const [next] = await Promise.all([
        readSourcePage(ask, {after, limit: PAGE_ORDERS}, schema),
        page === undefined ? undefined : writer.write(page, chunkOrdersMax),
      ]);
      page = next;
      sum = {orders: sum.orders + page.orders.size, lines: sum.lines + page.lineCount};
      progress(sum);
    } while (page.next !== null);
    await writer.write(page, chunkOrdersMax);
    return sum;
  });
  await writer.requireAll();
  return filled;
}

/**
 * Writes the base. All its chunks expect the position of one partition and leave it, so one that is sent again changes nothing
 * (I3); and they are counted, so a Redis that has lost some of them meanwhile is noticed.
 * C4: positions stand behind fences of this run whose time is over. So no chunk of another run fits, and the worker that follows
 * puts the positions back by itself.
 */
class BaseWriter {
  readonly #model: FillModel;
  readonly #clock: Clock;
  readonly #id: string;
  #position = NO_POSITION;
  #chunks = 0;

  constructor({model, clock, id}: BaseDeps) {
    this.#model = model;
    this.#clock = clock;
    this.#id = id;
  }

  /** Where the log goes on from in this partition. */
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

  /** Throws `rebuild-halted` when Redis does not hold every chunk. */
  async requireAll(): Promise<void> {
    if ((await this.#model.chunkCount()) === this.#chunks) return;
    throw new ProjectorError('rebuild-halted', 'Redis has lost writes while it was filled');
  }

  async #apply(partition: number, request: ApplyRequest): Promise<void> {
    const backoff = new Backoff(50, 1_000);
    for (let tries = 1; ; tries++) {
      try {
        if (tries > 1 && (await this.#isThere())) break;
        const {kind} = await this.#model.apply(partition, request);
        if (kind === 'applied') break;
        throw new ProjectorError(
          'rebuild-lost',
          'something else writes to the database that is being filled',
        );
      } catch (error) {
        const isPassing = ERROR_POLICY[asProjectorError(error).kind].next === 'wait';
        if (!isPassing || tries >= TRIES_MAX) throw error;
        await this.#clock.sleep(backoff.nextMs());
      }
    }
    this.#chunks++;
  }

  /** Whether the chunk whose answer is missing was applied. */
  async #isThere(): Promise<boolean> {
    const count = await this.#model.chunkCount();
    if (count === this.#chunks + 1) return true;
    if (count === this.#chunks) return false;
    throw new ProjectorError('rebuild-halted', 'Redis has lost writes while it was filled');
  }
}
