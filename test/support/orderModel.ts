/**
 * The read model as a naive fold. It applies one change at a time to two maps and computes everything else from them at the
 * end. It has no chunks, patches, differences or scripts, and shares no code with the worker.
 */
import type {Change} from '../../src/domain/change.js';

interface Row {
  readonly user: string;
  readonly total: string;
  readonly extra: readonly (string | null)[];
}

/** Every key of Redis with its content. Hashes and sorted sets are records. */
export type Content = Record<string, string | Record<string, string>>;

interface Line {
  readonly product: string;
  readonly quantity: string;
  readonly amount: string | undefined;
}

const NO_LINES: ReadonlyMap<string, Line> = new Map();

export class OrderModel {
  readonly #rows = new Map<string, Row>();
  readonly #lines = new Map<string, Map<string, Line>>();
  readonly #products = new Set<string>();

  static of(changes: readonly Change[]): OrderModel {
    const model = new OrderModel();
    for (const change of changes) model.add(change);
    return model;
  }

  add(change: Change): void {
    const {orderId} = change;
    if (change.kind === 'order-upserted') {
      const {userId: user, totalAmount: total, extra} = change.row;
      this.#rows.set(orderId, {user, total, extra});
    } else if (change.kind === 'order-hidden') {
      this.#rows.delete(orderId);
    } else if (change.kind === 'order-deleted') {
      this.#rows.delete(orderId);
      this.#lines.delete(orderId);
    } else if (change.kind === 'item-upserted') {
      const {productId: product, quantity, amount} = change.item;
      const lines = this.#lines.get(orderId) ?? new Map<string, Line>();
      lines.set(change.itemId, {product, quantity, amount});
      this.#lines.set(orderId, lines);
      if (product !== '') this.#products.add(product);
    } else {
      const lines = this.#lines.get(orderId);
      lines?.delete(change.itemId);
      if (lines?.size === 0) this.#lines.delete(orderId);
    }
  }

  /** The expected content of Redis, without positions. `extraColumns` names the extra columns of the rows. */
  content(prefix = '', extraColumns: readonly string[] = [], itemDecimals?: number): Content {
    const content: Content = {};
    const sold = new Map([...this.#products].map((product) => [product, 0n]));
    const spent = new Map<string, bigint>();
    let units = 0n;
    let revenue = 0n;
    for (const [orderId, lines] of this.#lines) {
      content[`${prefix}order_lines:${orderId}`] = byId(lines)
        .map(([id, line]) =>
          [id, line.product, line.quantity, line.amount].filter((text) => text !== undefined).join(':'),
        )
        .join(';');
    }
    for (const [orderId, row] of this.#rows) {
      const lines = byId(this.#lines.get(orderId) ?? NO_LINES);
      const sum = lines.reduce((cents, [, {amount = ''}]) => cents + BigInt(amount.replace('.', '')), 0n);
      const total = itemDecimals === undefined ? row.total : major(sum, itemDecimals);
      const hash: Record<string, string> = {
        id: orderId,
        user_id: row.user,
        total_amount: total,
        items_count: String(lines.length),
        items: lines.map(([, line]) => `product_id:${line.product},quantity:${line.quantity}`).join(';'),
      };
      extraColumns.forEach((column, index) => {
        const value = row.extra[index] ?? null;
        if (value !== null) hash[column] = value;
      });
      content[`${prefix}order:${orderId}`] = hash;
      const cents = BigInt(total.replace('.', ''));
      revenue += cents;
      if (row.user !== '') spent.set(row.user, (spent.get(row.user) ?? 0n) + cents);
      for (const [, {product, quantity}] of lines) {
        const count = BigInt(quantity.replace('.', ''));
        units += count;
        if (product !== '') sold.set(product, (sold.get(product) ?? 0n) + count);
      }
    }
    for (const [product, count] of sold) content[`${prefix}product:${product}:sold`] = String(count);
    addScores(content, `${prefix}report:products`, sold);
    addScores(content, `${prefix}report:users`, spent);
    content[`${prefix}report:totals`] = {
      orders: String(this.#rows.size),
      units: String(units),
      revenue: String(revenue),
    };
    return content;
  }
}

function byId(lines: ReadonlyMap<string, Line>): [string, Line][] {
  return [...lines].sort(([a], [b]) => (isBefore(a, b) ? -1 : 1));
}

/** Numbers in numeric order. Of other texts, the shorter ones come first. No text of the tests begins with a minus sign. */
function isBefore(a: string, b: string): boolean {
  if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b)) return BigInt(a) < BigInt(b);
  return a.length === b.length ? a < b : a.length < b.length;
}

function major(units: bigint, decimals: number): string {
  if (decimals === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Members with the score 0 are removed from a sorted set, and an empty set has no key. */
function addScores(content: Content, key: string, sums: ReadonlyMap<string, bigint>): void {
  const scores = [...sums].filter(([, sum]) => sum !== 0n).map(([member, sum]) => [member, String(sum)]);
  if (scores.length > 0) content[key] = Object.fromEntries(scores) as Record<string, string>;
}
