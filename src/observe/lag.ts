/**
 * How far the read model is behind the log: end of the log minus position, per partition. Control records of transactions
 * count as records here. Beside it, for `offsets show`, what is committed in Kafka.
 */
import type {LogRange} from '../clients/kafka/eventLog.js';
import {positionBehind} from '../redis-model/fence.js';
import {NO_POSITION, parsePosition} from '../redis-model/position.js';
import type {StoredPositions} from '../redis-model/storedPositions.js';

export interface PartitionLag {
  readonly partition: number;
  /** Next offset to apply; null when Redis holds no position. */
  readonly position: bigint | null;
  /** True when something is stored that is no position; a worker halts on it. */
  readonly isUnreadable: boolean;
  /** First offset that still exists. */
  readonly start: bigint;
  /** Offset that the next record will get. */
  readonly end: bigint;
  readonly lagRecords: bigint;
}

export interface LogEnds {
  ranges(): Promise<ReadonlyMap<number, LogRange>>;
}

/** One row per partition, in order. Positions are read first, so lag is never shown too small. */
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
    const text = positionBehind(texts[partition] ?? NO_POSITION);
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
  /** What the group has committed in Kafka; null for nothing. Workers write it and never read it. */
  readonly committed: bigint | null;
}

export interface LogAndGroup extends LogEnds {
  committedOffsets(groupId: string): Promise<ReadonlyMap<number, bigint>>;
}

/** One row per partition, in order. A worker commits what Redis holds already: read first, it is not shown ahead of that. */
export async function readOffsets(
  log: LogAndGroup,
  positions: StoredPositions,
  {partitionCount, groupId}: {readonly partitionCount: number; readonly groupId: string},
): Promise<PartitionOffsets[]> {
  const committed = await log.committedOffsets(groupId);
  const rows = await readLag(log, positions, partitionCount);
  return rows.map((row) => ({...row, committed: committed.get(row.partition) ?? null}));
}
