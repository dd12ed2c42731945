/**
 * The tables and columns of the source that the read model is built from.
 *
 * Pure: no clock, no I/O.
 */
import type {Condition} from './condition.js';

export interface ExtraColumn {
  readonly name: string;
  /** canonical.ts converts values of type `time` to their canonical form. Values of type `text` stay unchanged. */
  readonly type: 'text' | 'time';
}

export interface SourceSchema {
  /** The database of both tables. Undefined accepts the rows of every database. */
  readonly database: string | undefined;
  readonly orders: {
    readonly table: string;
    readonly id: string;
    readonly userId: string;
    /** A value of the buyer's column that means nobody, in addition to NULL and ''. Undefined if there is none. */
    readonly guestUserId: string | undefined;
    /** The amount is the sum of these columns. */
    readonly totalAmount: readonly string[];
    /** True if the columns contain whole numbers of minor units (cents). */
    readonly isMinor: boolean;
    /** Rows that do not satisfy it are hidden (change.ts). */
    readonly where: Condition;
  };
  readonly items: {
    readonly table: string;
    readonly id: string;
    readonly orderId: string;
    readonly productId: string;
    readonly quantity: string;
    /** Rows that do not satisfy it are no line items. */
    readonly where: Condition;
  };
  readonly heartbeatTable: string;
  readonly extraColumns: readonly ExtraColumn[];
  /** Amounts have this many decimals that count. The number is fixed, because Redis holds sums in minor units. */
  readonly moneyDecimals: number;
}
