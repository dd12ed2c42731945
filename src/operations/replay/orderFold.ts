/**
 * The full state of one order: a base, then the changes from the topic, folded into one patch.
 *
 * The fold begins with the delete of the order, so that the patch replaces everything that Redis holds of it. Apart from this
 * start, it is the same fold that a worker uses (reduce.ts).
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
  /** The first record that cannot be decoded, and why. If it is set, the state is not exact. */
  fault: {readonly offset: bigint; readonly reason: string} | undefined;

  constructor(orderId: string, base: readonly Change[]) {
    this.orderId = orderId;
    this.#reducer.add({kind: 'order-deleted', orderId});
    for (const change of base) this.#reducer.add(change);
  }

  /** Adds a record of this order. `change` is undefined if the record changes nothing. */
  add(name: string, change: Change | undefined): void {
    this.#names.add(name);
    if (change !== undefined) this.#reducer.add(change);
  }

  /** Names of the added records, as their quarantine entries would have them. Most of these records have no entry. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  reduction(): Reduction {
    return this.#reducer.reduction();
  }
}
