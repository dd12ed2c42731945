/** The interface to metrics: the worker reports each chunk to it. An implementation must be quick and must not throw. */
import type {ErrorKind} from '../runtime/errors.js';

export interface WorkerObserver {
  /** A chunk was applied. `durationMs` begins when the chunk was ready to be sent, and ends when its result was known. */
  chunkApplied(chunk: {readonly durationMs: number; readonly records: number}): void;
  recordQuarantined(kind: ErrorKind): void;
}

export const NO_OBSERVER: WorkerObserver = {
  chunkApplied: () => undefined,
  recordQuarantined: () => undefined,
};
