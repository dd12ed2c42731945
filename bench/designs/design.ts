/** The interface of the alternative designs, and the decoding and keys that they share. */
import type {Redis} from 'ioredis';
import type {LineImage, Op, OrderImage} from '../shop.js';

export type Event =
  | {readonly table: 'orders'; readonly op: Op; readonly row: OrderImage}
  | {
      readonly table: 'order_items';
      readonly op: Op;
      readonly row: LineImage;
    };

/** Applies one batch of one partition. Resolves when Redis has replied. */
export type Design = (redis: Redis, events: readonly Event[]) => Promise<void>;

interface FlatBody {
  readonly __table?: string;
  readonly __op?: Op;
}

interface EnvelopeBody {
  readonly source: {readonly table: string};
  readonly op: Op;
  readonly before: unknown;
  readonly after: unknown;
}

/** Decodes a value. Like most consumers, it parses the whole JSON text. */
export function eventOf(value: Buffer): Event {
  const body = JSON.parse(value.toString()) as FlatBody | EnvelopeBody;
  if ('source' in body) {
    const {op, before, after, source} = body;
    return {table: source.table, op, row: op === 'd' ? before : after} as Event;
  }
  return {table: body.__table, op: body.__op, row: body} as unknown as Event;
}

export function orderKey(id: number): string {
  return `order:${id}`;
}

export function linesKey(orderId: number): string {
  return `order_lines:${orderId}`;
}

export function soldKey(productId: number | string): string {
  return `product:${productId}:sold`;
}

export function itemText({product_id, quantity}: LineImage): string {
  return `${product_id}:${quantity}`;
}

export function lineOf(text: string): {product: string; quantity: number} {
  const [product = '', quantity = '0'] = text.split(':');
  return {product, quantity: Number(quantity)};
}

/** The fields of an order that are computed from its line items, in the order of the item ids. */
export function itemFields(lines: ReadonlyMap<number, string>): Record<string, string | number> {
  const items = [...lines]
    .sort(([a], [b]) => a - b)
    .map(([, text]) => {
      const {product, quantity} = lineOf(text);
      return `product_id:${product},quantity:${quantity}`;
    });
  return {items_count: items.length, items: items.join(';')};
}
