/** Computes what Redis must hold after the first events of a shop, and compares Redis with it. */
import type {Redis} from 'ioredis';
import {rowEvents, type LineImage, type OrderImage, type ShopPlan} from './shop.js';

const ASKED_AT_ONCE = 1_000;

export interface Verdict {
  readonly checked: number;
  readonly wrong: number;
}

/** The part of the read model that a design maintains. */
export interface Scope {
  readonly hasReports: boolean;
  /** How it stores the line items of an order. */
  readonly lines: 'hash' | 'text';
}

type Fields = Record<string, string>;

interface ExpectedOrder {
  row: OrderImage | undefined;
  readonly lines: Map<number, LineImage>;
}

export class ExpectedShop {
  readonly #orders = new Map<number, ExpectedOrder>();
  readonly #sold = new Map<number, number>();

  static after(plan: ShopPlan): ExpectedShop {
    const expected = new ExpectedShop();
    for (const event of rowEvents(plan)) {
      const order = expected.#orderOf(event.orderId);
      if (event.table === 'orders') order.row = event.after ?? undefined;
      else {
        const {before, after} = event;
        if (before !== null) expected.#sell(before, -1);
        if (after !== null) expected.#sell(after, 1);
        if (after === null) order.lines.delete(before?.id ?? 0);
        else order.lines.set(after.id, after);
      }
    }
    return expected;
  }

  /** Compares every order, its line items and every counter, and the reports if the design maintains them. */
  async compare(redis: Redis, {hasReports, lines}: Scope): Promise<Verdict> {
    let wrong = await this.#wrongOrders(redis, lines);
    wrong += await this.#wrongCounters(redis);
    if (hasReports) wrong += await this.#wrongReports(redis);
    return {checked: this.#orders.size + this.#sold.size, wrong};
  }

  async #wrongOrders(redis: Redis, form: Scope['lines']): Promise<number> {
    let wrong = 0;
    const orders = [...this.#orders];
    for (let at = 0; at < orders.length; at += ASKED_AT_ONCE) {
      const part = orders.slice(at, at + ASKED_AT_ONCE);
      const pipeline = redis.pipeline();
      for (const [id] of part) {
        pipeline.hgetall(`order:${id}`);
        if (form === 'hash') pipeline.hgetall(`order_lines:${id}`);
        else pipeline.get(`order_lines:${id}`);
      }
      const replies = (await pipeline.exec()) ?? [];
      part.forEach(([, order], index) => {
        const row = replies[2 * index]?.[1] as Fields;
        const lines = replies[2 * index + 1]?.[1] as Fields | string | null;
        const hasLines =
          form === 'hash'
            ? sameFields(lines as Fields, lineFields(order))
            : (lines ?? '') === lineTexts(order);
        if (!sameFields(row, orderFields(order)) || !hasLines) wrong++;
      });
    }
    return wrong;
  }

  async #wrongCounters(redis: Redis): Promise<number> {
    const sold = [...this.#sold];
    let wrong = 0;
    for (let at = 0; at < sold.length; at += ASKED_AT_ONCE) {
      const part = sold.slice(at, at + ASKED_AT_ONCE);
      const counters = await redis.mget(part.map(([product]) => `product:${product}:sold`));
      wrong += part.filter(([, units], index) => counters[index] !== String(units)).length;
    }
    return wrong;
  }

  async #wrongReports(redis: Redis): Promise<number> {
    const flat = await redis.zrange('report:products', '0', '-1', 'WITHSCORES');
    const scores = new Map<number, number>();
    for (let i = 0; i < flat.length; i += 2) scores.set(Number(flat[i]), Number(flat[i + 1]));
    const sold = [...this.#sold].filter(([, units]) => units !== 0);
    const wrongProducts = sold.filter(([product, units]) => scores.get(product) !== units).length;
    const {orders, units, revenue} = await redis.hgetall('report:totals');
    const living = [...this.#orders.values()].flatMap(({row}) => (row === undefined ? [] : [row]));
    const cents = living.reduce((sum, row) => sum + Math.round(Number(row.total_amount) * 100), 0);
    const allUnits = sold.reduce((sum, [, count]) => sum + count, 0);
    const isSame = orders === `${living.length}` && units === `${allUnits}` && revenue === `${cents}`;
    return wrongProducts + Math.abs(scores.size - sold.length) + (isSame ? 0 : 1);
  }

  #orderOf(id: number): ExpectedOrder {
    let order = this.#orders.get(id);
    if (order === undefined) {
      order = {row: undefined, lines: new Map()};
      this.#orders.set(id, order);
    }
    return order;
  }

  #sell({product_id, quantity}: LineImage, sign: number): void {
    this.#sold.set(product_id, (this.#sold.get(product_id) ?? 0) + sign * quantity);
  }
}

function orderFields({row, lines}: ExpectedOrder): Record<string, string> {
  if (row === undefined) return {};
  const items = [...lines.values()].map((line) => `product_id:${line.product_id},quantity:${line.quantity}`);
  const fields = {id: String(row.id), user_id: String(row.user_id), total_amount: row.total_amount};
  return {...fields, items_count: String(items.length), items: items.join(';')};
}

function lineFields({lines}: ExpectedOrder): Record<string, string> {
  return Object.fromEntries(
    [...lines.values()].map((line) => [String(line.id), `${line.product_id}:${line.quantity}`]),
  );
}

function lineTexts({lines}: ExpectedOrder): string {
  const sorted = [...lines.values()].sort((a, b) => a.id - b.id);
  return sorted.map((line) => `${line.id}:${line.product_id}:${line.quantity}`).join(';');
}

function sameFields(found: Fields | undefined, expected: Fields): boolean {
  const names = Object.keys(expected);
  return (
    found !== undefined &&
    Object.keys(found).length === names.length &&
    names.every((name) => found[name] === expected[name])
  );
}
