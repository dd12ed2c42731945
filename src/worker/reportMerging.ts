/** Merges the chunks of one worker into counters and reports, in the layout `partitioned` (apply/reports.ts). In `single` it does nothing. */
import type {MergeEvents, Reports} from '../apply/reports.js';
import type {Failpoint} from '../runtime/failpoints.js';
import type {Clock} from '../runtime/lifecycle.js';
import type {WorkerObserver} from './observer.js';

export interface ReportMergingDeps {
  readonly clock: Clock;
  readonly observer: WorkerObserver;
  readonly failpoint: Failpoint;
  /** The partition reads its position again, and takes over the merging again. */
  readonly reset: (partition: number, reason: string) => void;
}

export class ReportMerging {
  readonly #reports: Reports | undefined;
  readonly #deps: ReportMergingDeps;
  readonly #events: MergeEvents;

  constructor(reports: Reports | undefined, deps: ReportMergingDeps) {
    this.#reports = reports;
    this.#deps = deps;
    this.#events = {
      lost: (partition, reason) => deps.reset(partition, reason),
      merged: (delayMs) => deps.observer.reportsMerged(delayMs),
      failpoint: deps.failpoint,
    };
  }

  /** Merges until the signal aborts. Rejects with a halting error. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reports?.run(this.#events, {clock: this.#deps.clock, signal});
  }

  /** Finds partitions whose merged offset went back, or was taken over, while this worker had nothing to merge. */
  async watch(): Promise<void> {
    const changed = (await this.#reports?.loseChanged()) ?? [];
    for (const partition of changed)
      this.#deps.reset(partition, 'the merged offset has changed, although this worker merged nothing');
  }

  /** Merges the entries of the last chunks. A failure is ignored, because the outboxes keep the entries. */
  async drain(): Promise<void> {
    await this.#reports?.drain(this.#events, this.#deps.clock).catch(() => undefined);
  }
}
