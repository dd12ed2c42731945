/**
 * The line items of an order in Redis: one text, sorted by their ids.
 *
 *   71:10:3;72:15:1      line item 71 has 3 of product 10, line item 72 has 1 of product 15
 *
 * They are one text and not a hash, so that one MGET reads and one MSET writes those of all orders in a chunk.
 * The apply script (apply/plan.lua) reads and writes the same form.
 *
 * Pure: no clock, no I/O.
 */
import type {OrderLine} from '../domain/order.js';

export interface StoredLine {
  readonly id: string;
  readonly productId: string;
  readonly quantity: string;
}

/** The caller passes the line items sorted by id. Returns '' if there are none, and then Redis holds no key for them. */
export function formatLines(lines: Iterable<readonly [id: string, line: OrderLine]>): string {
  let text = '';
  for (const [id, line] of lines) text += `${text === '' ? '' : ';'}${lineText(id, line)}`;
  return text;
}

export function lineText(id: string, {productId, quantity}: OrderLine): string {
  return `${id}:${productId}:${quantity}`;
}

const LINE = /^(-?\d+):(-?\d+):(-?\d+)$/;

/** Returns undefined if the text is not one that the worker writes. */
export function parseLines(text: string): StoredLine[] | undefined {
  if (text === '') return [];
  const lines: StoredLine[] = [];
  for (const part of text.split(';')) {
    const [, id, productId, quantity] = LINE.exec(part) ?? [];
    if (id === undefined || productId === undefined || quantity === undefined) return undefined;
    const before = lines.at(-1);
    if (before !== undefined && !isIdBefore(before.id, id)) return undefined;
    lines.push({id, productId, quantity});
  }
  return lines;
}

/** Compares two different ids as numbers. The texts can have any length. */
export function isIdBefore(a: string, b: string): boolean {
  const [isNegativeA, isNegativeB] = [a.startsWith('-'), b.startsWith('-')];
  if (isNegativeA !== isNegativeB) return isNegativeA;
  const [low, high] = isNegativeA ? [b, a] : [a, b];
  return low.length === high.length ? low < high : low.length < high.length;
}
