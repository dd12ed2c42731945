/**
 * The fetched records of one partition that wait: batches in, records out.
 *
 * I4, I6: it accepts batches from the requested offset on, without a gap. If the position names a last applied record, the buffer
 * begins with that record, so that the topic can be compared with it (I10).
 */
import type {LogBatch, LogRecord} from '../clients/kafka/eventLog.js';
import {Signal, type Clock} from '../runtime/lifecycle.js';
import {RecordQueue} from './recordQueue.js';
import {requireSameRecord, type Start} from './resume.js';

/** While the queue is full, the waiting batch calls `keepAlive` this often, so that the worker stays in the group. */
const KEEP_ALIVE_MS = 1_000;

export class PartitionBuffer {
  readonly #where: string;
  readonly #clock: Clock;
  readonly #queue: RecordQueue;
  readonly #arrived = new Signal();
  readonly #room = new Signal();
  /** The offset that the next batch must have asked for; undefined while the buffer is closed. */
  #expectedFetch: bigint | undefined;
  #expectFirst: Start['expectFirst'] = null;

  /** `where` names the partition in errors. */
  constructor(where: string, clock: Clock, queueBytesMax: number) {
    this.#where = where;
    this.#clock = clock;
    this.#queue = new RecordQueue(queueBytesMax);
  }

  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  /** There is no room for another batch. */
  get isFull(): boolean {
    return this.#queue.isFull;
  }

  get isOpen(): boolean {
    return this.#expectedFetch !== undefined;
  }

  /** The offset of the batch that must come next; undefined while the buffer is closed. */
  get awaitedOffset(): bigint | undefined {
    return this.#expectedFetch;
  }

  /** The offset of the oldest record; undefined if there is none. */
  get firstOffset(): bigint | undefined {
    return this.#queue.first?.offset;
  }

  /** Accepts batches from this offset on. */
  open({fromOffset, expectFirst}: Start): void {
    this.#expectFirst = expectFirst;
    this.#expectedFetch = fromOffset;
  }

  /** Accepts no more batches, and keeps the records that it holds. */
  close(): void {
    this.#expectedFetch = undefined;
    this.wake();
  }

  /** Closes, and drops the records that it holds. */
  clear(): void {
    this.#queue.clear();
    this.close();
  }

  /** Wakes every caller that waits for records or for room, so that it checks its conditions again. */
  wake(): void {
    this.#arrived.wake();
    this.#room.wake();
  }

  /** Resolves when records have arrived, or at a wake. */
  async arrival(): Promise<void> {
    await this.#arrived.wait();
  }

  /** Why this batch is not the expected one; undefined if it is. To be called only while the buffer is open. */
  whyUnexpected({fetchOffset}: LogBatch): string | undefined {
    if (fetchOffset === this.#expectedFetch) return undefined;
    return `records were fetched from offset ${fetchOffset} instead of ${this.#expectedFetch}`;
  }

  /** Adds the next batch. Resolves when there is room for another one, or when the buffer was closed. */
  async take({records, nextOffset}: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    this.#expectedFetch = nextOffset;
    this.#queue.push(records);
    this.#arrived.wake();
    while (this.#queue.isFull && this.isOpen) {
      const pause = new AbortController();
      await Promise.race([this.#room.wait(), this.#clock.sleep(KEEP_ALIVE_MS, pause.signal)]);
      pause.abort();
      await keepAlive();
    }
  }

  /**
   * Removes the record that was applied last, if the buffer expects it and it has arrived. It needs no further work. Throws as
   * `requireSameRecord` does if another record has its offset.
   */
  takeLastApplied(): boolean {
    if (this.#expectFirst === null) return false;
    const record = this.#queue.shift();
    if (record === undefined) return false;
    requireSameRecord(this.#expectFirst, record, this.#where);
    this.#expectFirst = null;
    return true;
  }

  /** Removes the oldest record. */
  shift(): LogRecord | undefined {
    return this.#queue.shift();
  }

  /** Returns the record that was removed last. */
  putBack(record: LogRecord): void {
    this.#queue.putBack(record);
  }

  /** If there is room, resumes the batch that waits for it. */
  resumeDelivery(): void {
    if (!this.#queue.isFull) this.#room.wake();
  }
}
