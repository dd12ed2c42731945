/**
 * The interface of a topic as the worker reads it. clients/kafka/topicLog.ts implements it.
 *
 * Every implementation follows these rules:
 * - An assigned partition delivers no batch until `readFrom` is called.
 * - The batches of a partition are delivered one at a time, in offset order.
 * - `fetchOffset` of a batch is the offset that the fetch requested. So the worker detects an unexpected jump (I6).
 * - Keys and values may be slices of a larger buffer. The reader must not keep them longer than needed, because they keep it in memory.
 * - While the handler of a batch waits, the consumer remains a member of the group.
 */
export interface LogRecord {
  readonly offset: bigint;
  readonly timestampMs: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface LogBatch {
  readonly partition: number;
  /** The offset that the fetch requested. */
  readonly fetchOffset: bigint;
  /** The offset that the next fetch requests. If control records follow the last record, it is after them. */
  readonly nextOffset: bigint;
  readonly records: readonly LogRecord[];
}

export interface LogRange {
  /** The first offset that still exists. */
  readonly low: bigint;
  /** The offset of the next record that is written. */
  readonly high: bigint;
}

/** A partition whose range cannot be read, for example because it has no leader. */
export interface Unavailable {
  readonly reason: string;
}

export interface UnreadableOffset {
  readonly offset: bigint;
  readonly reason: string;
  readonly isFinal: boolean;
}

export interface EventLogHandlers {
  /** A new assignment. It replaces the previous one, even if the partitions are the same. The handler must not block. */
  assigned(partitions: readonly number[]): void;
  /** Receives a batch. Resolves when there is room for another one. The handler must call `keepAlive` while it waits. */
  batch(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void>;
  /** There was no fetch response for too long. The topic can have been deleted and recreated meanwhile, so I10 must be checked again. */
  recheck(partition: number, reason: string): void;
  /**
   * The partition cannot be read at this offset. The implementation fetches it again after a pause, while the other partitions continue.
   * It is called at every attempt. `isFinal`: there are no more attempts.
   */
  unreadable(partition: number, fault: UnreadableOffset): void;
  /** The state of the connection. It is called only when the state changes. */
  connection(state: 'up' | 'down', reason: string): void;
  /** This process can no longer read the topic. */
  failed(error: Error): void;
}

export interface EventLog {
  start(handlers: EventLogHandlers): Promise<void>;
  /** Delivers the partition from this offset. It discards records that were fetched before. */
  readFrom(partition: number, offset: bigint): void;
  /** Pauses the partition until the next `readFrom`. */
  hold(partition: number): void;
  /**
   * The range of every partition of the topic, or why it cannot be read. An answer is never older than the call. Rejects while Kafka is
   * unreachable.
   */
  ranges(): Promise<ReadonlyMap<number, LogRange | Unavailable>>;
  /**
   * The topic has records from this offset on, but the partition has received none of them for long. It calls `unreadable` with the last
   * error of the client, and replaces the client if that lasts.
   */
  stalled(partition: number, offset: bigint): void;
  /** Commits the next offset of each partition to Kafka, for lag tools only. */
  commitOffsets(nextOffsets: ReadonlyMap<number, bigint>): Promise<void>;
  /** Leaves the group. It calls no handler afterwards. */
  stop(): Promise<void>;
}
