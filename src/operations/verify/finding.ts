/**
 * What a comparison of Redis with MySQL, or with the log, can find.
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
  /** The key in Redis. */
  readonly key: string;
  /** Field of a hash, member of a sorted set; null where the whole key is meant. */
  readonly field: string | null;
  /** As it should stand in Redis; null for absent. */
  readonly expected: string | null;
  /** As it stands in Redis; null for absent. */
  readonly found: string | null;
}

/** What is compared as one: an order with its lines, a product with counter and score, a user, all totals, one key. */
export type SubjectKind = 'order' | 'product' | 'user' | 'totals' | 'key';

export interface Subject {
  readonly kind: SubjectKind;
  /** Id of the order, product or user; 'all' for the totals; the key itself. */
  readonly id: string;
}

/** What differs for each subject that was looked at; an empty list where nothing does. */
export type Comparison = ReadonlyMap<string, readonly Finding[]>;
