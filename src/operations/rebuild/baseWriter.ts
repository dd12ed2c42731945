/**
 * Writes the base of a new read model: positions, orders, and their sums.
 *
 * The new read model has no readers and no other writer. So the orders are written without reading anything, and counters and reports are
 * written when all orders are there. Orders can be written twice with the same result. Sums cannot. So after a lost reply, the number of
 * chunks in Redis tells whether the sums are there. The count also shows whether Redis has lost some chunks.
 *
 * C4: an expired fence of this run replaces every position. So the scripts reject every chunk of another run. Each chunk of sums replaces the
 * fence of partition 0, so a copy that arrives late is rejected too (C2). The worker that follows restores the positions when it resumes.
 */
import {CreatedSums, createdOrders, type CreatedOrder} from '../../apply/createdOrders.js';
import type {LoadRequest} from '../../apply/loadScript.js';
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import type {OrderPatch, Reduction} from '../../domain/patch.js';
import {formatPosition, NO_POSITION} from '../../redis-model/position.js';
import {Reducer} from '../../reduce.js';
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import {Backoff, type Clock} from '../../runtime/lifecycle.js';
import type {SourcePage} from '../../upstream/sourceRows.js';

/** In the layout `single`, `load` and `chunkCount` are called with partition 0, and concern all orders. */
export interface LoadModel {
  apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
  /** Resolves with false if another position is stored. */
  load(partition: number, request: LoadRequest): Promise<boolean>;
  /** Number of chunks that were applied or loaded (`projector:chunks`). A chunk without changes counts too. */
  chunkCount(partition: number): Promise<number>;
}

/** What an initial load writes. */
export interface Base {
  /** Stores the offset at which the worker will resume this partition. */
  place(partition: number, nextOffset: bigint): Promise<void>;
  write(page: SourcePage, options: PageOptions): Promise<void>;
  finish(): Promise<void>;
}

export interface BaseWriterDeps {
  /** The empty read model that receives the base. */
  readonly model: LoadModel;
  readonly clock: Clock;
  /** Names the run. It contains no blanks. */
  readonly id: string;
  /** Products and users whose sums are kept in memory (L15). Beyond that, they are written, and the sums begin again. */
  readonly sumsMax?: number;
  /** The partition whose fence protects the orders. Default: 0. */
  readonly partition?: number;
  /** False in the layout `partitioned`: counters and reports are computed from the orders afterwards (I19). Default: true. */
  readonly writesSums?: boolean;
}

export interface PageOptions {
  /** Largest number of orders in one script. */
  readonly chunkOrdersMax: number;
  /** The decimals of the amounts of line items, if orders have no amount of their own. */
  readonly itemDecimals: number | undefined;
}

const NO_CHANGES: Reduction = {patches: new Map(), products: new Set(), created: new Set()};
/** Attempts to write one page while Redis is not reachable. With the backoff they take about 60 s. */
const TRIES_MAX = 65;
/** One script runs in Redis while the next one is on its way. Other clients of that Redis wait for at most two (L1). */
const IN_FLIGHT_MAX = 2;
const SUMS_MAX = 200_000;
/** Products and users of one script. It then takes as long as a script of a worker. */
const SUMS_PER_SCRIPT = 200;

export class BaseWriter implements Base {
  readonly #model: LoadModel;
  readonly #clock: Clock;
  readonly #id: string;
  readonly #partition: number;
  readonly #writesSums: boolean;
  /** The position of that partition. */
  #base = NO_POSITION;
  #sumChunks = 0;
  /** Chunks that Redis certainly holds. */
  #chunks = 0;
  #sums = new CreatedSums();
  readonly #sumsMax: number;

  constructor({model, clock, id, sumsMax = SUMS_MAX, partition = 0, writesSums = true}: BaseWriterDeps) {
    this.#partition = partition;
    this.#writesSums = writesSums;
    this.#sumsMax = sumsMax;
    this.#model = model;
    this.#clock = clock;
    this.#id = id;
  }

  async place(partition: number, nextOffset: bigint): Promise<void> {
    const position = formatPosition({nextOffset, last: null});
    await this.#apply(partition, {
      expected: NO_POSITION,
      next: this.#fenceOf(position),
      reduction: NO_CHANGES,
    });
    if (partition === this.#partition) this.#base = position;
  }

  /** Writes the orders of a page. Their sums are written by `finish`. */
  async write({orders}: SourcePage, {chunkOrdersMax, itemDecimals}: PageOptions): Promise<void> {
    const reducer = new Reducer();
    for (const [orderId, {changes, fault}] of orders) {
      if (fault !== undefined) throw new ProjectorError('rebuild-halted', `order ${orderId}: ${fault}`);
      for (const change of changes) reducer.add(change);
    }
    const reduction = reducer.reduction();
    const created = createdOrders(reduction, itemDecimals, this.#sums);
    this.#sums.name(reduction.products);
    await this.#load(inPartsOf(chunkOrdersMax, created));
    // Hidden orders, and line items without an order.
    const isCreated = new Set(created.map(({orderId}) => orderId));
    const others = [...reduction.patches].filter(([orderId]) => !isCreated.has(orderId));
    for (const patches of inPartsOf(chunkOrdersMax, others)) await this.#applyPatches(patches);
    if (this.#sums.size > this.#sumsMax || this.#sums.isLarge) await this.#endSums();
  }

  /** Writes the sums. Throws `rebuild-halted` if Redis does not hold every chunk. */
  async finish(): Promise<void> {
    await this.#endSums();
    await this.#retried(async () => {
      await this.#countAfter(0);
    });
  }

  async #endSums(): Promise<void> {
    const sums = this.#sums;
    this.#sums = new CreatedSums();
    if (!this.#writesSums) return;
    if (sums.size === 0 && sums.orders === 0) return;
    for (const loaded of sums.parts(SUMS_PER_SCRIPT)) {
      const expected = this.#fenceOf(this.#base);
      this.#sumChunks++;
      await this.#apply(this.#partition, {
        expected,
        next: this.#fenceOf(this.#base),
        reduction: NO_CHANGES,
        loaded,
      });
    }
  }

  async #applyPatches(patches: readonly [string, OrderPatch][]): Promise<void> {
    const fence = this.#fenceOf(this.#base);
    const reduction = {...NO_CHANGES, patches: new Map(patches)};
    await this.#apply(this.#partition, {expected: fence, next: fence, reduction});
  }

  #fenceOf(position: string): string {
    return `fence 0 ${this.#id}.${this.#sumChunks} ${position}`;
  }

  /** Writes chunks of orders, and again those that got no reply. */
  async #load(chunks: readonly (readonly CreatedOrder[])[]): Promise<void> {
    let waiting = chunks;
    let unknown = 0;
    await this.#retried(async (tries) => {
      if (tries > 1) {
        this.#chunks = await this.#countAfter(unknown);
        unknown = 0;
      }
      const queue = [...waiting];
      const failed: (readonly CreatedOrder[])[] = [];
      let failure: ProjectorError | undefined;
      const lane = async (): Promise<void> => {
        for (let orders = queue.shift(); orders !== undefined; orders = queue.shift()) {
          try {
            const expected = this.#fenceOf(this.#base);
            if (!(await this.#model.load(this.#partition, {expected, orders}))) throw otherWriter();
            this.#chunks++;
          } catch (error) {
            failure ??= asProjectorError(error);
            failed.push(orders, ...queue.splice(0));
            unknown++;
          }
        }
      };
      await Promise.all(Array.from({length: IN_FLIGHT_MAX}, lane));
      waiting = failed;
      if (failure !== undefined) throw failure;
    });
  }

  async #apply(partition: number, request: ApplyRequest): Promise<void> {
    await this.#retried(async (tries) => {
      if (tries > 1) {
        const count = await this.#countAfter(1);
        const isPresent = count > this.#chunks;
        this.#chunks = count;
        if (isPresent) return;
      }
      const outcome = await this.#model.apply(partition, request);
      if (outcome.kind === 'rejected') throw otherWriter();
      if (outcome.kind === 'corrupt') {
        throw new ProjectorError('rebuild-halted', `order ${outcome.orderId}: ${outcome.what}`);
      }
      this.#chunks++;
    });
  }

  /** The number of chunks that Redis holds, after `unknown` chunks got no reply. Redis loses the newest ones first. */
  async #countAfter(unknown: number): Promise<number> {
    const count = await this.#model.chunkCount(this.#partition);
    if (count < this.#chunks || count > this.#chunks + unknown) throw lostWrites();
    return count;
  }

  async #retried(attempt: (tries: number) => Promise<void>): Promise<void> {
    const backoff = new Backoff(50, 1_000);
    for (let tries = 1; ; tries++) {
      try {
        await attempt(tries);
        return;
      } catch (error) {
        const isPassing = ERROR_POLICY[asProjectorError(error).kind].next === 'wait';
        if (!isPassing || tries >= TRIES_MAX) throw error;
        await this.#clock.sleep(backoff.nextMs());
      }
    }
  }
}

function otherWriter(): ProjectorError {
  return new ProjectorError(
    'rebuild-lost',
    'another client writes to the database in which this run builds the read model',
  );
}

function lostWrites(): ProjectorError {
  return new ProjectorError('rebuild-halted', 'Redis has lost writes of this run');
}

function inPartsOf<T>(most: number, list: readonly T[]): (readonly T[])[] {
  return Array.from({length: Math.ceil(list.length / most)}, (_, index) =>
    list.slice(index * most, (index + 1) * most),
  );
}
