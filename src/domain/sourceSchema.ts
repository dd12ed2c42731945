/**
 * The tables and columns of the source that the read model is built from.
 *
 * Pure: no clock, no I/O.
 */
import type {Condition} from './condition.js';

export interface ExtraColumn {
  readonly name: string;
  /** canonical.ts converts values of type `time` and `json` to their canonical form. Values of type `text` stay unchanged. */
  readonly type: 'text' | 'time' | 'json';
}

/** Names that a column had before. A row without the column is read from the first of them that it has. */
export type EarlierNames = ReadonlyMap<string, readonly string[]>;

export interface SourceSchema {
  /** The database of both tables. Undefined accepts the rows of every database. */
  readonly database: string | undefined;
  readonly orders: {
    readonly table: string;
    readonly id: string;
    readonly userId: string;
    /** A value of the buyer's column that means nobody, in addition to NULL and ''. Undefined if there is none. */
    readonly guestUserId: string | undefined;
    /** The amount is the sum of these columns. Without any, it is the sum over the line items (`items.amount`). */
    readonly totalAmount: readonly string[];
    /** True if the columns contain whole numbers of minor units (cents). */
    readonly isMinor: boolean;
    /** Rows that do not satisfy it are hidden (change.ts). */
    readonly where: Condition;
    readonly earlier: EarlierNames;
  };
  readonly items: {
    readonly table: string;
    /** One column, or several that together are the id. It must be unique within an order. */
    readonly id: readonly string[];
    readonly orderId: string;
    readonly productId: string;
    readonly quantity: string;
    /** The amount of a line item is the product of these columns. Empty if orders have an amount of their own. */
    readonly amount: readonly string[];
    /** Rows that do not satisfy it are no line items. */
    readonly where: Condition;
    readonly earlier: EarlierNames;
    /**
     * What the delete of an order row means for its line items. `cascade`: MySQL removes them too, possibly without events (S4). `keep`: they
     * stay in MySQL until their own delete events, because no foreign key removes them.
     */
    readonly onOrderDelete: 'cascade' | 'keep';
  };
  readonly heartbeatTable: string;
  readonly extraColumns: readonly ExtraColumn[];
  /** Amounts have this many decimals that count. The number is fixed, because Redis holds sums in minor units. */
  readonly moneyDecimals: number;
  /** Quantities have this many decimals that count. Redis holds sums in the smallest unit, as for amounts. */
  readonly quantityDecimals: number;
  /** True if amounts with more decimals are rounded, half away from zero. Else such a row is rejected. */
  readonly isRounded: boolean;
}

/** The decimals of the amounts of line items, if orders have no amount of their own. */
export function itemDecimals({items, moneyDecimals}: SourceSchema): number | undefined {
  return items.amount.length === 0 ? undefined : moneyDecimals;
}
