/** Time and waiting, passed as parameters, so that tests can replace the clock and a signal can end every sleep early. */
export interface Clock {
  /** Returns milliseconds since 1970. */
  nowMs(): number;
  /** Resolves after this time, or immediately when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: async (ms, signal) => {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      if (signal !== undefined) onAbort(signal, done);
    });
  },
};

/** Calls `act` when the signal aborts. A signal that has aborted has no more events, so `act` is then called at once. */
export function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  // eslint-disable-next-line no-restricted-syntax -- This is the one place.
  else signal.addEventListener('abort', act, {once: true});
}

/** Resolves when the signal has aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => onAbort(signal, resolve));
}

/** Wakes all waiters. A waiter must check its condition and call `wait` in one synchronous step, so that it misses no `wake`. */
export class Signal {
  #waiters: (() => void)[] = [];

  wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  async wait(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}

/** Computes delays that double from `firstMs` up to `maxMs`. The caller calls `reset` after a success. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#nextMs = firstMs;
  }

  nextMs(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(this.#nextMs * 2, this.#maxMs);
    return delayMs;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
