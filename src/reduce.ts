/**
 * Folds a run of changes into one patch per order.
 *
 * I2: reduce(a) then reduce(b) equals reduce([...a, ...b]), wherever a run of records is cut.
 * I3: A change carries the full row, so the last change of a row decides.
 *
 * Pure: no clock, no I/O.
 */
import {unreachable} from './runtime/assert.js';
import type {Change} from './domain/change.js';
import type {LineItem} from './domain/order.js';
import {composePatches, HIDDEN, type OrderPatch, type Reduction} from './domain/patch.js';

export function reduce(changes: readonly Change[]): Reduction {
  const reducer = new Reducer();
  for (const change of changes) reducer.add(change);
  return reducer.reduction();
}

/** Returns the reduction of the run `first` followed by the run `second`. */
export function composeReductions(first: Reduction, second: Reduction): Reduction {
  const patches = new Map(first.patches);
  for (const [orderId, patch] of second.patches) {
    const earlier = patches.get(orderId);
    patches.set(orderId, earlier === undefined ? patch : composePatches(earlier, patch));
  }
  const created = [...second.created].filter((orderId) => !first.patches.has(orderId));
  return {
    patches,
    products: new Set([...first.products, ...second.products]),
    created: new Set([...first.created, ...created]),
  };
}

interface GrowingPatch {
  reset: boolean;
  row: OrderPatch['row'];
  items: Map<string, LineItem | null>;
}

/** Does the same as `reduce`, one change at a time. A caller can check the size after each change and end the chunk. */
export class Reducer {
  readonly #patches = new Map<string, GrowingPatch>();
  readonly #products = new Set<string>();
  readonly #created = new Set<string>();

  /** The changes that were added affect this many orders. */
  get orderCount(): number {
    return this.#patches.size;
  }

  add(change: Change): void {
    if (change.kind === 'order-upserted' && change.isCreate === true && !this.#patches.has(change.orderId)) {
      this.#created.add(change.orderId);
    }
    const patch = this.#patchOf(change.orderId);
    switch (change.kind) {
      case 'order-upserted':
        patch.row = change.row;
        return;
      case 'order-hidden':
        patch.row = HIDDEN;
        return;
      case 'order-deleted':
        // The reset also removes the line items, because before MySQL 9.6 the binlog does not contain their cascaded deletes (S4).
        patch.reset = true;
        patch.row = null;
        patch.items.clear();
        return;
      case 'item-upserted':
        patch.items.set(change.itemId, change.item);
        if (change.item.productId !== '') this.#products.add(change.item.productId);
        return;
      case 'item-deleted':
        if (patch.reset) patch.items.delete(change.itemId);
        else patch.items.set(change.itemId, null);
        return;
      default:
        unreachable(change);
    }
  }

  reduction(): Reduction {
    const patches: ReadonlyMap<string, OrderPatch> = this.#patches;
    return {patches, products: this.#products, created: this.#created};
  }

  #patchOf(orderId: string): GrowingPatch {
    let patch = this.#patches.get(orderId);
    if (patch === undefined) {
      patch = {reset: false, row: null, items: new Map()};
      this.#patches.set(orderId, patch);
    }
    return patch;
  }
}
