/** The interface to metrics: the worker reports each chunk to it. An implementation must be quick and must not throw. */
import type {ErrorKind} from '../runtime/errors.js';

export interface WorkerObserver {
  /** A chunk was applied. `durationMs` begins when the chunk was ready to be sent, and ends when its result was known. */
  chunkApplied(chunk: {readonly durationMs: number; readonly records: number}): void;
  recordQuarantined(kind: ErrorKind): void;
  /** Chunks were merged into counters and reports. `delayMs`: since the oldest of them was applied, by the clocks of Redis and of this machine. */
  reportsMerged(delayMs: number): void;
}

export const NO_OBSERVER: WorkerObserver = {
  chunkApplied: () => undefined,
  recordQuarantined: () => undefined,
  reportsMerged: () => undefined,
};
