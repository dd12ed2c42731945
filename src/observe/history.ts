/** The last 15 minutes of a worker, for the curves of the page. The number of points is limited, so memory does not grow. */
import type {Clock} from '../runtime/lifecycle.js';
import {readiness} from './health.js';
import type {HistoryAnswer, HistoryPoint} from './statusAnswer.js';
import {lagOf, type WorkerView} from '../worker/workerView.js';

const POINT_EVERY_MS = 5_000;
/** With a point every 5 s, these are the points of 15 minutes. */
export const HISTORY_POINTS_MAX = 180;

export class History {
  readonly #view: () => WorkerView;
  readonly #points: HistoryPoint<bigint>[] = [];

  constructor(view: () => WorkerView) {
    this.#view = view;
  }

  get answer(): HistoryAnswer<bigint> {
    return {points: this.#points};
  }

  /** Records a point every 5 s, until the signal aborts. */
  async keep(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#take();
      await clock.sleep(POINT_EVERY_MS, signal);
    }
  }

  #take(): void {
    const view = this.#view();
    this.#points.push({
      atMs: view.nowMs,
      startedMs: view.startedMs,
      lagRecords: lagOf(view),
      applied: view.counts.applied,
      isReady: readiness(view).isWell,
    });
    if (this.#points.length > HISTORY_POINTS_MAX) this.#points.shift();
  }
}
