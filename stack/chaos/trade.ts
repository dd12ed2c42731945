/** Writes series of transactions at a changing rate, until a quiet point stops it. */
import {setTimeout as sleep} from 'node:timers/promises';
import type {Random} from '../random.js';
import type {Workload} from '../workload.js';

const RUN_TRANSACTIONS_MAX = 20;

export class Trade {
  /** The number of series of transactions, which the verdict prints. */
  runs = 0;
  tempoPerSecond = 40;
  readonly #workload: Workload;
  readonly #random: Random;
  #resting: AbortController | undefined;
  #trading: Promise<void> = Promise.resolve();

  constructor(workload: Workload, random: Random) {
    this.#workload = workload;
    this.#random = random;
  }

  /** Writes until `rest` is called. */
  begin(onFailure: (error: unknown) => void): void {
    const resting = new AbortController();
    this.#resting = resting;
    this.#trading = this.#trade(resting.signal).catch(onFailure);
  }

  /** Stops writing. Resolves when the last transaction is committed. */
  async rest(): Promise<void> {
    this.#resting?.abort();
    await this.#trading;
  }

  async #trade(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const count = this.#random.int(1, RUN_TRANSACTIONS_MAX);
      const beginMs = performance.now();
      await this.#workload.transact(count);
      this.runs++;
      const restMs = (count / this.tempoPerSecond) * 1_000 - (performance.now() - beginMs);
      if (restMs > 0) await sleep(restMs, undefined, {signal}).catch(() => undefined);
    }
  }
}
