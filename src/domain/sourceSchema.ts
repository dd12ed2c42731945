/**
 * Which tables and columns of the source the read model is made of.
 *
 * Pure: no clock, no I/O.
 */
export interface ExtraColumn {
  readonly name: string;
  /** `time` values are brought to their canonical form (canonical.ts); `text` passes unchanged. */
  readonly type: 'text' | 'time';
}

export interface SourceSchema {
  readonly orders: {
    readonly table: string;
    readonly id: string;
    readonly userId: string;
    readonly totalAmount: string;
  };
  readonly lines: {
    readonly table: string;
    readonly id: string;
    readonly orderId: string;
    readonly productId: string;
    readonly quantity: string;
  };
  readonly heartbeatTable: string;
  readonly extraColumns: readonly ExtraColumn[];
  /** Decimals of the amount column; fixed, because sums are kept in minor units. */
  readonly moneyDecimals: number;
}
