/**
 * The types of the answers of `/status` and `/history`.
 *
 * `Whole` is an offset or a lag, which can be beyond 2^53 (I8). It is a bigint in the worker. In the JSON answer, and so for every
 * client, it is text. Times that are text have the form of ISO 8601.
 *
 * This file contains only types, and none of Node or of a browser, because the worker and the page are both compiled against it.
 */
export interface StatusAnswer<Whole> {
  /** The state is one of `WORKER_STATES` (worker/workerView.ts). */
  readonly state: string;
  readonly ready: {readonly isWell: boolean; readonly reasons: readonly string[]};
  readonly version: string;
  readonly group: string;
  readonly topic: string;
  /** True if this worker answers `/shop` (PROJECTOR_PAGE_SHOP). */
  readonly hasShop: boolean;
  readonly now: string;
  readonly started: string;
  readonly kafkaUp: boolean;
  readonly redisUp: boolean;
  readonly connector: {readonly name: string; readonly state: string} | null;
  /** This field and the next three are null while their values are unknown. */
  /** Null if Redis holds nothing of an audit. */
  readonly audit: AuditStatus | null;
  readonly lagRecords: Whole | null;
  readonly lagSeconds: number | null;
  readonly freshnessSeconds: number | null;
  readonly newestApplied: string | null;
  /** The counts since this worker was started. */
  readonly records: RecordCounts;
  readonly rebalances: number;
  readonly partitions: readonly PartitionStatus<Whole>[];
  readonly troubles: readonly {readonly kind: string; readonly detail: string; readonly since: string}[];
  /** The newest error comes first. */
  readonly errors: readonly {readonly at: string; readonly kind: string; readonly detail: string}[];
}

export interface AuditStatus {
  readonly isRunning: boolean;
  /** A schema change asked for a pass, and none has been completed since. */
  readonly isRequested: boolean;
  readonly overdueSeconds: number;
  /** The last complete pass; null before the first one. */
  readonly last: {
    readonly ended: string;
    readonly seconds: number;
    readonly orders: number;
    /** Values that differed, those that a repair corrected, and those that were not decided. */
    readonly differences: number;
    readonly repaired: number;
    readonly open: number;
  } | null;
}

export interface RecordCounts {
  readonly consumed: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly ignored: number;
  readonly quarantined: number;
  readonly positionResets: number;
  readonly rejectedWrites: number;
}

export interface PartitionStatus<Whole> {
  readonly partition: number;
  readonly position: Whole | null;
  readonly committed: Whole | null;
  readonly start: Whole | null;
  readonly end: Whole | null;
  readonly lagRecords: Whole | null;
  readonly stuckMs: number;
  /** The error with which the partition is held, while the others continue. */
  readonly held: {readonly kind: string; readonly detail: string} | null;
}

/** The state of a worker at one moment of the last 15 minutes. */
export interface HistoryPoint<Whole> {
  /** The time of the point, in ms since 1970. */
  readonly atMs: number;
  /** The time at which this worker was started, in ms since 1970. */
  readonly startedMs: number;
  readonly lagRecords: Whole | null;
  /** The number of records applied since this worker was started. */
  readonly applied: number;
  readonly isReady: boolean;
}

export interface HistoryAnswer<Whole> {
  /** The oldest point comes first. */
  readonly points: readonly HistoryPoint<Whole>[];
}
