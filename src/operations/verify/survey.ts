/**
 * The first look at everything: it collects the subjects that differ as suspects.
 *
 * A suspect is not a proven difference, because both sides continue to change during the look. settle.ts decides on suspects.
 *
 * The look has stages. Orders and keys come before the sums that add them up. Each stage returns after every page, so that the caller
 * can pause, settle the suspects, or continue later.
 *
 * Memory: one page, the suspects, and ids in a limited amount of memory (seenIds.ts, idFilter.ts).
 */
import {wholeScore} from '../../redis-model/scores.js';
import type {ExpectedOrders, SumKind} from './expected.js';
import type {Comparison, Subject, SubjectKind} from './finding.js';
import {IdFilter} from '../../domain/idFilter.js';
import {SeenIds} from '../../domain/seenIds.js';
import type {Sides} from './sides.js';
import {compareProducts, compareUsers} from './sums.js';

export const STAGES = ['orders', 'keys', 'products', 'users', 'totals'] as const;
export type Stage = (typeof STAGES)[number];

export interface SurveyOptions {
  /** The survey only counts suspects beyond this number. They are not compared again. */
  readonly suspectsMax: number;
  readonly progress: (looked: Looked) => void;
  readonly signal: AbortSignal;
  /** A whole number that differs from survey to survey (idFilter.ts). */
  readonly seed: number;
}

export interface Looked {
  orders: number;
  products: number;
  users: number;
  keys: number;
  /** Keys that do not belong to the read model. */
  foreignKeys: number;
}

/** One page of a stage. */
export interface Step {
  /** How many rows or keys were read. */
  readonly rows: number;
  /** The stage can begin after this id later. Null if it has to begin at its start. */
  readonly next: string | null;
}

export class Survey {
  readonly #sides: Sides;
  readonly #options: SurveyOptions;
  readonly looked: Looked = {orders: 0, products: 0, users: 0, keys: 0, foreignKeys: 0};
  readonly suspects = new Map<string, Subject>();
  /** The orders that were compared. Their keys are no strays. */
  readonly #seen: SeenIds;
  /** Suspects beyond `suspectsMax`. A subject that is found twice can count twice. */
  overflow = 0;

  constructor(sides: Sides, options: SurveyOptions) {
    this.#sides = sides;
    this.#options = options;
    this.#seen = new SeenIds(options.seed);
  }

  async everything(): Promise<void> {
    for (const stage of STAGES) {
      const steps = this.steps(stage);
      while ((await steps.next()).done !== true);
    }
  }

  /** One stage, page by page. `after` is the `next` of an earlier step of this stage. */
  async *steps(stage: Stage, after: string | null = null): AsyncGenerator<Step> {
    const steps = {
      orders: () => this.#orders(after),
      keys: () => this.#keys(),
      products: () => this.#sums('product'),
      users: () => this.#sums('user'),
      totals: () => this.#totals(),
    }[stage]();
    for await (const step of steps) {
      this.#options.signal.throwIfAborted();
      this.#options.progress(this.looked);
      yield step;
    }
  }

  /** Compares only these orders. */
  async sample(pages: AsyncIterable<ExpectedOrders>): Promise<void> {
    for await (const orders of pages) {
      this.#options.signal.throwIfAborted();
      await this.#compareOrders(orders);
      this.#options.progress(this.looked);
    }
  }

  /** While Redis is asked for one page, the next one is read. No comparison is in flight when a step is returned. */
  async *#orders(after: string | null): AsyncGenerator<Step> {
    const again = (): void => void (this.looked.orders = 0);
    let before: {readonly compared: Promise<void>; readonly step: Step} | undefined;
    for await (const {orders, rows, next} of this.#sides.expected.orderPages({again, after})) {
      await before?.compared;
      if (before !== undefined) yield before.step;
      const compared = this.#compareOrders(orders);
      // The next page can fail first. Then nobody waits for this comparison any more.
      compared.catch(() => undefined);
      before = {compared, step: {rows, next}};
    }
    await before?.compared;
    if (before !== undefined) yield before.step;
  }

  async #compareOrders(orders: ExpectedOrders): Promise<void> {
    this.#suspect('order', await this.#sides.compareOrders(orders));
    for (const id of orders.keys()) this.#seen.add(id);
    this.looked.orders += orders.size;
  }

  /** Compares the expected sums. Then it adds the members of the sorted set that are not expected. */
  async *#sums(kind: SumKind): AsyncGenerator<Step> {
    const {expected, redis, keys} = this.#sides;
    const [compare, looked] =
      kind === 'product' ? [compareProducts, 'products' as const] : [compareUsers, 'users' as const];
    const key = kind === 'product' ? keys.reportProducts : keys.reportUsers;
    const known = new IdFilter(await redis.memberCount(key), this.#options.seed);
    const again = (): void => void (this.looked[looked] = 0);
    for await (const sums of expected.sumPages(kind, again)) {
      for (const id of sums.keys()) known.add(id);
      this.#suspect(kind, await compare(redis, sums, keys));
      this.looked[looked] += sums.size;
      yield {rows: sums.size, next: null};
    }
    for await (const members of redis.members(key)) {
      for (const id of members) if (!known.mayHave(id)) this.#add({kind, id});
      yield {rows: members.length, next: null};
    }
  }

  async *#totals(): AsyncGenerator<Step> {
    this.#suspect('totals', await this.#sides.compare('totals', ['all']));
    yield {rows: 1, next: null};
  }

  /**
   * Looks at every key in Redis. It finds orders that are not expected, counters without their score, malformed keys, and foreign keys.
   *
   * The keys of an order that this survey has compared need no question: at that moment the expected side had the order, and the keys were
   * compared with it. An order that was deleted since then is like any other change after its comparison. A survey that begins with this
   * stage has compared none, and asks for all.
   */
  async *#keys(): AsyncGenerator<Step> {
    const {expected, redis} = this.#sides;
    const again = (): void => {
      this.looked.keys = 0;
      this.looked.foreignKeys = 0;
    };
    for await (const page of redis.keys(again)) {
      const orderIds = new Set<string>();
      const products = new Set<string>();
      for (const key of page) {
        const text = this.#sides.orderTextIn(key);
        if (text === undefined || !this.#seen.has(text)) this.#sort(key, {orderIds, products});
      }
      this.looked.keys += page.length;
      const [known] = await Promise.all([expected.knownOrders([...orderIds]), this.#counters([...products])]);
      for (const id of orderIds) if (!known.has(id)) this.#add({kind: 'order', id});
      yield {rows: page.length, next: null};
    }
    this.#seen.clear();
  }

  /**
   * A counter must be equal to its score, or be 0 without one. The scores are compared with the expected side, so that the ids of all
   * products need not be remembered for the counters.
   */
  async #counters(ids: readonly string[]): Promise<void> {
    const {redis, keys} = this.#sides;
    const [counters, scores] = await Promise.all([
      redis.getAll(ids.map((id) => keys.productSold(id))),
      redis.scores(keys.reportProducts, ids),
    ]);
    ids.forEach((id, index) => {
      const score = scores[index] ?? null;
      const counter = counters[index] ?? null;
      // The key has been deleted since it was listed, or it holds another type, which the comparison with the expected side finds.
      const isEqual = counter !== null && counter === (score === null ? '0' : wholeScore(score));
      if (!isEqual) this.#add({kind: 'product', id});
    });
  }

  /** Adds the order or product of a key to these. It counts a foreign key, and adds a malformed key to the suspects. */
  #sort(key: string, {orderIds, products}: {orderIds: Set<string>; products: Set<string>}): void {
    const sorted = this.#sides.sorted(key);
    switch (sorted.kind) {
      case 'order':
        // The id is taken as text from the key. So `order:007` becomes a suspect, because no expected order has the id `007`.
        orderIds.add(sorted.id);
        return;
      case 'product':
        products.add(sorted.id);
        return;
      case 'malformed':
        this.#add({kind: 'key', id: key});
        return;
      case 'foreign':
        this.looked.foreignKeys++;
        return;
      case 'other':
        return;
    }
  }

  #suspect(kind: SubjectKind, comparison: Comparison): void {
    for (const [id, findings] of comparison) if (findings.length > 0) this.#add({kind, id});
  }

  #add(subject: Subject): void {
    const name = `${subject.kind} ${subject.id}`;
    if (this.suspects.has(name)) return;
    if (this.suspects.size >= this.#options.suspectsMax) this.overflow++;
    else this.suspects.set(name, subject);
  }
}
