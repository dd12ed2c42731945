/**
 * The first look at everything: what is not equal now is suspected, no more. Both sides go on changing meanwhile.
 *
 * Memory: one page of orders; the ids of all products and of all users (some 100 bytes each); and the suspects.
 */
import type {RowQuery} from '../clients/mysql.js';
import type {SourceSchema} from '../decode/schema.js';
import {quoted, readSourcePage, type SourcePage} from '../sourceRows.js';
import type {Comparison, Subject, SubjectKind} from './finding.js';
import {compareOrders} from './orders.js';
import {compareProducts, compareUsers, sumQuestions, sumsOf, type Sums} from './sums.js';
import type {Sides} from './source.js';

export interface SurveyOptions {
  /** Suspects beyond this number are counted, and not looked at again. */
  readonly suspectsMax: number;
  readonly progress: (looked: Looked) => void;
  readonly signal: AbortSignal;
}

export interface Looked {
  orders: number;
  products: number;
  users: number;
  keys: number;
  /** Keys outside of the names of the read model. */
  foreignKeys: number;
}

const PAGE_ORDERS = 1_000;
const PAGE_SUMS = 1_000;

export class Survey {
  readonly #sides: Sides;
  readonly #options: SurveyOptions;
  readonly looked: Looked = {orders: 0, products: 0, users: 0, keys: 0, foreignKeys: 0};
  #knownProducts: ReadonlySet<string> = new Set();
  readonly suspects = new Map<string, Subject>();
  /** How many more there were than are kept. */
  overflow = 0;

  constructor(sides: Sides, options: SurveyOptions) {
    this.#sides = sides;
    this.#options = options;
  }

  async everything(): Promise<void> {
    await this.#orders();
    await this.#sums('product');
    await this.#sums('user');
    const totals = await this.#sides.compare('totals', ['all']);
    this.#suspect('totals', totals);
    await this.#keys();
  }

  /** Orders at these places of the id range, each a number from 0 to 1. */
  async sample(places: readonly number[]): Promise<void> {
    const {mysql, schema} = this.#sides;
    for (const place of places) {
      this.#options.signal.throwIfAborted();
      const page = await mysql.consistentSnapshot(async (ask) => {
        const after = await idAt(ask, schema, place);
        return await readSourcePage(ask, {after, limit: 1}, schema);
      });
      await this.#page(page.orders);
    }
  }

  async #orders(): Promise<void> {
    const {mysql, schema} = this.#sides;
    let after: string | null = null;
    do {
      this.#options.signal.throwIfAborted();
      const from: string | null = after;
      const page: SourcePage = await mysql.consistentSnapshot(
        async (ask) => await readSourcePage(ask, {after: from, limit: PAGE_ORDERS}, schema),
      );
      await this.#page(page.orders);
      after = page.next;
    } while (after !== null);
  }

  async #page(orders: SourcePage['orders']): Promise<void> {
    const {redis, orderSettings} = this.#sides;
    this.#suspect('order', await compareOrders(redis, orders, orderSettings));
    this.looked.orders += orders.size;
    this.#options.progress(this.looked);
  }

  /** MySQL's sums, then members of the report that MySQL knows nothing of. */
  async #sums(kind: 'product' | 'user'): Promise<void> {
    const {mysql, redis, schema, keys} = this.#sides;
    const questions = sumQuestions(schema);
    const [question, decimals] =
      kind === 'product' ? [questions.products, 0] : [questions.users, schema.moneyDecimals];
    const compare = async (sums: Sums): Promise<Comparison> =>
      kind === 'product' ? await compareProducts(redis, sums, keys) : await compareUsers(redis, sums, keys);
    const known = new Set<string>();
    for await (const rows of mysql.stream(question, PAGE_SUMS)) {
      this.#options.signal.throwIfAborted();
      const sums = sumsOf(rows, decimals);
      for (const id of sums.keys()) known.add(id);
      this.#suspect(kind, await compare(sums));
      this.looked[kind === 'product' ? 'products' : 'users'] += sums.size;
      this.#options.progress(this.looked);
    }
    for await (const members of redis.members(kind === 'product' ? keys.reportProducts : keys.reportUsers)) {
      const unknown = members.filter((id) => !known.has(id));
      for (const id of unknown) this.#add({kind, id});
    }
    if (kind === 'product') this.#knownProducts = known;
  }

  /** Redis' own keys: orders and counters that MySQL knows nothing of, names that are none of ours. */
  async #keys(): Promise<void> {
    const {redis, keys, prefix} = this.#sides;
    for await (const page of redis.keys()) {
      this.#options.signal.throwIfAborted();
      const orderIds = new Set<string>();
      const counters = new Map<string, string>();
      for (const key of page) {
        const name = key.slice(prefix.length);
        const [, orderId] = /^order(?:_lines)?:(-?\d+)$/.exec(name) ?? [];
        const [, product] = /^product:(-?\d+):sold$/.exec(name) ?? [];
        if (this.#sides.isMalformed(key)) this.#add({kind: 'key', id: key});
        else if (!key.startsWith(prefix)) this.looked.foreignKeys++;
        else if (orderId !== undefined) orderIds.add(orderId);
        else if (product !== undefined) {
          if (!this.#knownProducts.has(product)) counters.set(product, '0');
        } else if (!/^(?:report|projector):/.test(name)) this.looked.foreignKeys++;
      }
      this.looked.keys += page.length;
      if (counters.size > 0) this.#suspect('product', await compareProducts(redis, counters, keys));
      for (const id of await this.#unknownOrders([...orderIds])) this.#add({kind: 'order', id});
      this.#options.progress(this.looked);
    }
  }

  /** Ids of which MySQL has neither a row nor lines. */
  async #unknownOrders(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const {mysql, schema} = this.#sides;
    const {orders, lines} = schema;
    const list = ids.join(', ');
    const question =
      `SELECT ${quoted(orders.id)} AS id FROM ${quoted(orders.table)} WHERE ${quoted(orders.id)} IN (${list}) ` +
      `UNION SELECT ${quoted(lines.orderId)} AS id FROM ${quoted(lines.table)} WHERE ${quoted(lines.orderId)} IN (${list})`;
    const rows = await mysql.consistentSnapshot(async (ask) => await ask(question, []));
    const known = new Set(rows.map(({id}) => id));
    return ids.filter((id) => !known.has(id));
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

/** An id below that of the order at this place of the id range; null at its beginning. */
async function idAt(ask: RowQuery, {orders}: SourceSchema, place: number): Promise<string | null> {
  const [range] = await ask(
    `SELECT MIN(${quoted(orders.id)}) AS low, MAX(${quoted(orders.id)}) AS high FROM ${quoted(orders.table)}`,
    [],
  );
  const {low = null, high = null} = range ?? {};
  if (low === null || high === null) return null;
  const width = BigInt(high) - BigInt(low) + 1n;
  return (BigInt(low) - 1n + (width * BigInt(Math.floor(place * 1e9))) / 1_000_000_000n).toString();
}
