/**
 * What a record of the log says, after decoding.
 *
 * I3: a change carries the full row, so the last change of a row decides; `c`, `u` and `r` are all upserts.
 *
 * Pure: no clock, no I/O.
 */
import type {OrderLine, OrderRow} from './order.js';

export type Change =
  | {
      readonly kind: 'order-upserted';
      readonly orderId: string;
      readonly row: OrderRow;
      /** The source made the row just then: a hint that saves reading, no promise. */
      readonly isCreate?: boolean;
    }
  | {readonly kind: 'order-deleted'; readonly orderId: string}
  | {
      readonly kind: 'line-upserted';
      readonly orderId: string;
      readonly lineId: string;
      readonly line: OrderLine;
    }
  | {readonly kind: 'line-deleted'; readonly orderId: string; readonly lineId: string};

/** Why a record cannot be applied. The text names fields and rules, never values. */
export interface Rejection {
  readonly kind: 'record-undecodable' | 'table-truncated';
  readonly reason: string;
  /** By the record's key: the order that is no longer exact without this record; null when the key does not tell. */
  readonly orderId: string | null;
}

/** Every record is exactly one of these (I6). */
export type Decoded =
  | {readonly kind: 'change'; readonly change: Change; readonly sourceTimeMs: number | null}
  | {readonly kind: 'heartbeat'; readonly sourceTimeMs: number | null}
  | {readonly kind: 'tombstone'}
  | {readonly kind: 'ignored'; readonly reason: string}
  | {readonly kind: 'rejected'; readonly rejection: Rejection};
