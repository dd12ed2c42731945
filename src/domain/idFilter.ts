/**
 * A set of ids in a fixed amount of memory, for a listing that must not grow with the number of products or users.
 *
 * It never forgets an id. With a small probability it takes an unknown id for a known one: about one in 2,000 while it has the bits that it
 * was made for. Every filter has its own seed, so that the next comparison finds what this one misses.
 *
 * Source: B. Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970); two hashes stand for all of them after A. Kirsch and
 * M. Mitzenmacher, "Less hashing, same performance" (2006).
 *
 * Pure: no clock, no I/O.
 */
const BITS_PER_ID = 16;
const HASHES = 8;
const BITS_MIN = 1 << 20;
/** 64 MB. Beyond 32 million ids, more unknown ids are taken for known ones. */
const BITS_MAX = 2 ** 29;

export class IdFilter {
  readonly #bytes: Uint8Array;
  readonly #mask: number;
  readonly #seed: number;

  /** `expected`: about how many ids will be added. `seed`: any whole number. */
  constructor(expected: number, seed: number) {
    let bits = BITS_MIN;
    while (bits < BITS_MAX && bits < expected * BITS_PER_ID) bits *= 2;
    this.#bytes = new Uint8Array(bits / 8);
    this.#mask = bits - 1;
    this.#seed = seed | 0;
  }

  add(id: string): void {
    const first = firstHash(id, this.#seed);
    const step = secondHash(id, this.#seed) | 1;
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + i * step) & this.#mask;
      this.#bytes[bit >>> 3] = (this.#bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  /** False only if the id was not added. */
  mayHave(id: string): boolean {
    const first = firstHash(id, this.#seed);
    const step = secondHash(id, this.#seed) | 1;
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + i * step) & this.#mask;
      if (((this.#bytes[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
    }
    return true;
  }
}

/** A 32-bit hash of the text, of the form of FNV-1a, and then mixed. */
export function firstHash(id: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** Another one, which does not depend on the first. */
export function secondHash(id: string, seed: number): number {
  let hash = 0x9e3779b9 ^ seed;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x5bd1e995);
  return mixed(hash);
}

/** The finalizer of MurmurHash3. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
