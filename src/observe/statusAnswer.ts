/**
 * What `/status` and `/history` answer. `Whole` is an offset or a count of records that may be beyond 2^53: a bigint where the
 * answer is made, text in its JSON, which whoever reads it gets (I8). Times are ISO 8601 where they are text.
 *
 * Types only, without a server's or a browser's: both sides are compiled against it.
 */
export interface StatusAnswer<Whole> {
  /** See `WORKER_STATES` in view.ts. */
  readonly state: string;
  readonly ready: {readonly isWell: boolean; readonly reasons: readonly string[]};
  readonly version: string;
  readonly group: string;
  readonly topic: string;
  readonly now: string;
  readonly started: string;
  readonly kafkaUp: boolean;
  readonly redisUp: boolean;
  readonly connector: {readonly name: string; readonly state: string} | null;
  /** Null before it is known, like the next three. */
  readonly lagRecords: Whole | null;
  readonly lagSeconds: number | null;
  readonly freshnessSeconds: number | null;
  readonly newestApplied: string | null;
  /** Since this worker was started. */
  readonly records: RecordCounts;
  readonly rebalances: number;
  readonly partitions: readonly PartitionStatus<Whole>[];
  readonly troubles: readonly {readonly kind: string; readonly detail: string; readonly since: string}[];
  /** The newest first. */
  readonly errors: readonly {readonly at: string; readonly kind: string; readonly detail: string}[];
}

export interface RecordCounts {
  readonly consumed: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly ignored: number;
  readonly quarantined: number;
  readonly rewinds: number;
  readonly refusals: number;
}

export interface PartitionStatus<Whole> {
  readonly partition: number;
  readonly position: Whole | null;
  readonly committed: Whole | null;
  readonly start: Whole | null;
  readonly end: Whole | null;
  readonly lagRecords: Whole | null;
  readonly stuckMs: number;
}

/** A worker at one moment of the last minutes. */
export interface HistoryPoint<Whole> {
  /** Since 1970. */
  readonly atMs: number;
  /** When this worker was started. */
  readonly startedMs: number;
  readonly lagRecords: Whole | null;
  /** Since this worker was started. */
  readonly applied: number;
  readonly isReady: boolean;
}

export interface HistoryAnswer<Whole> {
  /** The oldest first. */
  readonly points: readonly HistoryPoint<Whole>[];
}
