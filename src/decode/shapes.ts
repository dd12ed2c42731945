/**
 * Reads JSON texts that repeat one shape, without parsing what nobody asks for.
 *
 * A log holds few shapes: Debezium prints the same names in the same order for every record of a table and kind. The first
 * record of a shape is parsed as a whole; its nesting and names become one regular expression that matches a whole text or
 * nothing, and captures the wanted values only. Whatever does not match is parsed as a whole. So what comes out is always
 * what a parser gives, less the values that were not asked for (I9; a property test compares both ways).
 *
 * Grammar: RFC 8259. Texts with white space between tokens, escapes, arrays or two equal names in one object never match.
 *
 * Pure: no clock, no I/O.
 */
import {isJsonObject, type JsonObject} from './fields.js';

const STRING = '"[^"\\\\\\u0000-\\u001f]*"';
const NUMBER = '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?';
/** Any value but an object or an array. */
export const SCALAR = `(?:${STRING}|${NUMBER}|null|true|false)`;
/** Enough for every table and kind of an ordinary log. A log with more of them is parsed as a whole. */
const SHAPES_MAX = 24;
/** Keeps a shape, and the time to compile it, small. */
const NAMES_MAX = 300;

/** What a scalar must look like to match; `captures`: the part in its one group is wanted. */
export interface Leaf {
  readonly pattern: string;
  readonly captures: boolean;
}

/** Decides on each scalar of the first text, by the names that lead to it; undefined: any scalar matches. */
export type LeafRule = (path: readonly string[], value: unknown) => Leaf | undefined;

/** Captured texts: undefined only for a group that the shape does not have. */
export type Captured = readonly (string | undefined)[];

/** Finds the captured text of a path; 0 where nothing was captured. */
export type GroupOf = (path: readonly string[]) => number;

export interface Lesson<T> {
  readonly leaf: LeafRule;
  /** Makes the reader of matched texts of this shape; a reader answers undefined when the text must be parsed. */
  readonly reader: (groupOf: GroupOf) => (captured: Captured) => T | undefined;
}

interface Shape<T> {
  readonly pattern: RegExp;
  readonly read: (captured: Captured) => T | undefined;
}

export class Shapes<T> {
  readonly #shapes: Shape<T>[] = [];
  /** Shapes that cannot be had, such as one with an array. */
  #refused = 0;
  #reads = 0;

  /** What the reader of its shape makes of a text; undefined when the text must be parsed. */
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

  /** Learns the shape of a text from what a parser made of it. */
  learn(text: string, parsed: JsonObject, {leaf, reader}: Lesson<T>): void {
    if (this.#shapes.length >= SHAPES_MAX || this.#refused >= SHAPES_MAX) return;
    const builder = new PatternBuilder(leaf);
    const source = builder.object(parsed, []);
    const pattern = source === undefined ? undefined : new RegExp(`^${source}$`);
    // Where names come in another order than a parser tells, or twice, not even the first text matches.
    if (pattern?.test(text) === true) this.#shapes.push({pattern, read: reader(builder.groupOf)});
    else this.#refused++;
  }

  /** Now and then the shape just met changes places with the one before it: the commonest end up in front. */
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

  /** Undefined for an object that no shape can be made of. */
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

/** Matches this very value. */
export function same(value: unknown): Leaf {
  return {pattern: escaped(JSON.stringify(value)), captures: false};
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
