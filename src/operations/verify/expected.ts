/**
 * The expected side of a comparison: what Redis should contain, according to MySQL (mysqlSide.ts) or the topic
 * (topicSide.ts).
 *
 * I9: both sources return it in the canonical form that Redis uses. So the same comparison code works for both.
 */
export type Hash = Readonly<Record<string, string>>;

/** The hash of an order and the text of its line items. If a key should be absent, the hash has no fields or the text is ''. */
export interface ExpectedOrder {
  readonly order: Hash;
  /** The line items in the format of redis-model/storedItems.ts. */
  readonly items: string;
  /** Why the expected content is unknown, with the name of the column. Undefined if it is known. */
  readonly fault: string | undefined;
}

export type ExpectedOrders = ReadonlyMap<string, ExpectedOrder>;

export interface OrderPage {
  readonly orders: ExpectedOrders;
  /** How many rows, or keys, were read for it. */
  readonly rows: number;
  /** A later listing can begin after this id. Null after the last page, and if the pages are in no order. */
  readonly next: string | null;
}

/** Id -> sum. The sums are whole numbers as text. Money is in minor units. */
export type Sums = ReadonlyMap<string, string>;

export type SumKind = 'product' | 'user';

export interface Totals {
  readonly orders: string;
  readonly units: string;
  /** Money in minor units. */
  readonly revenue: string;
}

/**
 * The interface of an expected side.
 *
 * The methods that return pages may return an item twice. They call `again` before they start from the first page again (retry.ts).
 */
export interface Expected {
  /** The name of this side in tables and messages. */
  readonly name: string;
  /** False if no order, or no product, can have this id. Then a key with it belongs to another program. */
  canBe(kind: 'order' | 'product', id: string): boolean;
  /** Begins after the order with the id `after`, if the pages are in the order of ids. */
  orderPages(options: {readonly again: () => void; readonly after: string | null}): AsyncIterable<OrderPage>;
  /** The result contains every requested id. */
  orders(ids: readonly string[]): Promise<ExpectedOrders>;
  /** The requested ids for which this side has an order or line items. */
  knownOrders(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Units by product, or money by user. The pages contain every sum that is not 0, and may contain sums that are 0. */
  sumPages(kind: SumKind, again?: () => void): AsyncIterable<Sums>;
  /** The result contains every requested id. The sum is '0' if there is nothing to add up. */
  sums(kind: SumKind, ids: readonly string[]): Promise<Sums>;
  totals(): Promise<Totals>;
}
