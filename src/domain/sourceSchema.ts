/**
 * The tables and columns of the source that the read model is built from.
 *
 * Pure: no clock, no I/O.
 */
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
    readonly totalAmount: string;
  };
  readonly items: {
    readonly table: string;
    readonly id: string;
    readonly orderId: string;
    readonly productId: string;
    readonly quantity: string;
  };
  readonly heartbeatTable: string;
  readonly extraColumns: readonly ExtraColumn[];
  /** The amount column has this many decimals. The number is fixed, because Redis holds sums in minor units. */
  readonly moneyDecimals: number;
}
