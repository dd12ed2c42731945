/**
 * What a comparison of Redis with MySQL, or with the topic, can find.
 *
 * Pure: no clock, no I/O.
 */
export type FindingKind =
  | 'order-missing'
  | 'order-differs'
  | 'order-ghost'
  | 'counter-differs'
  | 'score-differs'
  | 'total-differs'
  | 'key-malformed';

export interface Finding {
  readonly kind: FindingKind;
  /** The key in Redis that differs. */
  readonly key: string;
  /** Field of a hash, or member of a sorted set. Null if the finding concerns the whole key. */
  readonly field: string | null;
  /** The value that Redis should contain. Null if it should be absent. */
  readonly expected: string | null;
  /** The value that Redis contains. Null if it is absent. */
  readonly found: string | null;
}

/** What one comparison covers: an order with its line items, a product with counter and score, a user, all totals, or one key. */
export type SubjectKind = 'order' | 'product' | 'user' | 'totals' | 'key';

export interface Subject {
  readonly kind: SubjectKind;
  /** The id of the order, product or user. It is 'all' for the totals, and the key itself for a key. */
  readonly id: string;
}

/** The findings of each compared subject, by its id. The list is empty if both sides are equal. */
export type Comparison = ReadonlyMap<string, readonly Finding[]>;
