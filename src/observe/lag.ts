/**
 * Consumer lag by partition: the end of the partition minus the position.
 *
 * Control records of transactions count as records here, because they have offsets, too.
 * For `offsets show`, the result also contains the offset that the group has committed in Kafka.
 */
import type {LogRange} from '../clients/kafka/eventLog.js';
import {positionInFence} from '../redis-model/fence.js';
import {NO_POSITION, parsePosition} from '../redis-model/position.js';
import type {StoredPositions} from '../redis-model/storedPositions.js';

export interface PartitionLag {
  readonly partition: number;
  /** The next offset to apply. It is null if Redis holds no position, or an unreadable one. */
  readonly position: bigint | null;
  /** True if the stored text is neither a position nor a fence. A worker halts on it (`position-unreadable`). */
  readonly isUnreadable: boolean;
  /** The first offset that still exists in the partition. */
  readonly start: bigint;
  /** The offset that the next record will get. */
  readonly end: bigint;
  readonly lagRecords: bigint;
}

export interface LogEnds {
  ranges(): Promise<ReadonlyMap<number, LogRange>>;
}

/**
 * Returns one row per partition, in order. It reads the positions before the ends of the partitions. So the lag can be too large
 * by the records of that moment, but never too small.
 */
export async function readLag(
  log: LogEnds,
  positions: StoredPositions,
  partitionCount: number,
): Promise<PartitionLag[]> {
  const partitions = Array.from({length: partitionCount}, (_, index) => index);
  const texts = await positions.read(partitions);
  const ranges = await log.ranges();
  return partitions.map((partition) => {
    const {low, high} = ranges.get(partition) ?? {low: 0n, high: 0n};
    const text = positionInFence(texts[partition] ?? NO_POSITION);
    const position = parsePosition(text)?.nextOffset ?? null;
    const lag = high - (position ?? low);
    return {
      partition,
      position,
      isUnreadable: position === null && text !== NO_POSITION,
      start: low,
      end: high,
      lagRecords: lag > 0n ? lag : 0n,
    };
  });
}

export interface PartitionOffsets extends PartitionLag {
  /** The offset that the group has committed in Kafka, or null if there is none. Workers write it and never read it. */
  readonly committed: bigint | null;
}

export interface LogAndGroup extends LogEnds {
  committedOffsets(groupId: string): Promise<ReadonlyMap<number, bigint>>;
}

/**
 * Returns one row per partition, in order. A worker commits an offset only after Redis holds the position. So this function reads
 * the committed offsets first. Then a row never shows a committed offset beyond the position.
 */
export async function readOffsets(
  log: LogAndGroup,
  positions: StoredPositions,
  {partitionCount, groupId}: {readonly partitionCount: number; readonly groupId: string},
): Promise<PartitionOffsets[]> {
  const committed = await log.committedOffsets(groupId);
  const rows = await readLag(log, positions, partitionCount);
  return rows.map((row) => ({...row, committed: committed.get(row.partition) ?? null}));
}
