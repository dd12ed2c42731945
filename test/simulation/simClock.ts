/**
 * The clock of a worker. Its time passes when the scheduler ends one of its sleeps. Each worker has its own
 * time.
 */
import {onAbort, type Clock} from '../../src/runtime/lifecycle.js';
import type {Life} from './life.js';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

const START_MS = 1_795_500_000_000;

export class SimClock implements Clock {
  #nowMs = START_MS;
  #sleepers: Sleeper[] = [];
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  get hasSleepers(): boolean {
    return this.#sleepers.length > 0;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#life.isDead) return;
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const sleeper = {
        dueMs: this.#nowMs + ms,
        wake: () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          if (!this.#life.isDead) resolve();
        },
      };
      this.#sleepers.push(sleeper);
      if (signal !== undefined) onAbort(signal, sleeper.wake);
    });
  }

  /** Time passes until the next sleep ends. Returns how many ms have passed. */
  wakeNext(): number {
    const next = this.#sleepers.reduce<Sleeper | undefined>(
      (first, sleeper) => (first === undefined || sleeper.dueMs < first.dueMs ? sleeper : first),
      undefined,
    );
    if (next === undefined) throw new Error('there is no sleep to end');
    const passedMs = Math.max(0, next.dueMs - this.#nowMs);
    this.#nowMs += passedMs;
    next.wake();
    return passedMs;
  }

  /** The clock jumps. Every sleep that is due after the jump ends at once. */
  jump(ms: number): void {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({dueMs}) => dueMs <= this.#nowMs);
    for (const {wake} of due.sort((a, b) => a.dueMs - b.dueMs)) wake();
  }
}
