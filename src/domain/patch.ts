/**
 * The effect of a run of changes on one order.
 *
 * I2: Composing the patches of two runs gives the patch of both runs together, wherever a run of records is cut.
 *
 * Pure: no clock, no I/O.
 */
import type {LineItem, OrderRow} from './order.js';

/** The row of a hidden order (change.ts). */
export const HIDDEN = 'hidden';

export interface OrderPatch {
  /** The run contains a delete of the order with its line items. So the script first removes the order and all its line items. */
  readonly reset: boolean;
  /**
   * The order has this row after the run. HIDDEN means that it has none, while its line items stay. Null means that the run does not set the
   * row. After a reset, null means that no row exists.
   */
  readonly row: OrderRow | typeof HIDDEN | null;
  /** The key is the id of the line item. Null deletes it. A patch with a reset contains no null, because the reset deletes everything. */
  readonly items: ReadonlyMap<string, LineItem | null>;
}

/** The effect of a chunk of changes on all orders that it names. */
export interface Reduction {
  readonly patches: ReadonlyMap<string, OrderPatch>;
  /**
   * Every product that an upsert of a line item names. Its counter exists from that change on, even at 0.
   * The reason is I7: whether a counter exists must depend on the topic alone, and not on chunk borders.
   */
  readonly products: ReadonlySet<string>;
  /** Orders whose first change in the run is their creation. Redis probably holds none of them. This is a hint and can be wrong. */
  readonly created: ReadonlySet<string>;
}

/** Returns the patch of `first` followed by `second`. */
export function composePatches(first: OrderPatch, second: OrderPatch): OrderPatch {
  if (second.reset) return second;
  const items = new Map(first.items);
  for (const [itemId, item] of second.items) {
    if (item === null && first.reset) items.delete(itemId);
    else items.set(itemId, item);
  }
  return {reset: first.reset, row: second.row ?? first.row, items};
}
