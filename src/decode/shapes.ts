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
const VALUE = `(?:${STRING}|${NUMBER}|null|true|false)`;
/** Enough for every table and kind of an ordinary log. A log with more of them is parsed as a whole. */
const SHAPES_MAX = 24;
/** Keeps a shape, and the time to compile it, small. */
const NAMES_MAX = 300;

/** Where a value goes: one entry per object on the way. */
interface Place {
  readonly name: string;
  /** Undefined: a captured value. */
  readonly inner: readonly Place[] | undefined;
}

interface Shape {
  readonly pattern: RegExp;
  readonly places: readonly Place[];
}

export class Shapes {
  readonly #wanted: ReadonlySet<string>;
  readonly #shapes: Shape[] = [];
  /** Shapes that cannot be had, such as one with an array. */
  #refused = 0;
  #reads = 0;

  /** `wanted`: names of the values to keep, at any depth. */
  constructor(wanted: Iterable<string>) {
    this.#wanted = new Set(wanted);
  }

  /** The wanted values of a text of a known shape; undefined when it must be parsed. */
  read(text: string): JsonObject | undefined {
    for (const [place, {pattern, places}] of this.#shapes.entries()) {
      const match = pattern.exec(text);
      if (match === null) continue;
      if ((++this.#reads & 63) === 0) this.#raise(place);
      return new BodyReader(match).read(places);
    }
    return undefined;
  }

  /** Learns the shape of a text from what a parser made of it. */
  learn(text: string, parsed: JsonObject): void {
    if (this.#shapes.length >= SHAPES_MAX || this.#refused >= SHAPES_MAX) return;
    const found = this.#shapeOf(parsed, {names: NAMES_MAX});
    const pattern = found === undefined ? undefined : new RegExp(`^${found.source}$`);
    if (found === undefined || pattern?.test(text) !== true) this.#refused++;
    else this.#shapes.push({pattern, places: found.places});
  }

  /** Now and then the shape just met changes places with the one before it: the commonest end up in front. */
  #raise(place: number): void {
    const [before, met] = this.#shapes.slice(place - 1, place + 1);
    if (place === 0 || before === undefined || met === undefined) return;
    this.#shapes.splice(place - 1, 2, met, before);
  }

  #shapeOf(body: JsonObject, budget: {names: number}): {source: string; places: Place[]} | undefined {
    const parts: string[] = [];
    const places: Place[] = [];
    for (const [name, value] of Object.entries(body)) {
      if (--budget.names < 0 || Array.isArray(value) || name === '__proto__') return undefined;
      const label = `${escaped(JSON.stringify(name))}:`;
      const isWanted = this.#wanted.has(name);
      if (isJsonObject(value)) {
        const inner = this.#shapeOf(value, budget);
        if (inner === undefined) return undefined;
        parts.push(label + inner.source);
        if (isWanted || inner.places.length > 0) places.push({name, inner: inner.places});
      } else {
        parts.push(isWanted ? `${label}(${VALUE})` : label + VALUE);
        if (isWanted) places.push({name, inner: undefined});
      }
    }
    return {source: `\\{${parts.join(',')}\\}`, places};
  }
}

/** Puts the captured values into an object of the shape. */
class BodyReader {
  readonly #tokens: readonly string[];
  #next = 1;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  read(places: readonly Place[]): JsonObject {
    const body: Record<string, unknown> = {};
    for (const {name, inner} of places) {
      body[name] = inner === undefined ? this.#value(this.#tokens[this.#next++] ?? '') : this.read(inner);
    }
    return body;
  }

  #value(token: string): unknown {
    switch (token.charCodeAt(0)) {
      case 34: // "
        return token.slice(1, -1);
      case 110: // n
        return null;
      case 116: // t
        return true;
      case 102: // f
        return false;
      default:
        return Number(token);
    }
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
