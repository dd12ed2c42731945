/**
 * The seam to the log: what the worker needs of Kafka, and nothing more. Implemented by clients/kafka/topicLog.ts.
 *
 * Rules that every implementation keeps:
 * - a partition that was assigned delivers nothing until `readFrom`;
 * - batches of a partition come one at a time, in offset order;
 * - `fetchOffset` of a batch is the offset that was asked for, so a jump that nobody asked for can be seen (I6);
 * - keys and values may be slices of a larger buffer: hold them no longer than needed;
 * - while the handler of a batch waits, the membership in the group is kept alive.
 */
export interface LogRecord {
  readonly offset: bigint;
  readonly timestampMs: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface LogBatch {
  readonly partition: number;
  /** The offset that this fetch asked for. */
  readonly fetchOffset: bigint;
  /** The offset that the next fetch will ask for; beyond the last record where control records follow. */
  readonly nextOffset: bigint;
  readonly records: readonly LogRecord[];
}

export interface LogRange {
  /** First offset that still exists. */
  readonly low: bigint;
  /** Offset that the next record will get. */
  readonly high: bigint;
}

export interface EventLogHandlers {
  /** A new assignment replaces the one before, whether or not the partitions are the same. Must not wait. */
  assigned(partitions: readonly number[]): void;
  /** Takes a batch; resolves when there is room for another. `keepAlive` must be called while waiting. */
  batch(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void>;
  /** Nothing was heard of the partition for long: what is read now may be another log under the same name. */
  doubted(partition: number, reason: string): void;
  /** State of the connection, on change only. */
  connection(state: 'up' | 'down', reason: string): void;
  /** The log can no longer be read by this process. */
  failed(error: Error): void;
}

export interface EventLog {
  start(handlers: EventLogHandlers): Promise<void>;
  /** Delivers the partition from this offset on; forgets what was fetched before. */
  readFrom(partition: number, offset: bigint): void;
  /** Delivers nothing of the partition until the next `readFrom`. */
  hold(partition: number): void;
  /** The range of every partition of the topic. Rejects while the log cannot be reached. */
  ranges(): Promise<ReadonlyMap<number, LogRange>>;
  /** Tells Kafka the next offset of each partition, for lag tools only. */
  ack(nextOffsets: ReadonlyMap<number, bigint>): Promise<void>;
  /** Leaves the group. No handler is called afterwards. */
  stop(): Promise<void>;
}
