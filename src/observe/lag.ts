/**
 * How far the read model is behind the log: end of the log minus position, per partition. Control records of transactions
 * count as records here.
 */
import type {LogRange} from '../eventLog.js';
import {positionBehind} from '../fence.js';
import {parsePosition} from '../position.js';
import type {StoredPositions} from '../storedPositions.js';

export interface PartitionLag {
  readonly partition: number;
  /** Next offset to apply; null when Redis holds no position. */
  readonly position: bigint | null;
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
    const position = parsePosition(positionBehind(texts[partition] ?? ''))?.nextOffset ?? null;
    const lag = high - (position ?? low);
    return {partition, position, end: high, lagRecords: lag > 0n ? lag : 0n};
  });
}
