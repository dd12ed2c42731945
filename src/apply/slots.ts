/**
 * Limits how many scripts of a worker are at Redis at a time, over all of its partitions (L1).
 *
 * Redis runs one script after the other, so more scripts in flight would not finish sooner. But every other client of that Redis
 * would wait for all of them, and the worker would keep their chunks in memory. Slots are given in the order of the requests.
 */
export class Slots {
  #free: number;
  readonly #waiting: ((release: () => void) => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Resolves with a function that releases the slot. Further calls of that function do nothing. */
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
