/**
 * One partition of the log at a time, read on request: `seek` says where, `readTo` hands over what stands before an offset.
 *
 * What was fetched and not asked for yet waits in a bounded queue (L6), so that the next request often needs no fetch. All
 * other partitions are held, and nothing is ever acked.
 */
import {RecordQueue} from '../../worker/recordQueue.js';
import {requireSameLog} from '../../worker/resume.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {EventLog, LogBatch, LogRange, LogRecord} from '../../clients/kafka/eventLog.js';
import {Signal, type Clock} from '../../runtime/lifecycle.js';
import {fingerprintOf, type Fingerprint} from '../../redis-model/position.js';

export interface LogCursorOptions {
  readonly clock: Clock;
  readonly topic: string;
  readonly queueBytesMax: number;
  /** A log that delivers nothing for so long although there is more is taken for unreachable. */
  readonly idleTimeoutMs: number;
  /** Told whenever more must be fetched: where the reading is, and where it goes. */
  readonly progress: (partition: number, next: bigint, end: bigint) => void;
}

/** How often a full queue lets its batch keep the membership alive. */
const KEEP_ALIVE_MS = 1_000;
/** How often the log may answer with another offset than it was asked for. */
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
  /** Taken from the queue, but not asked for yet. */
  #ahead: LogRecord | undefined;
  /** What must stand at the place of `#last`, which is read again. */
  #expected: Fingerprint | undefined;
  /** What the next batch must have asked for. */
  #fetchNext = 0n;
  #isAssigned = false;
  /** The log must be told where to read: after a seek, a new assignment, a jump. */
  #mustSteer = false;
  #seeks = 0;
  #jumps = 0;
  #trouble = 'nothing was delivered';
  #failure: Error | undefined;

  constructor(log: EventLog, options: LogCursorOptions) {
    this.#log = log;
    this.#options = options;
    this.#queue = new RecordQueue(options.queueBytesMax);
  }

  /** The offset before which everything was handed over. */
  get next(): bigint {
    return this.#next;
  }

  /** The last record that was handed over since the seek. */
  get last(): LogRecord | undefined {
    return this.#last;
  }

  /** Joins the group; rejects when that takes too long. */
  async open(): Promise<void> {
    const fail = (error: unknown): void => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#signal.wake();
    };
    const handlers = {
      assigned: () => {
        this.#isAssigned = true;
        this.#mustSteer = true;
        this.#signal.wake();
      },
      batch: async (batch: LogBatch, keepAlive: () => Promise<void>) => await this.#deliver(batch, keepAlive),
      connection: (state: 'up' | 'down', reason: string) => {
        if (state === 'down') this.#trouble = reason;
      },
      doubted: (partition: number) => {
        if (partition === this.#partition) this.#readLastAgain();
      },
      failed: fail,
    };
    this.#log.start(handlers).catch(fail);
    while (!this.#isAssigned) await this.#changed();
  }

  async range(partition: number): Promise<LogRange | undefined> {
    return (await this.#log.ranges()).get(partition);
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
    this.#mustSteer = true;
    this.#room.wake();
  }

  /** Hands over every record before `end` that was not handed over since the seek, in order. The log must reach there. */
  async readTo(end: bigint, take: (record: LogRecord) => void): Promise<void> {
    while (this.#next < end) {
      const record = this.#ahead ?? this.#queue.shift();
      this.#ahead = undefined;
      if (record === undefined) {
        this.#room.wake();
        // Control records of transactions have offsets, and are never delivered.
        if (this.#fetchNext >= end) this.#next = end;
        else await this.#fetchMore(end);
      } else if (record.offset >= end) {
        this.#ahead = record;
        this.#next = end;
      } else if (this.#expected !== undefined) {
        requireSameLog(this.#expected, record, `${this.#options.topic}[${this.#partition ?? 0}]`);
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

  /** What comes next may be another log: the last record is fetched again and compared, as a worker does (I10). */
  #readLastAgain(): void {
    this.#ahead = undefined;
    this.#queue.clear();
    this.#fetchNext = this.#last?.offset ?? this.#next;
    this.#expected = this.#last === undefined ? undefined : fingerprintOf(this.#last);
    this.#mustSteer = true;
    this.#room.wake();
    this.#signal.wake();
  }

  async #fetchMore(end: bigint): Promise<void> {
    const {topic, progress} = this.#options;
    const partition = this.#partition ?? 0;
    if (this.#jumps > JUMPS_MAX) {
      throw new ProjectorError('log-start-lost', `${topic}[${partition}]: offset ${this.#fetchNext} is gone`);
    }
    progress(partition, this.#next, end);
    if (this.#mustSteer) {
      this.#mustSteer = false;
      this.#log.readFrom(partition, this.#fetchNext);
    }
    await this.#changed();
  }

  /** Resolves at the next event of the log; rejects when there is none for too long, or when the log has failed. */
  async #changed(): Promise<void> {
    const {clock, idleTimeoutMs, topic} = this.#options;
    if (this.#failure !== undefined) throw this.#failure;
    const pause = new AbortController();
    const silence = clock.sleep(idleTimeoutMs, pause.signal).then(() => 'silence' as const);
    const first = await Promise.race([this.#signal.wait(), silence]);
    pause.abort();
    // Read again: it may have failed meanwhile.
    const failure = this.#failure as Error | undefined;
    if (failure !== undefined) throw failure;
    if (first === 'silence') {
      const seconds = Math.round(idleTimeoutMs / 1_000);
      throw new ProjectorError(
        'kafka-unreachable',
        `Kafka delivers nothing of ${topic} for ${seconds} s: ${this.#trouble}`,
      );
    }
  }

  async #deliver(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    if (batch.partition !== this.#partition || this.#mustSteer) return;
    if (batch.fetchOffset !== this.#fetchNext) {
      this.#jumps++;
      this.#mustSteer = true;
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
