/**
 * One member's client of the simulated Kafka: keeps the rules of src/clients/kafka/eventLog.ts, and does nothing until the scheduler lets it.
 *
 * A member that was not told of a rebalance goes on delivering what it had: brokers serve fetches of anyone.
 */
import {ProjectorError} from '../../src/runtime/errors.js';
import type {EventLog, EventLogHandlers, LogRange} from '../../src/clients/kafka/eventLog.js';
import type {SimGroup} from './group.js';
import type {Life} from './life.js';
import type {SimTopic} from './topic.js';

/** A request that waits for its answer. */
interface KafkaCall {
  readonly name: string;
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

export interface Delivery {
  readonly recordsMax: number;
  /** Another offset than the client was asked for. */
  readonly fetchOffset?: bigint;
  /** A fetch from before, which leaves the client's place in the log as it is. */
  readonly isLate?: boolean;
}

export class SimLog implements EventLog {
  readonly name: string;
  readonly committing = new Map<number, bigint>();
  readonly calls: KafkaCall[] = [];
  /** An assignment that the member has not heard of yet. */
  pending: readonly number[] | undefined;
  readonly #life: Life;
  readonly #topic: SimTopic;
  readonly #group: SimGroup;
  #handlers: EventLogHandlers | undefined;
  #generation = 0;
  /** Where each assigned partition is read next; undefined while it is held. */
  #cursors = new Map<number, bigint | undefined>();
  /** Partitions whose handler has not returned. */
  #busy = new Set<number>();

  constructor(life: Life, topic: SimTopic, group: SimGroup) {
    this.name = life.name;
    this.#life = life;
    this.#topic = topic;
    this.#group = group;
  }

  start(handlers: EventLogHandlers): Promise<void> {
    this.#handlers = handlers;
    this.#group.join(this);
    return Promise.resolve();
  }

  /** False once it was stopped. */
  get isRunning(): boolean {
    return this.#handlers !== undefined;
  }

  /** The member hears of its assignment. */
  hearAssignment(): string {
    const partitions = this.pending ?? [];
    this.pending = undefined;
    this.#generation++;
    this.#cursors = new Map(partitions.map((partition) => [partition, undefined]));
    this.#busy = new Set();
    this.#handlers?.assigned(partitions);
    return `[${partitions.join()}]`;
  }

  /** Partitions that have something to deliver. */
  deliverable(): number[] {
    if (this.#handlers === undefined) return [];
    return [...this.#cursors.keys()].filter((partition) => {
      const cursor = this.#cursors.get(partition);
      return cursor !== undefined && !this.#busy.has(partition) && cursor < this.#topic.range(partition).high;
    });
  }

  /** Partitions whose handler waits for nothing. */
  idle(): {partition: number; isHeld: boolean}[] {
    return [...this.#cursors]
      .filter(([partition]) => !this.#busy.has(partition))
      .map(([partition, cursor]) => ({partition, isHeld: cursor === undefined}));
  }

  /** Partitions that the member believes to have. */
  assigned(): number[] {
    return [...this.#cursors.keys()];
  }

  deliver(partition: number, {recordsMax, fetchOffset, isLate = false}: Delivery): string {
    const cursor = this.#cursors.get(partition);
    const asked = fetchOffset ?? cursor;
    if (asked === undefined) throw new Error(`partition ${partition} is held`);
    const {records, nextOffset} = this.#topic.fetch(partition, asked, recordsMax);
    if (!isLate) this.#cursors.set(partition, nextOffset);
    const [generation, busy] = [this.#generation, this.#busy];
    busy.add(partition);
    const keepAlive = async (): Promise<void> => {
      if (generation !== this.#generation) throw new Error('the assignment has changed');
      await Promise.resolve();
    };
    const notified = this.#topic.hidesJumps ? (cursor ?? asked) : asked;
    void this.#handlers?.batch({partition, fetchOffset: notified, nextOffset, records}, keepAlive).then(
      () => busy.delete(partition),
      (error: unknown) => {
        busy.delete(partition);
        if (generation === this.#generation && error instanceof Error) this.#handlers?.failed(error);
      },
    );
    return `${partition} ${asked}>${nextOffset}`;
  }

  readFrom(partition: number, offset: bigint): void {
    if (this.#cursors.has(partition)) this.#cursors.set(partition, offset);
  }

  hold(partition: number): void {
    if (this.#cursors.has(partition)) this.#cursors.set(partition, undefined);
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    return await this.#call('ranges', () => {
      const {partitions} = this.#topic;
      return new Map(partitions.map((partition) => [partition, this.#topic.range(partition)]));
    });
  }

  async commitOffsets(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    await this.#call('ack', () => {
      for (const [partition, offset] of nextOffsets) this.committing.set(partition, offset);
    });
  }

  async stop(): Promise<void> {
    if (this.#life.isDead) return;
    this.#handlers = undefined;
    this.#generation++;
    this.#cursors = new Map();
    // A group that was not told counts the member as gone after its session.
    await this.#call('leave', () => this.#group.leave(this)).catch(() => undefined);
  }

  /** The oldest request is answered, or fails as it does without a broker. */
  answer({isReachable}: {isReachable: boolean}): string {
    const call = this.calls.shift();
    if (call === undefined) throw new Error('nothing was asked');
    if (isReachable) call.succeed();
    else call.fail(new ProjectorError('kafka-unreachable', 'no broker answers'));
    return isReachable ? call.name : `${call.name} fails`;
  }

  async #call<T>(name: string, work: () => T): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      if (!this.#life.isDead) this.calls.push({name, succeed: () => resolve(work()), fail: reject});
    });
  }
}
