/**
 * Finds partitions that wait for records although the topic has some. The Kafka client has lost such a partition, or a server delays it.
 *
 * Pure, except for the times that it remembers.
 */

/** Longer than a fetch and its retries take. */
export const STALL_MS = 10_000;

export interface WaitingPartition {
  readonly partition: number;
  /** The offset from which the partition waits for records; undefined if it does not wait. */
  readonly awaited: bigint | undefined;
  /** The end of the partition. */
  readonly high: bigint;
}

export class Stalls {
  /** The offset at which each partition waits, and since when. */
  readonly #waiting = new Map<number, {readonly offset: bigint; readonly sinceMs: number}>();

  /** Returns the offset at which the partition has waited for longer than STALL_MS; undefined if it has not. */
  look({partition, awaited, high}: WaitingPartition, nowMs: number): bigint | undefined {
    if (awaited === undefined || awaited >= high) {
      this.#waiting.delete(partition);
      return undefined;
    }
    const known = this.#waiting.get(partition);
    if (known?.offset === awaited) return nowMs - known.sinceMs >= STALL_MS ? awaited : undefined;
    this.#waiting.set(partition, {offset: awaited, sinceMs: nowMs});
    return undefined;
  }

  clear(): void {
    this.#waiting.clear();
  }
}
