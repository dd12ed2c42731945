/**
 * A log in memory: the seam to Kafka as the worker sees it, with Kafka's unpleasant habits at the test's command. Keeps the
 * rules of src/clients/kafka/eventLog.ts, and like kafkajs it reads on from the start of the log, without a word, when an offset is out
 * of range.
 */
import type {EncodedRecord} from '../../src/decode/decode.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {EventLog, EventLogHandlers, LogRange, LogRecord} from '../../src/clients/kafka/eventLog.js';
import {Signal} from '../../src/runtime/lifecycle.js';

/** What the broker holds; several members may read it. */
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

  /** Retention: everything below this offset is gone. */
  cutBelow(partition: number, offset: bigint): void {
    const held = this.#of(partition);
    held.records = held.records.slice(Number(offset - held.low));
    held.low = offset;
  }

  /** The topic was deleted and made anew. */
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
    if (found === undefined) throw new Error(`no partition ${partition}`);
    return found;
  }
}

/** One member of the group. The test decides who gets which partition. */
export class MemoryLog implements EventLog {
  /** While false, ranges and acks fail as they do when no broker answers. */
  reachable = true;
  readonly committing = new Map<number, bigint>();
  stopped = false;
  readonly #topic: MemoryTopic;
  readonly #batchRecords: number;
  readonly #signal = new Signal();
  #handlers: EventLogHandlers | undefined;
  #assignment = 0;
  /** Where each partition is read next; undefined while it is held. */
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

  /** A rebalance: these partitions, anew. */
  assign(partitions: readonly number[]): void {
    if (this.stopped) return;
    const assignment = ++this.#assignment;
    this.#cursors = new Map(partitions.map((partition) => [partition, undefined]));
    this.#handlers?.assigned(partitions);
    for (const partition of partitions) void this.#pump(partition, assignment);
    this.#signal.wake();
  }

  /** The client reads on from another offset that nobody asked for. */
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

  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    await this.#answer();
    return new Map(this.#topic.partitions.map((partition) => [partition, this.#topic.range(partition)]));
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
    if (!this.reachable) throw new ProjectorError('kafka-unreachable', 'no broker answers');
  }

  async #pump(partition: number, assignment: number): Promise<void> {
    while (this.#assignment === assignment) {
      const asked = this.#cursors.get(partition);
      const {low, high} = this.#topic.range(partition);
      if (asked === undefined || asked === high) {
        await this.#signal.wait();
        continue;
      }
      const fetchOffset = asked < low || asked > high ? low : asked;
      const records = this.#topic.read(partition, fetchOffset, this.#batchRecords);
      await new Promise((resolve) => setImmediate(resolve));
      // A seek or a pause while the answer was on its way: what was fetched is forgotten.
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
