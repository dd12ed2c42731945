/** Limits how many rows per second an audit reads, on average. */
import type {Clock} from '../../../runtime/lifecycle.js';

export class Pace {
  readonly #clock: Clock;
  readonly #rowsPerSecond: number;
  /** When the rows that were read so far are paid for. */
  #paidMs = 0;

  /** `rowsPerSecond`: Infinity for no limit. */
  constructor(clock: Clock, rowsPerSecond: number) {
    this.#clock = clock;
    this.#rowsPerSecond = rowsPerSecond;
  }

  get isLimited(): boolean {
    return Number.isFinite(this.#rowsPerSecond);
  }

  /** Resolves when this many more rows are within the limit. Time that was not used is not saved up. */
  async spend(rows: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.nowMs();
    this.#paidMs = Math.max(this.#paidMs, nowMs) + (rows * 1_000) / this.#rowsPerSecond;
    if (this.#paidMs > nowMs) await this.#clock.sleep(this.#paidMs - nowMs, signal);
  }
}
