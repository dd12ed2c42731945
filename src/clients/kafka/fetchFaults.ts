/**
 * Remembers which partitions cannot be read, and for how long.
 *
 * A fault of one partition must not stop the others. So wire/fetchAnswer.ts leaves the partition out of its response and reports the
 * fault here. The partition rests for a pause and is fetched again. A fault that lasts is escalated in two steps:
 *
 * 1. After REPLACE_AFTER_MS the client is replaced once, because the fault can be in this process or in its connection.
 * 2. After the same time again, the fault is final, and the partition halts.
 *
 * Pure, except for the times that it remembers.
 */
export interface FetchFault {
  readonly partition: number;
  /** The offset of the record batch that cannot be read, or the requested offset if the broker returned an error. */
  readonly offset: bigint;
  readonly reason: string;
}

/** `retry`: fetch again after a pause. `replace`: replace the client first. `final`: the partition cannot be read. */
export type FaultStep = 'retry' | 'replace' | 'final';

export const REPLACE_AFTER_MS = 10_000;

interface Known {
  readonly offset: bigint;
  sinceMs: number;
  isReplaced: boolean;
}

export class FetchFaults {
  readonly #known = new Map<number, Known>();

  /** Decides what follows from a fault. A fault at another offset is a new one, because the partition has made progress. */
  add({partition, offset}: FetchFault, nowMs: number): FaultStep {
    const known = this.#known.get(partition);
    if (known?.offset !== offset) {
      this.#known.set(partition, {offset, sinceMs: nowMs, isReplaced: false});
      return 'retry';
    }
    if (nowMs - known.sinceMs < REPLACE_AFTER_MS) return 'retry';
    if (known.isReplaced) return 'final';
    known.isReplaced = true;
    known.sinceMs = nowMs;
    return 'replace';
  }

  /** The partition has delivered the records before `nextOffset`. A fault at a later offset remains. */
  clear(partition: number, nextOffset: bigint): void {
    const known = this.#known.get(partition);
    if (known !== undefined && nextOffset > known.offset) this.#known.delete(partition);
  }
}
