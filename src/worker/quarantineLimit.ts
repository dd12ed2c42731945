/**
 * Limits how many records may be quarantined (L5). A renamed column must not move the whole topic into quarantine.
 *
 * At most `recordsMax` of any `windowOffsets` consecutive offsets of a partition are admitted. The count starts from the entries in
 * Redis. So restarts do not move a worker past the limit, and a replay of the topic halts at the same record (I7).
 *
 * Pure: no clock, no I/O.
 */
export interface QuarantineSettings {
  /** 0 halts the worker at the first bad record. */
  readonly quarantineMax: number;
  readonly quarantineWindow: number;
}

export class QuarantineLimit {
  readonly #recordsMax: number;
  readonly #windowOffsets: bigint;
  #offsets: bigint[] = [];

  constructor(settings: QuarantineSettings) {
    this.#recordsMax = settings.quarantineMax;
    this.#windowOffsets = BigInt(settings.quarantineWindow);
  }

  /** Starts from the offsets of the entries in Redis, in ascending order. */
  reset(offsets: readonly bigint[]): void {
    this.#offsets = [...offsets];
  }

  /** Returns true, and counts the record, if one more may be quarantined. Offsets must ascend. */
  admit(offset: bigint): boolean {
    const oldest = offset - this.#windowOffsets;
    this.#offsets = this.#offsets.filter((other) => other > oldest && other < offset);
    if (this.#offsets.length >= this.#recordsMax) return false;
    this.#offsets.push(offset);
    return true;
  }
}
