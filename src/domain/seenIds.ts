/**
 * The ids that a listing returned, in little memory: 64 bits of each id, in a table that grows with them.
 *
 * It never takes a seen id for a new one while it has space. It takes a new id for a seen one only if both have the same 64 bits: among ten
 * million ids, with a probability below 1 in a billion for each asked id, which is less likely than a fault of the memory itself. Every
 * comparison has its own seed, so that it would not happen to the same id again. (The filter of idFilter.ts needs less memory and is wrong
 * more often, which is too often for what a single run must find.)
 *
 * Pure: no clock, no I/O.
 */
import {firstHash, secondHash} from './idFilter.js';

const SLOTS_MIN = 1 << 12;
/** 64 MB, for six million ids. Ids beyond that are not remembered. */
const SLOTS_MAX = 1 << 23;
const FILLED_MAX = 0.75;

export class SeenIds {
  readonly #seed: number;
  readonly #slotsMax: number;
  /** Two numbers for each slot. Both are 0 if it is empty. */
  #slots = new Int32Array(2 * SLOTS_MIN);
  #count = 0;

  /** `seed`: any whole number. */
  constructor(seed: number, slotsMax = SLOTS_MAX) {
    this.#seed = seed | 0;
    this.#slotsMax = slotsMax;
  }

  add(id: string): void {
    if (this.#count >= (this.#slots.length / 2) * FILLED_MAX && !this.#grow()) return;
    const first = firstHash(id, this.#seed);
    if (put(this.#slots, first, secondOf(id, this.#seed))) this.#count++;
  }

  /** False if the id was not added, or if there was no space for it. */
  has(id: string): boolean {
    const first = firstHash(id, this.#seed);
    const second = secondOf(id, this.#seed);
    const slots = this.#slots;
    const at = placeOf(slots, first, second);
    return slots[at] === first && slots[at + 1] === second;
  }

  /** Forgets all ids and frees the memory. */
  clear(): void {
    this.#slots = new Int32Array(2 * SLOTS_MIN);
    this.#count = 0;
  }

  #grow(): boolean {
    const old = this.#slots;
    if (old.length >= 2 * this.#slotsMax) return false;
    const slots = new Int32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      const second = old[at + 1] ?? 0;
      if (second !== 0) put(slots, old[at] ?? 0, second);
    }
    this.#slots = slots;
    return true;
  }
}

/** It is never 0, so that an empty slot differs from every id. */
function secondOf(id: string, seed: number): number {
  const second = secondHash(id, seed);
  return second === 0 ? 1 : second;
}

/** Returns false if the table has it already. */
function put(slots: Int32Array, first: number, second: number): boolean {
  const at = placeOf(slots, first, second);
  if (slots[at + 1] !== 0) return false;
  slots[at] = first;
  slots[at + 1] = second;
  return true;
}

/** Where these two numbers are, or the empty slot where they belong. The table always has an empty slot. */
function placeOf(slots: Int32Array, first: number, second: number): number {
  const mask = slots.length - 2;
  let at = (first << 1) & mask;
  while (slots[at + 1] !== 0 && (slots[at] !== first || slots[at + 1] !== second)) at = (at + 2) & mask;
  return at;
}
