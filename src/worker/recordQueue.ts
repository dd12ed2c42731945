/**
 * Records between fetch and apply, with a limit in bytes (L2).
 *
 * The worker fetches while it applies earlier records. Because of the limit, its memory does not grow with the consumer lag.
 */
import type {LogRecord} from '../clients/kafka/eventLog.js';

/** Memory of a record in addition to its key and value. */
const RECORD_OVERHEAD_BYTES = 200;

export class RecordQueue {
  readonly #bytesMax: number;
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#head === this.#records.length;
  }

  /** True while the queue holds more than its limit. One batch may exceed it. */
  get isFull(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  /** The oldest record. */
  get first(): LogRecord | undefined {
    return this.#records[this.#head];
  }

  push(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += sizeBytes(record);
    }
  }

  /** Removes the oldest record. */
  shift(): LogRecord | undefined {
    const record = this.#records[this.#head];
    if (record === undefined) return undefined;
    this.#bytes -= sizeBytes(record);
    this.#head++;
    if (this.#head === this.#records.length) {
      this.#records = [];
      this.#head = 0;
    } else if (this.#head >= 1_024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    return record;
  }

  /** Returns the record that was removed last to its place. */
  putBack(record: LogRecord): void {
    this.#bytes += sizeBytes(record);
    if (this.#head === 0) this.#records.unshift(record);
    else this.#records[--this.#head] = record;
  }

  clear(): void {
    this.#records = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}

function sizeBytes(record: LogRecord): number {
  return RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
}
