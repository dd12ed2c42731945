/**
 * Folds a window of records into one chunk, for a read model that is being built.
 *
 * A window is what the partition buffer holds when it is full, or when no batch has arrived for a moment. So an order that changes several times within a window is written once, and
 * one that is created in it is written without reading. It is applied in parts (apply/parts.ts). If that fails, orders can be ahead of the
 * position, up to the end of the window. So windows contain only records before the end that the partition had at its resume. Before a
 * cutover, the worker must reach the ends that the topic has after the last such resume (operations/rebuild/follower.ts). So a cutover finds no
 * order ahead of its position (I15).
 */
import type {Clock} from '../runtime/lifecycle.js';
import type {PartitionBuffer} from './partitionBuffer.js';
import type {PartitionSettings} from './partitionDeps.js';

/** How long a window that is not full waits for the next batch. */
const WAIT_MS = 100;

export interface ChunkLimits {
  /** The chunk ends before this offset. */
  readonly endOffset?: bigint;
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
    return firstOffset < this.#end
      ? {ordersMax: Infinity, recordsMax: Infinity, endOffset: this.#end}
      : this.#usual;
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
