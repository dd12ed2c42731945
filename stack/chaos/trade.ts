/** The shop's day: runs of transactions, at a tempo that changes, until a quiet point asks for a rest. */
import {setTimeout as sleep} from 'node:timers/promises';
import type {Random} from '../random.js';
import type {Workload} from '../workload.js';

const RUN_TRANSACTIONS_MAX = 20;

export class Trade {
  /** How many runs of transactions there were: the data actions. */
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

  /** Trades until `rest`. */
  begin(onFailure: (error: unknown) => void): void {
    const resting = new AbortController();
    this.#resting = resting;
    this.#trading = this.#trade(resting.signal).catch(onFailure);
  }

  /** Resolves when the last transaction is committed. */
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
