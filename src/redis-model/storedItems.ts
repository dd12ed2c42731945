/**
 * The lines of an order as they stand in Redis: one text, in the order of their ids.
 *
 *   71:10:3;72:15:1      line 71 is 3 of product 10, line 72 is 1 of product 15
 *
 * One text and not a hash: a chunk reads and writes those of many orders with one command each. apply.lua reads and
 * writes the same form.
 *
 * Pure: no clock, no I/O.
 */
import type {OrderLine} from '../domain/order.js';

export interface StoredLine {
  readonly id: string;
  readonly productId: string;
  readonly quantity: string;
}

/** `lines` in the order of their ids; '' for none, and then there is no key. */
export function formatLines(lines: Iterable<readonly [id: string, line: OrderLine]>): string {
  let text = '';
  for (const [id, line] of lines) text += `${text === '' ? '' : ';'}${lineText(id, line)}`;
  return text;
}

export function lineText(id: string, {productId, quantity}: OrderLine): string {
  return `${id}:${productId}:${quantity}`;
}

const LINE = /^(-?\d+):(-?\d+):(-?\d+)$/;

/** Undefined when the text is none that the worker writes. */
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

/** Order of different ids by number, for texts of any length. */
export function isIdBefore(a: string, b: string): boolean {
  const [isNegativeA, isNegativeB] = [a.startsWith('-'), b.startsWith('-')];
  if (isNegativeA !== isNegativeB) return isNegativeA;
  const [low, high] = isNegativeA ? [b, a] : [a, b];
  return low.length === high.length ? low < high : low.length < high.length;
}
