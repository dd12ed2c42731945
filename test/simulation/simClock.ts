/**
 * The clock of a worker. Its time passes when the scheduler ends one of its sleeps. In the layout `single`, each worker has its own
 * time. In `partitioned`, all workers and Redis have the same one, because workers compare how old their merges are with a limit.
 */
import {onAbort, type Clock} from '../../src/runtime/lifecycle.js';
import type {Life} from './life.js';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export const START_MS = 1_795_500_000_000;

export class SimTime {
  nowMs = START_MS;
}

export class SimClock implements Clock {
  readonly #time: SimTime;
  #sleepers: Sleeper[] = [];
  readonly #life: Life;

  constructor(life: Life, time: SimTime) {
    this.#life = life;
    this.#time = time;
  }

  /** True if a sleep should have ended already. */
  get hasOverdue(): boolean {
    return this.#sleepers.some(({dueMs}) => dueMs <= this.#time.nowMs);
  }

  get hasSleepers(): boolean {
    return this.#sleepers.length > 0;
  }

  nowMs(): number {
    return this.#time.nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#life.isDead) return;
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const sleeper = {
        dueMs: this.#time.nowMs + ms,
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
    const passedMs = Math.max(0, next.dueMs - this.#time.nowMs);
    this.#time.nowMs += passedMs;
    next.wake();
    return passedMs;
  }

  /** The clock jumps. Every sleep that is due after the jump ends at once. */
  jump(ms: number): void {
    this.#time.nowMs += ms;
    const due = this.#sleepers.filter(({dueMs}) => dueMs <= this.#time.nowMs);
    for (const {wake} of due.sort((a, b) => a.dueMs - b.dueMs)) wake();
  }
}
