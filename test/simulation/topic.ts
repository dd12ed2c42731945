/** The simulated topic: records whose offsets can have gaps, each with the event that the mirror expects. */
import type {LogRange, LogRecord} from '../../src/clients/kafka/eventLog.js';
import type {Event} from './shop.js';

/** One record of the topic. */
export interface Entry {
  readonly record: LogRecord;
  readonly event: Event;
}

export interface Fetched {
  readonly records: readonly LogRecord[];
  readonly nextOffset: bigint;
}

export class SimTopic {
  readonly name = 'sim.events';
  /** True for a client that reports a wrong fetch offset, to check that the simulation finds this fault. */
  hidesJumps = false;
  readonly #partitions: {entries: Entry[]; high: bigint}[];

  constructor(partitions: number) {
    this.#partitions = Array.from({length: partitions}, () => ({entries: [], high: 0n}));
  }

  get partitions(): number[] {
    return [...this.#partitions.keys()];
  }

  append(event: Event): void {
    const held = this.#of(event.partition);
    const offset = held.high++;
    const record = {...event.record, offset, timestampMs: String(1_795_000_000_000n + offset)};
    held.entries.push({record, event});
  }

  /** Adds the control records of a transaction: offsets that no consumer receives. */
  skip(partition: number, offsets: bigint): void {
    this.#of(partition).high += offsets;
  }

  entries(partition: number): readonly Entry[] {
    return this.#of(partition).entries;
  }

  /** The records from one offset on and before another one. */
  between(partition: number, from: bigint, to: bigint): readonly Entry[] {
    if (from >= to) return [];
    return this.entries(partition).filter(({record}) => record.offset >= from && record.offset < to);
  }

  range(partition: number): LogRange {
    return {low: 0n, high: this.#of(partition).high};
  }

  /** The position of a partition after all of its records are applied. */
  end(partition: number): bigint {
    const last = this.#of(partition).entries.at(-1);
    return last === undefined ? 0n : last.record.offset + 1n;
  }

  /**
   * The records from this offset on, and the next fetch offset, which is after the control records that
   * follow.
   */
  fetch(partition: number, offset: bigint, recordsMax: number): Fetched {
    const {entries, high} = this.#of(partition);
    const from = entries.findIndex(({record}) => record.offset >= offset);
    if (from < 0) return {records: [], nextOffset: high};
    const records = entries.slice(from, from + recordsMax).map(({record}) => record);
    const following = entries[from + records.length];
    return {records, nextOffset: following?.record.offset ?? high};
  }

  #of(partition: number): {entries: Entry[]; high: bigint} {
    const found = this.#partitions[partition];
    if (found === undefined) throw new Error(`no partition ${partition}`);
    return found;
  }
}
