/**
 * Reads one partition of the topic at a time, on request.
 *
 * `seek` sets the offset, and `readTo` delivers the records before another offset. Fetched records that were not requested
 * wait in a bounded queue (L6), so that the next request often needs no fetch. All other partitions are held. No offsets are
 * committed.
 */
import {RecordQueue} from '../../worker/recordQueue.js';
import {requireSameRecord} from '../../worker/resume.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {
  EventLog,
  LogBatch,
  LogRange,
  LogRecord,
  UnreadableOffset,
} from '../../clients/kafka/eventLog.js';
import {Signal, type Clock} from '../../runtime/lifecycle.js';
import {fingerprintOf, type Fingerprint} from '../../redis-model/position.js';

export interface LogCursorOptions {
  readonly clock: Clock;
  readonly topic: string;
  readonly queueBytesMax: number;
  /** If Kafka delivers nothing within this time although there are more records, it counts as unreachable. */
  readonly idleTimeoutMs: number;
  /** Called when more records must be fetched, with the next offset and the offset to reach. */
  readonly progress: (partition: number, next: bigint, end: bigint) => void;
}

/** While the queue is full, the waiting batch keeps the group membership alive at this interval. */
const KEEP_ALIVE_MS = 1_000;
/** How many batches may begin at another offset than requested, before the cursor gives up. */
const JUMPS_MAX = 10;

export class LogCursor {
  readonly #log: EventLog;
  readonly #options: LogCursorOptions;
  readonly #queue: RecordQueue;
  readonly #signal = new Signal();
  readonly #room = new Signal();
  #partition: number | undefined;
  #next = 0n;
  #last: LogRecord | undefined;
  /** A record that was taken from the queue but lies at or after the requested end. */
  #ahead: LogRecord | undefined;
  /** Fingerprint that the next record must have, because that record is `#last`, fetched again. */
  #expected: Fingerprint | undefined;
  /** The offset that the next batch must have asked for. */
  #fetchNext = 0n;
  #isAssigned = false;
  /** True after a seek, an assignment or a jump: the fetches must be set to `#fetchNext`. */
  #mustSeek = false;
  #seeks = 0;
  #jumps = 0;
  #trouble = 'no connection error was reported';
  #failure: Error | undefined;

  constructor(log: EventLog, options: LogCursorOptions) {
    this.#log = log;
    this.#options = options;
    this.#queue = new RecordQueue(options.queueBytesMax);
  }

  /** All records before this offset were delivered since the seek. */
  get next(): bigint {
    return this.#next;
  }

  /** The last record that was delivered since the seek. */
  get last(): LogRecord | undefined {
    return this.#last;
  }

  /** Joins the group. Rejects if there is no assignment within `idleTimeoutMs`. */
  async open(): Promise<void> {
    const fail = (error: unknown): void => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#signal.wake();
    };
    const handlers = {
      assigned: () => {
        this.#isAssigned = true;
        this.#mustSeek = true;
        this.#signal.wake();
      },
      batch: async (batch: LogBatch, keepAlive: () => Promise<void>) => await this.#deliver(batch, keepAlive),
      connection: (state: 'up' | 'down', reason: string) => {
        if (state === 'down') this.#trouble = reason;
      },
      recheck: (partition: number) => {
        if (partition === this.#partition) this.#readLastAgain();
      },
      unreadable: (partition: number, {offset, reason}: UnreadableOffset) => {
        if (partition !== this.#partition) return;
        const where = `${this.#options.topic}[${partition}] offset ${offset}`;
        fail(new ProjectorError('topic-unreadable', `${where}: ${reason}`));
      },
      failed: fail,
    };
    this.#log.start(handlers).catch(fail);
    while (!this.#isAssigned) await this.#changed();
  }

  async range(partition: number): Promise<LogRange | undefined> {
    const range = (await this.#log.ranges()).get(partition);
    if (range === undefined || !('reason' in range)) return range;
    throw new ProjectorError(
      'partition-unavailable',
      `${this.#options.topic}[${partition}]: ${range.reason}`,
    );
  }

  seek(partition: number, offset: bigint): void {
    this.#expected = undefined;
    if (this.#partition !== undefined && this.#partition !== partition) this.#log.hold(this.#partition);
    this.#partition = partition;
    this.#next = offset;
    this.#fetchNext = offset;
    this.#last = undefined;
    this.#ahead = undefined;
    this.#queue.clear();
    this.#seeks++;
    this.#jumps = 0;
    this.#mustSeek = true;
    this.#room.wake();
  }

  /** Delivers every record before `end` that was not delivered since the seek, in order. The topic must reach `end`. */
  async readTo(end: bigint, take: (record: LogRecord) => void): Promise<void> {
    while (this.#next < end) {
      const record = this.#ahead ?? this.#queue.shift();
      this.#ahead = undefined;
      if (record === undefined) {
        this.#room.wake();
        // Control records of transactions have offsets, but Kafka does not deliver them. So the last offsets can have no
        // record.
        if (this.#fetchNext >= end) this.#next = end;
        else await this.#fetchMore(end);
      } else if (record.offset >= end) {
        this.#ahead = record;
        this.#next = end;
      } else if (this.#expected !== undefined) {
        requireSameRecord(this.#expected, record, `${this.#options.topic}[${this.#partition ?? 0}]`);
        this.#expected = undefined;
      } else {
        this.#next = record.offset + 1n;
        this.#last = record;
        take(record);
      }
    }
  }

  async close(): Promise<void> {
    this.#seeks++;
    this.#partition = undefined;
    this.#room.wake();
    await this.#log.stop();
  }

  /**
   * Fetches the last record again and compares it, as a worker does (I10). After a long silence, the topic may have been
   * deleted and created again under the same name.
   */
  #readLastAgain(): void {
    this.#ahead = undefined;
    this.#queue.clear();
    this.#fetchNext = this.#last?.offset ?? this.#next;
    this.#expected = this.#last === undefined ? undefined : fingerprintOf(this.#last);
    this.#mustSeek = true;
    this.#room.wake();
    this.#signal.wake();
  }

  async #fetchMore(end: bigint): Promise<void> {
    const {topic, progress} = this.#options;
    const partition = this.#partition ?? 0;
    if (this.#jumps > JUMPS_MAX) {
      throw new ProjectorError(
        'topic-start-lost',
        `${topic}[${partition}]: offset ${this.#fetchNext} no longer exists`,
      );
    }
    progress(partition, this.#next, end);
    if (this.#mustSeek) {
      this.#mustSeek = false;
      this.#log.readFrom(partition, this.#fetchNext);
    }
    await this.#changed();
  }

  /** Resolves at the next event of the topic. Rejects if there is none within `idleTimeoutMs`, or if the topic has failed. */
  async #changed(): Promise<void> {
    const {clock, idleTimeoutMs, topic} = this.#options;
    if (this.#failure !== undefined) throw this.#failure;
    const pause = new AbortController();
    const silence = clock.sleep(idleTimeoutMs, pause.signal).then(() => 'silence' as const);
    const first = await Promise.race([this.#signal.wait(), silence]);
    pause.abort();
    // The field is read a second time, because `failed` can have set it during the wait.
    const failure = this.#failure as Error | undefined;
    if (failure !== undefined) throw failure;
    if (first === 'silence') {
      const seconds = Math.round(idleTimeoutMs / 1_000);
      throw new ProjectorError(
        'kafka-unreachable',
        `Kafka delivered no records of ${topic} for ${seconds} s: ${this.#trouble}`,
      );
    }
  }

  async #deliver(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    if (batch.partition !== this.#partition || this.#mustSeek) return;
    if (batch.fetchOffset !== this.#fetchNext) {
      this.#jumps++;
      this.#mustSeek = true;
      this.#signal.wake();
      return;
    }
    this.#fetchNext = batch.nextOffset;
    this.#queue.push(batch.records);
    this.#signal.wake();
    const seeks = this.#seeks;
    while (this.#queue.isFull && this.#seeks === seeks) {
      const pause = new AbortController();
      await Promise.race([this.#room.wait(), this.#options.clock.sleep(KEEP_ALIVE_MS, pause.signal)]);
      pause.abort();
      await keepAlive();
    }
  }
}
