/**
 * Folds a window of records into one chunk, for a read model that is being built.
 *
 * A window is what the partition buffer holds when it is full. So an order that changes several times within a window is written once, and
 * one that is created in it is written without reading. Windows begin before the end that the partition had at its resume. Later records
 * are applied in usual chunks. So when the position has reached that end, no chunk in parts is in flight (apply/parts.ts). Before a cutover,
 * windows end for all later resumes too (operations/rebuild/follower.ts). So a cutover finds no order ahead of its position (I15).
 */
import type {Clock} from '../runtime/lifecycle.js';
import type {PartitionBuffer} from './partitionBuffer.js';
import type {PartitionSettings} from './partitionDeps.js';

/** How long a window that is not full waits for the next batch. */
const WAIT_MS = 100;

export interface ChunkLimits {
  readonly ordersMax: number;
  readonly recordsMax: number;
}

export class FoldWindow {
  readonly #buffer: PartitionBuffer;
  readonly #usual: ChunkLimits;
  readonly #folds: (() => boolean) | undefined;
  #end = 0n;

  constructor(buffer: PartitionBuffer, {chunkOrdersMax, chunkRecordsMax, foldsWindows}: PartitionSettings) {
    this.#buffer = buffer;
    this.#usual = {ordersMax: chunkOrdersMax, recordsMax: chunkRecordsMax};
    this.#folds = foldsWindows;
  }

  /** Chunks can be windows. */
  get isUsed(): boolean {
    return this.#folds !== undefined;
  }

  /** `end`: the end of the partition at its resume. */
  begin(end: bigint): void {
    this.#end = this.#folds?.() === true ? end : 0n;
  }

  /** The limits of the chunk that begins with the oldest record of the buffer. The buffer alone limits a window. */
  get limits(): ChunkLimits {
    const {firstOffset = this.#end} = this.#buffer;
    return firstOffset < this.#end ? {ordersMax: Infinity, recordsMax: Infinity} : this.#usual;
  }

  /** Resolves when the buffer is full or holds all records of the windows, or when no batch arrives for a moment. */
  async filled(clock: Clock): Promise<void> {
    const buffer = this.#buffer;
    for (;;) {
      const awaited = buffer.awaitedOffset;
      if (awaited === undefined || awaited >= this.#end || buffer.isFull) return;
      const pause = new AbortController();
      await Promise.race([buffer.arrival(), clock.sleep(WAIT_MS, pause.signal)]);
      pause.abort();
      if (buffer.awaitedOffset === awaited) return;
    }
  }
}
