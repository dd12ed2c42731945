/**
 * Which slots of a server have lost writes, and when. Only in the layout `partitioned`.
 *
 * A worker may halt with `reports-lost` only if first the orders of a partition and later the reports lost writes, and the reports came back
 * with a merged offset from before the first loss (docs/decisions/two-positions.md). Such a merged offset can be inside a chunk that the
 * replay has formed anew. A worker that has taken over the merging after the first loss knows this offset, and ends a chunk there.
 */
/** A partition, or the slot of counters, reports and merged offsets. In the layout `single` all keys are in it. */
export type Slot = number | 'shared';

export interface SlotTimes {
  readonly at: number;
  /** By partition: when a worker took over the merging. */
  readonly takenAt: readonly number[];
  /** By partition: true if the reports may be lost. */
  readonly mayLack: readonly boolean[];
}

export const NO_TIMES: SlotTimes = {at: 0, takenAt: [], mayLack: []};

export class SlotHistory {
  /** The number of events, which serves as a time. */
  #now = 0;
  #takenAt: number[] = [];
  #lostAt: number[] = [];
  #mayLack: boolean[] = [];
  /** By slot: what it held between these times was lost. */
  #abandoned: {readonly slot: Slot; readonly from: number; readonly to: number}[] = [];

  /** The history of a replica that becomes the primary. */
  copy(): SlotHistory {
    const copied = new SlotHistory();
    copied.#now = this.#now;
    copied.#takenAt = [...this.#takenAt];
    copied.#lostAt = [...this.#lostAt];
    copied.#mayLack = [...this.#mayLack];
    copied.#abandoned = [...this.#abandoned];
    return copied;
  }

  times(): SlotTimes {
    return {at: ++this.#now, takenAt: [...this.#takenAt], mayLack: [...this.#mayLack]};
  }

  taken(partition: number): void {
    this.#takenAt[partition] = ++this.#now;
  }

  mayLack(partition: number): boolean {
    return this.#mayLack[partition] === true;
  }

  /**
   * False if a slot has lost this state already. No server of a cluster brings it back: an old primary that returns becomes a replica, and
   * takes over the data of the new one.
   */
  canGoBack({at}: SlotTimes, slots: readonly Slot[]): boolean {
    return !this.#abandoned.some(({slot, from, to}) => slots.includes(slot) && at > from && at < to);
  }

  /** The partitions whose reports may be lost after these slots go back to the state of `times`. */
  lackingAfter(times: SlotTimes, slots: readonly Slot[], partitions: readonly number[]): number[] {
    if (!slots.includes('shared')) return partitions.filter((partition) => this.mayLack(partition));
    return partitions.filter((partition) => {
      const isOlder = (times.takenAt[partition] ?? 0) < (this.#lostAt[partition] ?? 0);
      // Orders and reports that go back to one moment agree with each other.
      return times.mayLack[partition] === true || (isOlder && !slots.includes(partition));
    });
  }

  /** These slots go back to the state of `times`. */
  restored(times: SlotTimes, slots: readonly Slot[], partitions: readonly number[]): void {
    const lacking = this.lackingAfter(times, slots, partitions);
    const now = ++this.#now;
    this.#abandoned.push(...slots.map((slot) => ({slot, from: times.at, to: now})));
    for (const partition of partitions) {
      this.#mayLack[partition] = lacking.includes(partition);
      if (slots.includes('shared')) this.#takenAt[partition] = times.takenAt[partition] ?? 0;
      if (slots.includes(partition)) this.#lostAt[partition] = now;
    }
  }
}
