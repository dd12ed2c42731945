/**
 * Orders of one partition whose keys hold something foreign, as far as a script has told: their records up to the end of that chunk are
 * set aside, later ones try their luck again. Bounded by the orders of the chunks that were refused for it and not applied since.
 *
 * Pure: no clock, no I/O.
 */
export class SpoiledOrders {
  readonly #found = new Map<string, {readonly what: string; readonly before: bigint}>();

  /** `before`: the offset behind the chunk that found it. */
  add(orderId: string, what: string, before: bigint): void {
    this.#found.set(orderId, {what, before});
  }

  /** What is wrong with the order, where that holds for a record at this offset. */
  reasonAt(orderId: string, offset: bigint): string | undefined {
    const found = this.#found.get(orderId);
    return found !== undefined && offset < found.before ? found.what : undefined;
  }

  /** Everything before this offset is applied. */
  forgetBefore(nextOffset: bigint): void {
    for (const [orderId, {before}] of this.#found) if (before <= nextOffset) this.#found.delete(orderId);
  }

  clear(): void {
    this.#found.clear();
  }
}
