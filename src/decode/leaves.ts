/**
 * The patterns of single values in row events. Each matches only texts that the reader of such a value accepts unchanged: then the captured
 * text is the value. The parser reads every other text.
 *
 * Pure: no clock, no I/O.
 */
import type {Leaf} from './shapes.js';

export const captured = (pattern: string): Leaf => ({pattern, captures: true});

/** The texts that are their own ids (domain/id.ts). The parser reads every other text. */
const PLAIN_TEXT = '[A-Za-z0-9._~-]';

/** Matches ids that idIn() in fields.ts accepts. */
export function idLeaf(value: unknown): Leaf {
  return typeof value === 'string' ? captured(`"(${PLAIN_TEXT}+)"`) : wholeNumberLeaf(value);
}

/** Matches the whole numbers that wholeNumber() and quantity() in fields.ts accept. */
export function wholeNumberLeaf(value: unknown, digitsMax?: number): Leaf {
  const more = digitsMax === undefined ? '*' : `{0,${digitsMax - 1}}`;
  const digits = `(0|-?[1-9][0-9]${more})`;
  return captured(typeof value === 'string' ? `"${digits}"` : digits);
}

/** Matches the ids that optionalId() in fields.ts accepts. The group has no text for NULL. */
export function optionalIdLeaf(value: unknown): Leaf {
  if (typeof value === 'string') return captured(`(?:"(${PLAIN_TEXT}*)"|null)`);
  return captured('(?:(0|-?[1-9][0-9]*)|null)');
}

/** Matches the amounts of one column, and the quantities, that fields.ts accepts, if they have all decimals. */
export function decimalLeaf(decimals: number, digitsMax: number): Leaf {
  const more = Math.max(0, digitsMax - decimals - 1);
  const whole = `-?(?:0|[1-9][0-9]{0,${more}})`;
  // A negative zero has another canonical form, so the parser reads it.
  const notNegativeZero = '(?!"-0(?:\\.0*)?")';
  if (decimals === 0) return captured(`${notNegativeZero}"(${whole})(?:\\.0*)?"`);
  return captured(`${notNegativeZero}"(${whole}\\.[0-9]{${decimals}})0*"`);
}
