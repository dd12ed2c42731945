/** Told of what a worker does, chunk by chunk; it must be quick and must not throw. */
import type {ErrorKind} from '../runtime/errors.js';

export interface WorkerObserver {
  /** A chunk is known to be applied, so long after it was ready to be sent. */
  chunkApplied(chunk: {readonly durationMs: number; readonly records: number}): void;
  recordQuarantined(kind: ErrorKind): void;
}

export const NO_OBSERVER: WorkerObserver = {
  chunkApplied: () => undefined,
  recordQuarantined: () => undefined,
};
