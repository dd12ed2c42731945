/**
 * What a record of the topic says, after decoding.
 *
 * I3: A change carries the full row, so the last change of a row decides. The operations `c`, `u` and `r` are all upserts.
 *
 * Pure: no clock, no I/O.
 */
import type {LineItem, OrderRow} from './order.js';

export type Change =
  | {
      readonly kind: 'order-upserted';
      readonly orderId: string;
      readonly row: OrderRow;
      /**
       * The event is a create or a snapshot read, so Redis probably does not hold the order. This is only a hint that saves reads.
       * It can be wrong, because Debezium sends events again after a crash (S3).
       */
      readonly isCreate?: boolean;
    }
  /**
   * No row of the order counts, but its line items stay stored. They count again when a row arrives, because no event brings them back. There are
   * two causes: the row does not satisfy the condition of the orders table, or it was deleted and its line items are still in MySQL
   * (`items.onOrderDelete` is `keep`).
   */
  | {readonly kind: 'order-hidden'; readonly orderId: string}
  /** The row was deleted, and its line items with it. */
  | {readonly kind: 'order-deleted'; readonly orderId: string}
  | {
      readonly kind: 'item-upserted';
      readonly orderId: string;
      readonly itemId: string;
      readonly item: LineItem;
    }
  | {readonly kind: 'item-deleted'; readonly orderId: string; readonly itemId: string};

/** Why a record cannot be applied. The reason names fields and rules, and never contains a value (I11). */
export interface Rejection {
  readonly kind: 'record-undecodable';
  readonly reason: string;
  /** Without this record, this order is no longer exact. The id comes from the record's key. It is null if the key names no order. */
  readonly orderId: string | null;
}

/** The statements that are named. Every other statement is a `DDL`. The text of a statement is not kept, because it can contain values (I11). */
export type SchemaStatement =
  | 'ALTER TABLE'
  | 'CREATE INDEX'
  | 'CREATE TABLE'
  | 'DROP DATABASE'
  | 'DROP INDEX'
  | 'DROP TABLE'
  | 'RENAME TABLE'
  | 'TRUNCATE TABLE'
  | 'DDL';

/** The decoder returns exactly one of these for every record (I6). */
export type Decoded =
  | {readonly kind: 'change'; readonly change: Change; readonly sourceTimeMs: number | null}
  | {readonly kind: 'heartbeat'; readonly sourceTimeMs: number | null}
  | {readonly kind: 'tombstone'}
  /** A statement that can remove or rewrite rows of `table` without events. So an audit is necessary. */
  | {readonly kind: 'schema-changed'; readonly statement: SchemaStatement; readonly table: string}
  /** `table` is given if the record is a row of a table that is not part of the source: its name, after that of its database if known. */
  | {readonly kind: 'ignored'; readonly reason: string; readonly table?: string}
  | {readonly kind: 'rejected'; readonly rejection: Rejection};
