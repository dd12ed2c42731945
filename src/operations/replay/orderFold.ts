/**
 * The full state of one order in the making: a base, and on it the changes that the log holds.
 *
 * Begins with the delete of the order, so that the patch forgets whatever Redis holds. That is the live path's own fold
 * (reduce/), with another start.
 *
 * Pure: no clock, no I/O.
 */
import type {Change} from '../../domain/change.js';
import type {Reduction} from '../../domain/patch.js';
import {Reducer} from '../../reduce.js';

export class OrderFold {
  readonly orderId: string;
  readonly #reducer = new Reducer();
  readonly #names = new Set<string>();
  /** Why the state is not exact: a record that cannot be decoded. */
  fault: {readonly offset: bigint; readonly reason: string} | undefined;

  constructor(orderId: string, base: readonly Change[]) {
    this.orderId = orderId;
    this.#reducer.add({kind: 'order-deleted', orderId});
    for (const change of base) this.#reducer.add(change);
  }

  /** A record of this order; `change` is undefined when it changes nothing. */
  add(name: string, change: Change | undefined): void {
    this.#names.add(name);
    if (change !== undefined) this.#reducer.add(change);
  }

  /** Names that entries of the records which were added would have. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  reduction(): Reduction {
    return this.#reducer.reduction();
  }
}
