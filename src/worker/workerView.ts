/**
 * The state of a worker at one moment, as metrics, probes and the status page show it.
 *
 * It consists of numbers that the worker keeps anyway, so that it needs no request to a server.
 */
import type {AuditPass} from '../redis-model/audit.js';
import type {ErrorKind} from '../runtime/errors.js';
import type {WorkerCounts} from './outcomes.js';

/**
 * starting: the worker waits for its dependencies, or for an assignment. waiting: a dependency has failed, and the worker retries.
 * halted: the worker ends with an error.
 */
export const WORKER_STATES = ['starting', 'running', 'waiting', 'draining', 'halted'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

export interface PartitionView {
  readonly partition: number;
  /** Next offset to apply; null before the worker has read it. */
  readonly position: bigint | null;
  /** Committed offset of this worker's last commit; null if it has committed none. */
  readonly committed: bigint | null;
  /** First offset in the partition, and the offset that the next record gets; null before the worker has read them. */
  readonly start: bigint | null;
  readonly end: bigint | null;
  /** End minus position, when the worker last read the end; null before that. */
  readonly lagRecords: bigint | null;
  /** How long the partition has had records to apply without progress. 0 while it waits for records or for a server. */
  readonly stuckMs: number;
  /** The error with which this partition is held, while the others continue; null if it is not held. */
  readonly held: HeldPartition | null;
}

export interface HeldPartition {
  readonly kind: ErrorKind;
  readonly detail: string;
}

/** `position` and `end` may be from two moments, so a position beyond the end counts as no lag. */
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
  /** The worse state of the connector and its task: `RUNNING`, `PAUSED`, `FAILED`, ..., `UNREACHABLE` or `MISSING`. */
  readonly state: string;
}

/** What Redis holds of the audit (`projector audit`), at the last look. */
export interface AuditView {
  /** A process holds the lease of the audit. */
  readonly isRunning: boolean;
  /** A schema change asked for a pass, and none has been completed since. */
  readonly isRequested: boolean;
  /** The last complete pass; null before the first one. */
  readonly last: AuditPass | null;
}

export interface PastError {
  readonly atMs: number;
  readonly kind: ErrorKind;
  readonly detail: string;
}

/** The part of the state that the worker itself keeps (projector.ts). */
export interface RunningView {
  readonly state: WorkerState;
  /** True once the worker has received an assignment, even one without partitions. */
  readonly hasJoined: boolean;
  readonly isKafkaUp: boolean;
  /** The partitions that are assigned to this worker. */
  readonly partitions: readonly PartitionView[];
  readonly counts: Readonly<WorkerCounts>;
  /** The number of records of each table that is not part of the source. */
  readonly otherTables: ReadonlyMap<string, number>;
  readonly rebalances: number;
  /** The current troubles: failures for which the worker waits. */
  readonly troubles: readonly Trouble[];
  /** Past errors, newest first. */
  readonly errors: readonly PastError[];
}

export interface WorkerView extends RunningView {
  readonly nowMs: number;
  readonly startedMs: number;
  readonly version: string;
  readonly group: string;
  readonly topic: string;
  /** False while any source has a trouble with Redis. */
  readonly isRedisUp: boolean;
  /** State at the last request to Connect; null without CONNECT_URL, and before the first request. */
  readonly connector: ConnectorView | null;
  /** Null if Redis holds nothing of an audit, and before the first look. */
  readonly audit: AuditView | null;
}

/** Consumer lag of all partitions; null until it is known for every one of them. */
export function lagOf({partitions}: WorkerView): bigint | null {
  let sum = 0n;
  for (const {lagRecords} of partitions) {
    if (lagRecords === null) return null;
    sum += lagRecords;
  }
  return sum;
}

/** Age of the newest applied change or heartbeat; null before the first one. */
export function freshnessMs({nowMs, counts: {newestSourceMs}}: WorkerView): number | null {
  return newestSourceMs === null ? null : Math.max(0, nowMs - newestSourceMs);
}

/** Consumer lag as time: 0 if every record of the topic is applied, else the freshness; null while that is unknown. */
export function lagMs(view: WorkerView): number | null {
  const lag = lagOf(view);
  return lag === 0n ? 0 : lag === null ? null : freshnessMs(view);
}
