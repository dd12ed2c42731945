/**
 * How many scripts of a worker may be at Redis at a time, over all of its partitions (L1).
 *
 * Redis runs one after the other, so more than a few waiting there would win nothing; but every other client of that Redis
 * would wait behind all of them, and the worker would keep what they hold in memory. Whoever comes first is served first.
 */
export class Slots {
  #free: number;
  readonly #waiting: ((release: () => void) => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Resolves with what gives the slot back; calling that again does nothing. */
  async take(): Promise<() => void> {
    if (this.#free === 0) return await new Promise((resolve) => this.#waiting.push(resolve));
    this.#free--;
    return this.#releaser();
  }

  #releaser(): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next(this.#releaser());
    };
  }
}
