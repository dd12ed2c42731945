/**
 * How many records may be set aside before it is no accident: a renamed column must not drain the log into quarantine.
 *
 * At most `recordsMax` of any `windowOffsets` neighbouring offsets of a partition. The count starts from what Redis holds, so a
 * worker that is started again and again does not get further, and a replay of the log halts at the same record (I7).
 *
 * Pure: no clock, no I/O.
 */
export interface QuarantineSettings {
  /** 0 halts at the first bad record. */
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

  /** Starts from the records that Redis holds, in order. */
  reset(offsets: readonly bigint[]): void {
    this.#offsets = [...offsets];
  }

  /** True, and counted, when one more may be set aside; offsets come in order. */
  admit(offset: bigint): boolean {
    const oldest = offset - this.#windowOffsets;
    this.#offsets = this.#offsets.filter((other) => other > oldest && other < offset);
    if (this.#offsets.length >= this.#recordsMax) return false;
    this.#offsets.push(offset);
    return true;
  }
}
