/**
 * The first look at everything: it collects the subjects that differ as suspects.
 *
 * A suspect is not a proven difference, because both sides continue to change during the look. settle.ts decides on suspects.
 *
 * Memory: one page of orders, the ids of all products and of all users (about 100 bytes each), and the suspects.
 */
import {isOwnKey} from '../../redis-model/keys.js';
import type {ExpectedOrders, SumKind} from './expected.js';
import type {Comparison, Subject, SubjectKind} from './finding.js';
import {compareOrders} from './orders.js';
import type {Sides} from './sides.js';
import {compareProducts, compareUsers} from './sums.js';

export interface SurveyOptions {
  /** The survey only counts suspects beyond this number. They are not compared again. */
  readonly suspectsMax: number;
  readonly progress: (looked: Looked) => void;
  readonly signal: AbortSignal;
}

export interface Looked {
  orders: number;
  products: number;
  users: number;
  keys: number;
  /** Keys that do not belong to the read model. */
  foreignKeys: number;
}

export class Survey {
  readonly #sides: Sides;
  readonly #options: SurveyOptions;
  readonly looked: Looked = {orders: 0, products: 0, users: 0, keys: 0, foreignKeys: 0};
  #knownProducts: ReadonlySet<string> = new Set();
  readonly suspects = new Map<string, Subject>();
  /** Suspects beyond `suspectsMax`. A subject that is found twice can count twice. */
  overflow = 0;

  constructor(sides: Sides, options: SurveyOptions) {
    this.#sides = sides;
    this.#options = options;
  }

  async everything(): Promise<void> {
    const {expected} = this.#sides;
    await this.#orders(expected.orderPages(() => (this.looked.orders = 0)));
    await this.#sums('product');
    await this.#sums('user');
    this.#suspect('totals', await this.#sides.compare('totals', ['all']));
    await this.#keys();
  }

  /** Compares only these orders. */
  async sample(pages: AsyncIterable<ExpectedOrders>): Promise<void> {
    await this.#orders(pages);
  }

  async #orders(pages: AsyncIterable<ExpectedOrders>): Promise<void> {
    const {redis, keys} = this.#sides;
    for await (const orders of pages) {
      this.#options.signal.throwIfAborted();
      this.#suspect('order', await compareOrders(redis, orders, keys));
      this.looked.orders += orders.size;
      this.#options.progress(this.looked);
    }
  }

  /** Compares the expected sums. Then it adds the members of the sorted set that are not expected. */
  async #sums(kind: SumKind): Promise<void> {
    const {expected, redis, keys} = this.#sides;
    const compare = kind === 'product' ? compareProducts : compareUsers;
    const known = new Set<string>();
    for await (const sums of expected.sumPages(kind)) {
      this.#options.signal.throwIfAborted();
      for (const id of sums.keys()) known.add(id);
      this.#suspect(kind, await compare(redis, sums, keys));
      this.looked[kind === 'product' ? 'products' : 'users'] = known.size;
      this.#options.progress(this.looked);
    }
    for await (const members of redis.members(kind === 'product' ? keys.reportProducts : keys.reportUsers)) {
      this.#options.signal.throwIfAborted();
      const unknown = members.filter((id) => !known.has(id));
      for (const id of unknown) this.#add({kind, id});
    }
    if (kind === 'product') this.#knownProducts = known;
  }

  /** Looks at every key in Redis. It finds orders and counters that are not expected, malformed keys, and foreign keys. */
  async #keys(): Promise<void> {
    const {expected, redis, keys} = this.#sides;
    const again = (): void => {
      this.looked.keys = 0;
      this.looked.foreignKeys = 0;
    };
    for await (const page of redis.keys(again)) {
      this.#options.signal.throwIfAborted();
      const orderIds = new Set<string>();
      const counters = new Map<string, string>();
      for (const key of page) {
        const {orderId, product} = this.#sorted(key);
        if (orderId !== undefined) orderIds.add(orderId);
        if (product !== undefined && !this.#knownProducts.has(product)) counters.set(product, '0');
      }
      this.looked.keys += page.length;
      if (counters.size > 0) this.#suspect('product', await compareProducts(redis, counters, keys));
      const known = await expected.knownOrders([...orderIds]);
      for (const id of orderIds) if (!known.has(id)) this.#add({kind: 'order', id});
      this.#options.progress(this.looked);
    }
  }

  /** The order or product that a key belongs to. It counts a foreign key, and adds a malformed key to the suspects. */
  #sorted(key: string): {orderId?: string | undefined; product?: string | undefined} {
    const {prefix} = this.#sides;
    if (this.#sides.isMalformed(key)) this.#add({kind: 'key', id: key});
    else if (isOwnKey(key, prefix)) {
      // The id is taken as text from the key. So `order:007` becomes a suspect, because no expected order has the id `007`.
      return this.#sides.idsIn(key);
    } else this.looked.foreignKeys++;
    return {};
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
