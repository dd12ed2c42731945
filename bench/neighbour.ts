/** Another client of the same Redis. It measures the latency of its GETs while a replay runs. */
import {Redis} from 'ioredis';

const PAUSE_MS = 1;

export class Neighbour {
  readonly samplesMs: number[] = [];
  readonly #redis: Redis;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  /** Sends GETs with pauses of 1 ms until `stop` is called. */
  constructor(url: string) {
    this.#redis = new Redis(url);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
    this.#redis.disconnect();
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const begin = performance.now();
      await this.#redis.get('product:1:sold');
      this.samplesMs.push(performance.now() - begin);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
