/** Takes the records of one chunk from the buffer of a partition. */
import type {ChunkBuilder} from './chunkBuilder.js';
import type {OutcomeCounter} from './outcomes.js';
import type {PartitionBuffer} from './partitionBuffer.js';

export interface ChunkLimits {
  readonly ordersMax: number;
  readonly recordsMax: number;
  /** The chunk contains no record from this offset on. */
  readonly endOffset?: bigint | undefined;
  /** A chunk that contains a record before this offset contains no record at or after it (apply/reportFeed.ts). */
  readonly boundary?: bigint | undefined;
}

/**
 * Adds records to the builder until the chunk is large enough, or the buffer is empty. Returns the halting error of a record that can be
 * neither applied nor quarantined; that record is not part of the chunk.
 */
export function takeRecords(
  {buffer, builder, outcomes}: {buffer: PartitionBuffer; builder: ChunkBuilder; outcomes: OutcomeCounter},
  {ordersMax, recordsMax, endOffset, boundary}: ChunkLimits,
): unknown {
  let first: bigint | undefined;
  for (let taken = 0; taken < recordsMax && builder.orderCount < ordersMax; taken++) {
    const record = buffer.shift();
    if (record === undefined) break;
    first ??= record.offset;
    const isAtBoundary = boundary !== undefined && first < boundary && record.offset >= boundary;
    if (isAtBoundary || (endOffset !== undefined && record.offset >= endOffset)) {
      buffer.putBack(record);
      break;
    }
    outcomes.take();
    try {
      if (builder.add(record)) continue;
      buffer.putBack(record);
    } catch (error) {
      outcomes.handBack(1);
      return error;
    }
    outcomes.handBack(1);
    break;
  }
  return undefined;
}
