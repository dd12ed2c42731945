/**
 * What a run of changes does to one order.
 *
 * I2: composing the patches of two runs equals the patch of both runs together, wherever the log is cut.
 *
 * Pure: no clock, no I/O.
 */
import type {OrderLine, OrderRow} from './order.js';

export interface OrderPatch {
  /** Forget the order and all its lines first: the run holds the order's delete. */
  readonly reset: boolean;
  /** The order's row after the run; null when the run does not set it (after a reset: there is none). */
  readonly row: OrderRow | null;
  /** By line id; null deletes the line. After a reset there is nothing left to delete, so no nulls. */
  readonly lines: ReadonlyMap<string, OrderLine | null>;
}

/** The effect of a chunk of the log. */
export interface Reduction {
  readonly patches: ReadonlyMap<string, OrderPatch>;
  /**
   * Every product that some line upsert names. Their counters exist from then on, even at 0: whether a counter exists
   * must be a function of the log, not of how the log was cut into chunks (I7).
   */
  readonly products: ReadonlySet<string>;
  /** Orders whose first change in the run is their creation: probably not in Redis yet. A hint, no promise. */
  readonly created: ReadonlySet<string>;
}

/** The patch of `first` followed by `second`. */
export function composePatches(first: OrderPatch, second: OrderPatch): OrderPatch {
  if (second.reset) return second;
  const lines = new Map(first.lines);
  for (const [lineId, line] of second.lines) {
    if (line === null && first.reset) lines.delete(lineId);
    else lines.set(lineId, line);
  }
  return {reset: first.reset, row: second.row ?? first.row, lines};
}
