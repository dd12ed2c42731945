/**
 * Corrupt orders of one partition, as scripts have found them: orders whose keys hold something foreign.
 *
 * The records of a corrupt order are quarantined up to the end of the chunk that found it. Later records are sent to Redis again,
 * because the keys may have been repaired. The map is bounded by the orders of chunks that failed for this reason and were not
 * applied since.
 *
 * Pure: no clock, no I/O.
 */
export class CorruptOrders {
  readonly #found = new Map<string, {readonly what: string; readonly before: bigint}>();

  /** `before`: the first offset after the chunk that found it. */
  add(orderId: string, what: string, before: bigint): void {
    this.#found.set(orderId, {what, before});
  }

  /** Why the order is corrupt, if that holds for a record at this offset; else undefined. */
  reasonAt(orderId: string, offset: bigint): string | undefined {
    const found = this.#found.get(orderId);
    return found !== undefined && offset < found.before ? found.what : undefined;
  }

  /** Forgets what was found in chunks that are applied: every record before `nextOffset` is. */
  forgetBefore(nextOffset: bigint): void {
    for (const [orderId, {before}] of this.#found) if (before <= nextOffset) this.#found.delete(orderId);
  }

  clear(): void {
    this.#found.clear();
  }
}
