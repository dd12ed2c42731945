/**
 * A large chunk in parts that are applied one after the other, each by a script of its own.
 *
 * Only a read model that is being built receives a chunk in parts, because it has no readers. The first part puts an expired fence of this
 * chunk in place of the position, and the last part replaces it by the new position. So a late part of another chunk is rejected (I1), and a
 * cutover waits until the last part (I15). If the worker stops before that, its next resume restores the position, and the chunk is applied
 * again, which ends in the same state (I3).
 *
 * Pure: no clock, no I/O.
 */
import type {OrderPatch} from '../domain/patch.js';
import type {ApplyRequest} from './script.js';

/** Parts of at most `ordersMax` orders. There is at least one part. `holder` names this chunk, and no other one ever. It contains no blanks. */
export function partsOf(request: ApplyRequest, ordersMax: number, holder: string): ApplyRequest[] {
  const {expected, reduction} = request;
  const fence = `fence 0 ${holder} ${expected}`;
  const {patches, created} = reduction;
  if (patches.size <= ordersMax) return [request];
  const orders = [...patches];
  const products = new Set(reduction.products);
  const parts: ApplyRequest[] = [];
  for (let from = 0; from + ordersMax < orders.length; from += ordersMax) {
    const some = orders.slice(from, from + ordersMax);
    const named = productsOf(some);
    for (const product of named) products.delete(product);
    const part = {patches: new Map(some), created: createdIn(some, created), products: named};
    parts.push({expected: from === 0 ? expected : fence, next: fence, reduction: part});
  }
  const rest = orders.slice(parts.length * ordersMax);
  // A product that only earlier changes of the chunk name gets its counter too (I7).
  return [
    ...parts,
    {
      ...request,
      expected: fence,
      reduction: {patches: new Map(rest), created: createdIn(rest, created), products},
    },
  ];
}

type Orders = readonly (readonly [string, OrderPatch])[];

function productsOf(orders: Orders): Set<string> {
  const products = new Set<string>();
  for (const [, {items}] of orders)
    for (const item of items.values())
      if (item !== null && item.productId !== '') products.add(item.productId);
  return products;
}

function createdIn(orders: Orders, created: ReadonlySet<string>): Set<string> {
  return new Set(orders.flatMap(([orderId]) => (created.has(orderId) ? [orderId] : [])));
}
