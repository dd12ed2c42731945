/**
 * Reads JSON texts of a known shape with one regular expression, instead of a JSON parser.
 *
 * A topic contains few shapes, because Debezium prints the same names in the same order for every record of a table and kind:
 *
 * 1. A parser reads the first text of a shape.
 * 2. `PatternBuilder` turns its nesting and names into a regular expression. It matches a whole text or nothing.
 * 3. The expression captures only the wanted values from later texts of this shape.
 * 4. A parser reads every text that matches no shape.
 *
 * So a reader returns the same values as a parser, without the values that the caller does not need. A property test compares both.
 *
 * The grammar is RFC 8259. A text never matches if it contains white space between tokens, escapes in strings or names, arrays, or
 * the same name twice in one object.
 *
 * Pure: no clock, no I/O.
 */
import {isJsonObject, type JsonObject} from './fields.js';

const STRING = '"[^"\\\\\\u0000-\\u001f]*"';
const NUMBER = '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?';
/** Matches every value except an object or an array. */
export const SCALAR = `(?:${STRING}|${NUMBER}|null|true|false)`;
/** This is enough for every table and kind of an ordinary topic. The parser reads the texts of further shapes (L8). */
const SHAPES_MAX = 24;
/** Limits the size of a shape and the time to compile it (L8). */
const NAMES_MAX = 300;

/** The pattern that a scalar must match. If `captures` is true, the pattern has one group and the reader needs its text. */
export interface Leaf {
  readonly pattern: string;
  readonly captures: boolean;
}

/** Returns the pattern for a scalar of the first text. `path` holds the names that lead to it. Undefined accepts any scalar. */
export type LeafRule = (path: readonly string[], value: unknown) => Leaf | undefined;

/** The captured texts by group. A text is undefined only if the shape has no such group. */
export type Captured = readonly (string | undefined)[];

/** Returns the number of the group that captures this path, or 0 if no group captures it. */
export type GroupOf = (path: readonly string[]) => number;

export interface Lesson<T> {
  readonly leaf: LeafRule;
  /** Creates the reader for texts of this shape. The reader returns undefined if the caller must parse the text. */
  readonly reader: (groupOf: GroupOf) => (captured: Captured) => T | undefined;
}

interface Shape<T> {
  readonly pattern: RegExp;
  readonly read: (captured: Captured) => T | undefined;
}

export class Shapes<T> {
  readonly #shapes: Shape<T>[] = [];
  /** Counts the attempts that gave no shape, for example because the text contains an array. */
  #refused = 0;
  #reads = 0;

  /** Returns the result of the reader of the shape that matches the text. Undefined means that the caller must parse the text. */
  read(text: string): T | undefined {
    for (let place = 0; place < this.#shapes.length; place++) {
      const shape = this.#shapes[place];
      const match = shape?.pattern.exec(text);
      if (shape === undefined || match === null || match === undefined) continue;
      if ((++this.#reads & 63) === 0) this.#raise(place);
      return shape.read(match);
    }
    return undefined;
  }

  /** Learns the shape of a text. `parsed` is the parsed text. */
  learn(text: string, parsed: JsonObject, {leaf, reader}: Lesson<T>): void {
    if (this.#shapes.length >= SHAPES_MAX || this.#refused >= SHAPES_MAX) return;
    const builder = new PatternBuilder(leaf);
    const source = builder.object(parsed, []);
    const pattern = source === undefined ? undefined : new RegExp(`^${source}$`);
    // The parsed object can have its names in another order than the text (integer names), and it has repeated names only once.
    // Then the pattern does not match even the first text.
    if (pattern?.test(text) === true) this.#shapes.push({pattern, read: reader(builder.groupOf)});
    else this.#refused++;
  }

  /** Swaps a shape with the one before it. `read` calls this at every 64th match, so that the most frequent shapes come first. */
  #raise(place: number): void {
    const [before, met] = this.#shapes.slice(Math.max(0, place - 1), place + 1);
    if (before === undefined || met === undefined) return;
    this.#shapes.splice(place - 1, 2, met, before);
  }
}

class PatternBuilder {
  readonly #leaf: LeafRule;
  readonly #groups: (readonly string[])[] = [];
  #names = 0;

  constructor(leaf: LeafRule) {
    this.#leaf = leaf;
  }

  readonly groupOf: GroupOf = (path) => {
    const isPath = (other: readonly string[]): boolean =>
      other.length === path.length && other.every((name, depth) => name === path[depth]);
    return this.#groups.findIndex(isPath) + 1;
  };

  /** Returns undefined if the object cannot have a shape. */
  object(body: JsonObject, path: readonly string[]): string | undefined {
    const parts: string[] = [];
    for (const [name, value] of Object.entries(body)) {
      if (++this.#names > NAMES_MAX || Array.isArray(value) || name === '__proto__') return undefined;
      const inside = [...path, name];
      const source = isJsonObject(value) ? this.object(value, inside) : this.#scalar(inside, value);
      if (source === undefined) return undefined;
      parts.push(`${escaped(JSON.stringify(name))}:${source}`);
    }
    return `\\{${parts.join(',')}\\}`;
  }

  #scalar(path: readonly string[], value: unknown): string {
    const leaf = this.#leaf(path, value);
    if (leaf?.captures === true) this.#groups.push(path);
    return leaf?.pattern ?? SCALAR;
  }
}

/** Matches exactly this value. */
export function same(value: unknown): Leaf {
  return {pattern: escaped(JSON.stringify(value)), captures: false};
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
