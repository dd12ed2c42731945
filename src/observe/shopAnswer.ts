/**
 * The types of the answers of `/shop` and `/shop/orders/{id}`.
 *
 * Ids are those of Redis, with unusual characters percent-encoded. All numbers are text, because they can be beyond 2^53 (I8).
 *
 * This file contains only types, and none of Node or of a browser, because the worker and the page are both compiled against it.
 */
export interface ShopContent {
  readonly totals: {readonly orders: string; readonly units: string; readonly revenue: string};
  readonly bestSellers: readonly {readonly productId: string; readonly unitsSold: string}[];
  readonly topSpenders: readonly {readonly userId: string; readonly spent: string}[];
}

/** Every answer of these paths has the time at which Redis was read, in the form of ISO 8601. */
export interface ShopAnswer extends ShopContent {
  readonly at: string;
}

export interface OrderContent {
  readonly found: boolean;
  readonly id: string;
  /** The fields of the hash. Missing if there is no such order. */
  readonly order?: Readonly<Record<string, string>>;
  /** Line items can arrive before their order. So they can exist although the order was not found. */
  readonly items?: readonly OrderItem[];
  /** What is unusual about the order, as a sentence. Null for a usual order. */
  readonly note: string | null;
}

export interface OrderItem {
  readonly id: string;
  readonly product_id: string;
  readonly quantity: string;
  readonly amount?: string;
}

export interface OrderAnswer extends OrderContent {
  readonly at: string;
}

/** The answer with status 400, 403, 500 or 503. `kind` is an error kind of runtime/errors.ts, or `request-invalid`. */
export interface ShopFailure {
  readonly at: string;
  readonly kind: string;
  readonly reason: string;
}
