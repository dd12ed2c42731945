/**
 * An EventLog in memory. Tests can trigger the difficult behaviour of Kafka. It follows the rules of
 * src/clients/kafka/eventLog.ts. Like kafkajs, it silently continues from the start of a partition when an offset is out of
 * range.
 */
import type {EncodedRecord} from '../../src/decode/decode.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {
  EventLog,
  EventLogHandlers,
  LogRange,
  LogRecord,
  Unavailable,
} from '../../src/clients/kafka/eventLog.js';
import {Signal} from '../../src/runtime/lifecycle.js';

/** The data of the broker. Several members may read it. */
export class MemoryTopic {
  readonly changed = new Set<() => void>();
  readonly #partitions: {low: bigint; records: LogRecord[]}[];

  constructor(partitions: number) {
    this.#partitions = Array.from({length: partitions}, () => ({low: 0n, records: []}));
  }

  get partitions(): number[] {
    return [...this.#partitions.keys()];
  }

  append(partition: number, ...records: readonly EncodedRecord[]): void {
    const {low, records: held} = this.#of(partition);
    for (const {key, value} of records) {
      const offset = low + BigInt(held.length);
      held.push({offset, timestampMs: String(1_795_000_000_000n + offset), key, value});
    }
    for (const wake of this.changed) wake();
  }

  /** Simulates retention: deletes all records below this offset. */
  cutBelow(partition: number, offset: bigint): void {
    const held = this.#of(partition);
    held.records = held.records.slice(Number(offset - held.low));
    held.low = offset;
  }

  /** Simulates that the topic was deleted and recreated. */
  replace(partition: number, ...records: readonly EncodedRecord[]): void {
    this.#partitions[partition] = {low: 0n, records: []};
    this.append(partition, ...records);
  }

  range(partition: number): LogRange {
    const {low, records} = this.#of(partition);
    return {low, high: low + BigInt(records.length)};
  }

  read(partition: number, offset: bigint, recordsMax: number): LogRecord[] {
    const {low, records} = this.#of(partition);
    const start = Number(offset - low);
    return records.slice(start, start + recordsMax);
  }

  #of(partition: number): {low: bigint; records: LogRecord[]} {
    const found = this.#partitions[partition];
    if (found === undefined) throw new Error(`there is no partition ${partition}`);
    return found;
  }
}

/** One member of the group. The test assigns the partitions. */
export class MemoryLog implements EventLog {
  /** If false, reading offset ranges and committing offsets fail, as if no broker responded. */
  reachable = true;
  readonly committing = new Map<number, bigint>();
  /** Partitions without a leader: their ranges cannot be read, and they deliver nothing. */
  readonly leaderless = new Set<number>();
  /** Partitions whose records the client does not deliver, without an error. */
  readonly forgotten = new Set<number>();
  stopped = false;
  readonly #topic: MemoryTopic;
  readonly #batchRecords: number;
  readonly #signal = new Signal();
  #handlers: EventLogHandlers | undefined;
  #assignment = 0;
  /** The next offset to read of each partition. Undefined while the partition is paused. */
  #cursors = new Map<number, bigint | undefined>();

  constructor(topic: MemoryTopic, batchRecords: number) {
    this.#topic = topic;
    this.#batchRecords = batchRecords;
    topic.changed.add(() => this.#signal.wake());
  }

  start(handlers: EventLogHandlers): Promise<void> {
    this.#handlers = handlers;
    return Promise.resolve();
  }

  /** Simulates a rebalance that assigns these partitions. */
  assign(partitions: readonly number[]): void {
    if (this.stopped) return;
    const assignment = ++this.#assignment;
    this.#cursors = new Map(partitions.map((partition) => [partition, undefined]));
    this.#handlers?.assigned(partitions);
    for (const partition of partitions) void this.#pump(partition, assignment);
    this.#signal.wake();
  }

  /** Makes the client continue from another offset without a seek. */
  jump(partition: number, offset: bigint): void {
    if (this.#cursors.get(partition) !== undefined) this.#cursors.set(partition, offset);
    this.#signal.wake();
  }

  fail(error: Error): void {
    this.#handlers?.failed(error);
  }

  readFrom(partition: number, offset: bigint): void {
    if (this.#cursors.has(partition)) this.#cursors.set(partition, offset);
    this.#signal.wake();
  }

  hold(partition: number): void {
    if (this.#cursors.has(partition)) this.#cursors.set(partition, undefined);
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange | Unavailable>> {
    await this.#answer();
    const range = (partition: number): LogRange | Unavailable =>
      this.leaderless.has(partition) ? {reason: 'the partition has no leader'} : this.#topic.range(partition);
    return new Map(this.#topic.partitions.map((partition) => [partition, range(partition)]));
  }

  stalled(partition: number, offset: bigint): void {
    this.#handlers?.unreadable(partition, {offset, reason: 'no records delivered', isFinal: false});
  }

  /** The client delivers the records of every partition again. */
  remember(): void {
    this.forgotten.clear();
    this.#signal.wake();
  }

  async commitOffsets(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    await this.#answer();
    for (const [partition, offset] of nextOffsets) this.committing.set(partition, offset);
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.#assignment++;
    this.#signal.wake();
    return Promise.resolve();
  }

  async #answer(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.reachable) throw new ProjectorError('kafka-unreachable', 'no broker responded');
  }

  async #pump(partition: number, assignment: number): Promise<void> {
    while (this.#assignment === assignment) {
      const asked = this.#cursors.get(partition);
      const {low, high} = this.#topic.range(partition);
      const isSilent = this.forgotten.has(partition) || this.leaderless.has(partition);
      if (asked === undefined || asked === high || isSilent) {
        await this.#signal.wait();
        continue;
      }
      const fetchOffset = asked < low || asked > high ? low : asked;
      const records = this.#topic.read(partition, fetchOffset, this.#batchRecords);
      await new Promise((resolve) => setImmediate(resolve));
      // The test sought or paused while the response was in flight, so the fetched records are discarded.
      if (this.#assignment !== assignment || this.#cursors.get(partition) !== asked) continue;
      const nextOffset = fetchOffset + BigInt(records.length);
      this.#cursors.set(partition, nextOffset);
      await this.#handlers
        ?.batch({partition, fetchOffset, nextOffset, records}, () => this.#keepAlive(assignment))
        .catch((error: unknown) => {
          if (this.#assignment === assignment) throw error;
        });
    }
  }

  #keepAlive(assignment: number): Promise<void> {
    if (this.#assignment === assignment) return Promise.resolve();
    return Promise.reject(new Error('the assignment has changed'));
  }
}
