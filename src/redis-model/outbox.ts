/**
 * An entry of an outbox: what the chunk of one partition changes in counters and reports. Only in the layout `partitioned`.
 *
 *   120 168 1795426801749 3 14 0 12345|10 2 15 -1|7 4599
 *   |   |   |             | |  | |     |          differences of what users spent: user, minor units
 *   |   |   |             | |  | |     differences of products: product, units
 *   |   |   |             | |  minor units as a multiple of 10^8, and the rest
 *   |   |   |             | units
 *   |   |   |             orders
 *   |   |   time of the chunk by the clock of Redis, ms since 1970
 *   |   next offset after the chunk
 *   next offset before the chunk
 *
 * The first line item of a product adds a difference even if it is 0, because it creates the counter (I7). apply/outbox.lua writes entries.
 *
 * Pure: no clock, no I/O.
 */
export interface OutboxEntry {
  readonly from: bigint;
  readonly to: bigint;
  readonly atMs: number;
  /** Orders, units, and both parts of the revenue. */
  readonly totals: readonly [number, number, number, number];
  /** Members and differences, alternating: `['10', '2', '15', '-1']`. */
  readonly products: readonly string[];
  readonly users: readonly string[];
}

const FORM = /^(\d+) (\d+) (\d+) (-?\d+) (-?\d+) (-?\d+) (-?\d+)\|([^|]*)\|([^|]*)$/;

/** Returns undefined if the text is not an entry. */
export function parseOutboxEntry(text: string): OutboxEntry | undefined {
  const [, from, to, atMs, orders, units, high, low, products, users] = FORM.exec(text) ?? [];
  if (from === undefined || to === undefined || products === undefined || users === undefined)
    return undefined;
  return {
    from: BigInt(from),
    to: BigInt(to),
    atMs: Number(atMs),
    totals: [Number(orders), Number(units), Number(high), Number(low)],
    products: words(products),
    users: words(users),
  };
}

function words(text: string): string[] {
  return text === '' ? [] : text.split(' ');
}

/** The sum of entries, in any order. */
export interface OutboxSum {
  readonly products: ReadonlyMap<string, number>;
  readonly users: ReadonlyMap<string, number>;
  readonly totals: readonly [number, number, number, number];
}

export function sumOf(entries: readonly OutboxEntry[]): OutboxSum {
  const products = new Map<string, number>();
  const users = new Map<string, number>();
  const totals: [number, number, number, number] = [0, 0, 0, 0];
  for (const entry of entries) {
    addAll(products, entry.products);
    addAll(users, entry.users);
    entry.totals.forEach((value, index) => (totals[index as 0] += value));
  }
  return {products, users, totals};
}

function addAll(sums: Map<string, number>, flat: readonly string[]): void {
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const member = flat[i] ?? '';
    sums.set(member, (sums.get(member) ?? 0) + Number(flat[i + 1]));
  }
}
