/**
 * What was fetched of one partition and is not applied yet: batches in, records out. It takes batches from the offset on that was
 * asked for, without a gap (I4), and begins with the record that was applied last, when there is one, to compare the log with it.
 */
import type {LogBatch, LogRecord} from '../clients/kafka/eventLog.js';
import {Signal, type Clock} from '../runtime/lifecycle.js';
import {RecordQueue} from './recordQueue.js';
import {requireSameLog, type Start} from './resume.js';

/** How often a full queue lets its batch keep the membership alive. */
const KEEP_ALIVE_MS = 1_000;

export class Intake {
  readonly #where: string;
  readonly #clock: Clock;
  readonly #queue: RecordQueue;
  readonly #arrived = new Signal();
  readonly #room = new Signal();
  /** The offset that the next batch must have asked for; undefined while it is closed. */
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

  get isOpen(): boolean {
    return this.#expectedFetch !== undefined;
  }

  /** Takes batches from here on. */
  open({fromOffset, expectFirst}: Start): void {
    this.#expectFirst = expectFirst;
    this.#expectedFetch = fromOffset;
  }

  /** Takes no batch more; what it holds stays. */
  close(): void {
    this.#expectedFetch = undefined;
    this.wake();
  }

  /** Closes, and forgets what it holds. */
  clear(): void {
    this.#queue.clear();
    this.close();
  }

  /** Whoever waits for records or for room looks again. */
  wake(): void {
    this.#arrived.wake();
    this.#room.wake();
  }

  /** Resolves when records came, or at a wake. */
  async arrival(): Promise<void> {
    await this.#arrived.wait();
  }

  /** Why this batch is not the next one, while open; undefined when it is. */
  doubtOf({fetchOffset}: LogBatch): string | undefined {
    if (fetchOffset === this.#expectedFetch) return undefined;
    return `the log was read at offset ${fetchOffset} instead of ${this.#expectedFetch}`;
  }

  /** Takes the next batch; resolves when there is room for more, or when it was closed. */
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
   * Takes off the record that was applied last, when the log begins with it and it has come: nothing is to be done with it. Throws as
   * `requireSameLog` does when another one stands there.
   */
  takeKnown(): boolean {
    if (this.#expectFirst === null) return false;
    const record = this.#queue.shift();
    if (record === undefined) return false;
    requireSameLog(this.#expectFirst, record, this.#where);
    this.#expectFirst = null;
    return true;
  }

  /** Takes off the oldest record. */
  shift(): LogRecord | undefined {
    return this.#queue.shift();
  }

  /** Lets a batch go on that waited for room, when there is some. */
  letMoreIn(): void {
    if (!this.#queue.isFull) this.#room.wake();
  }
}
