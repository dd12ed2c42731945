/**
 * The expected side of a comparison: what should stand in Redis, by MySQL (mysqlSide.ts) or by the log (logSide.ts).
 *
 * I9: both give it in one form, that of Redis, so that one comparison serves both.
 */
export type Hash = Readonly<Record<string, string>>;

/** The hash of an order and the text of its lines; without fields, or '', where the key should be absent. */
export interface ExpectedOrder {
  readonly order: Hash;
  /** As storedLines.ts has them. */
  readonly lines: string;
  /** Why it cannot be told, naming the column; else undefined. */
  readonly fault: string | undefined;
}

export type ExpectedOrders = ReadonlyMap<string, ExpectedOrder>;

/** Id -> sum, as whole numbers in text; money in minor units. */
export type Sums = ReadonlyMap<string, string>;

export type SumKind = 'product' | 'user';

export interface Totals {
  readonly orders: string;
  readonly units: string;
  /** In minor units. */
  readonly revenue: string;
}

/** Of what comes page by page something may come twice; `again` is called when all of it comes once more, from the start. */
export interface Expected {
  /** How it is called in tables and messages. */
  readonly name: string;
  orderPages(again?: () => void): AsyncIterable<ExpectedOrders>;
  /** Every id is in the answer. */
  orders(ids: readonly string[]): Promise<ExpectedOrders>;
  /** Of these ids those of which it has an order, or lines. */
  knownOrders(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Units by product, or money by user: all that are not 0, perhaps some that are. */
  sumPages(kind: SumKind, again?: () => void): AsyncIterable<Sums>;
  /** Every id is in the answer; '0' where there is nothing to sum up. */
  sums(kind: SumKind, ids: readonly string[]): Promise<Sums>;
  totals(): Promise<Totals>;
}
