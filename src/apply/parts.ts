/**
 * A large chunk in parts that are applied one after the other, each by a script of its own.
 *
 * Only a read model that is being built receives a chunk in parts, because it has no readers. Only the last part moves the position. If the
 * worker stops before it, the chunk is applied again from the old position, which ends in the same state (I3).
 *
 * Pure: no clock, no I/O.
 */
import type {OrderPatch} from '../domain/patch.js';
import type {ApplyRequest} from './script.js';

/** Parts of at most `ordersMax` orders. There is at least one part. */
export function partsOf(request: ApplyRequest, ordersMax: number): ApplyRequest[] {
  const {expected, reduction} = request;
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
    parts.push({expected, next: expected, reduction: part});
  }
  const rest = orders.slice(parts.length * ordersMax);
  // A product that only earlier changes of the chunk name gets its counter too (I7).
  return [
    ...parts,
    {...request, reduction: {patches: new Map(rest), created: createdIn(rest, created), products}},
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
