/**
 * A worker as it is seen from outside at one moment: what metrics, probes and the status page tell. Made from numbers that
 * the worker keeps anyway; nobody is asked for it.
 */
import type {ErrorKind} from '../runtime/errors.js';
import type {Tally} from './outcomes.js';

/**
 * starting: waits for its servers, or to be given partitions. waiting: something is away, and it goes on by itself.
 * halted: it ends with an error.
 */
export const WORKER_STATES = ['starting', 'running', 'waiting', 'draining', 'halted'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

export interface PartitionView {
  readonly partition: number;
  /** Next offset to apply; null before it is read. */
  readonly position: bigint | null;
  /** What Kafka was told last; null for nothing yet. */
  readonly committed: bigint | null;
  /** First offset of the log, and the one that the next record gets; null before they are read. */
  readonly start: bigint | null;
  readonly end: bigint | null;
  /** End minus position, at the last look; null before one. */
  readonly lagRecords: bigint | null;
  /** For how long it has had something to do and got no further; 0 while it waits for records or for a server. */
  readonly stuckMs: number;
}

/** `position` and `end` may be of two moments: a position beyond the end is no lag. */
export function lagBetween(position: bigint | null, end: bigint | null): bigint | null {
  if (position === null || end === null) return null;
  return end > position ? end - position : 0n;
}

export interface Trouble {
  readonly kind: ErrorKind;
  readonly detail: string;
  readonly sinceMs: number;
}

export interface ConnectorView {
  readonly name: string;
  /** `RUNNING`, `PAUSED`, `FAILED`, ..., or `UNREACHABLE` or `MISSING`, of the connector or of its task, whichever is worse. */
  readonly state: string;
}

export interface PastError {
  readonly atMs: number;
  readonly kind: ErrorKind;
  readonly detail: string;
}

/** What a worker (projector.ts) knows of itself. */
export interface RunningView {
  readonly state: WorkerState;
  /** It was given partitions, or none, once. */
  readonly hasJoined: boolean;
  readonly isKafkaUp: boolean;
  /** This worker's partitions. */
  readonly partitions: readonly PartitionView[];
  readonly tally: Readonly<Tally>;
  readonly rebalances: number;
  /** What it waits for now. */
  readonly troubles: readonly Trouble[];
  /** The newest first. */
  readonly errors: readonly PastError[];
}

export interface WorkerView extends RunningView {
  readonly nowMs: number;
  readonly startedMs: number;
  readonly version: string;
  readonly group: string;
  readonly topic: string;
  /** False while something waits for Redis. */
  readonly isRedisUp: boolean;
  /** At the last look; null without CONNECT_URL, and before the first look. */
  readonly connector: ConnectorView | null;
}

/** Of all partitions; null before every one of them is known. */
export function lagOf({partitions}: WorkerView): bigint | null {
  let sum = 0n;
  for (const {lagRecords} of partitions) {
    if (lagRecords === null) return null;
    sum += lagRecords;
  }
  return sum;
}

/** Age of the newest applied row change or heartbeat; null before the first one. */
export function freshnessMs({nowMs, tally: {newestSourceMs}}: WorkerView): number | null {
  return newestSourceMs === null ? null : Math.max(0, nowMs - newestSourceMs);
}

/** How far behind in time: 0 when everything is applied that the log holds; null while that is not known. */
export function lagMs(view: WorkerView): number | null {
  const lag = lagOf(view);
  return lag === 0n ? 0 : lag === null ? null : freshnessMs(view);
}
