/**
 * The line items of an order in Redis: one text, sorted by their ids.
 *
 *   71:10:3;72:15:1;73::2      line item 71 has 3 of product 10, line item 72 has 1 of product 15, line item 73 has 2 of no product
 *   71:10:3:45.99              line item 71 has 3 of product 10 for 45.99, if orders have no amount of their own
 *
 * They are one text and not a hash, so that one MGET reads and one MSET writes those of all orders in a chunk.
 * The apply script (apply/plan.lua) reads and writes the same form.
 *
 * Pure: no clock, no I/O.
 */
import {ID_CHARACTERS, isIdBefore} from '../domain/id.js';
import type {LineItem} from '../domain/order.js';

export interface StoredItem {
  readonly id: string;
  readonly productId: string;
  readonly quantity: string;
  /** Undefined if orders have an amount of their own. */
  readonly amount?: string | undefined;
}

/** The caller passes the line items sorted by id. Returns '' if there are none, and then Redis holds no key for them. */
export function formatItems(items: Iterable<readonly [id: string, item: LineItem]>): string {
  let text = '';
  for (const [id, item] of items) text += `${text === '' ? '' : ';'}${itemText(id, item)}`;
  return text;
}

export function itemText(id: string, item: LineItem): string {
  return `${id}:${itemValues(item)}`;
}

/** The text of a line item without its id. */
export function itemValues({productId, quantity, amount}: LineItem): string {
  return amount === undefined ? `${productId}:${quantity}` : `${productId}:${quantity}:${amount}`;
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?`;
/** The product is empty if the line item has none. */
const ITEM = new RegExp(`^(${ID_CHARACTERS}+):(${ID_CHARACTERS}*):(${NUMBER})(?::(${NUMBER}))?$`);

/** Returns undefined if the text is not one that the worker writes. */
export function parseItems(text: string): StoredItem[] | undefined {
  if (text === '') return [];
  const items: StoredItem[] = [];
  for (const part of text.split(';')) {
    const [, id, productId, quantity, amount] = ITEM.exec(part) ?? [];
    if (id === undefined || productId === undefined || quantity === undefined) return undefined;
    const before = items.at(-1);
    if (before !== undefined && !isIdBefore(before.id, id)) return undefined;
    items.push({id, productId, quantity, amount});
  }
  return items;
}
