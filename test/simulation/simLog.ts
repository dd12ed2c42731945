/**
 * The Kafka client of one group member. It follows the contract of src/clients/kafka/eventLog.ts, and acts
 * only when the scheduler chooses it.
 *
 * A member that has not been notified of a rebalance continues to deliver its old partitions, because brokers
 * serve the fetches of any client.
 */
import {ProjectorError} from '../../src/runtime/errors.js';
import type {EventLog, EventLogHandlers, LogRange} from '../../src/clients/kafka/eventLog.js';
import type {SimGroup} from './group.js';
import type {Life} from './life.js';
import type {SimTopic} from './topic.js';

/** A request that waits for its response. */
interface KafkaCall {
  readonly name: string;
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

export interface Delivery {
  readonly recordsMax: number;
  /** An offset other than the one that the worker asked for. */
  readonly fetchOffset?: bigint;
  /** True for an older fetch, which does not move the next fetch offset of the client. */
  readonly isLate?: boolean;
}

export class SimLog implements EventLog {
  readonly name: string;
  readonly committing = new Map<number, bigint>();
  readonly calls: KafkaCall[] = [];
  /** An assignment that the member has not received. */
  pending: readonly number[] | undefined;
  readonly #life: Life;
  readonly #topic: SimTopic;
  readonly #group: SimGroup;
  #handlers: EventLogHandlers | undefined;
  #generation = 0;
  /** The next fetch offset of each assigned partition; undefined while the partition is paused. */
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

  /** False before start() and after stop(). */
  get isRunning(): boolean {
    return this.#handlers !== undefined;
  }

  /** The member receives its assignment. */
  hearAssignment(): string {
    const partitions = this.pending ?? [];
    this.pending = undefined;
    this.#generation++;
    this.#cursors = new Map(partitions.map((partition) => [partition, undefined]));
    this.#busy = new Set();
    this.#handlers?.assigned(partitions);
    return `[${partitions.join()}]`;
  }

  /** Partitions that have records to deliver. */
  deliverable(): number[] {
    if (this.#handlers === undefined) return [];
    return [...this.#cursors.keys()].filter((partition) => {
      const cursor = this.#cursors.get(partition);
      return cursor !== undefined && !this.#busy.has(partition) && cursor < this.#topic.range(partition).high;
    });
  }

  /** Partitions whose handler has returned. */
  idle(): {partition: number; isHeld: boolean}[] {
    return [...this.#cursors]
      .filter(([partition]) => !this.#busy.has(partition))
      .map(([partition, cursor]) => ({partition, isHeld: cursor === undefined}));
  }

  /** Partitions of the last assignment that the member has received. */
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

  /** The simulated group delivers every record. */
  stalled(): void {
    return;
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    return await this.#call('ranges', () => {
      const {partitions} = this.#topic;
      return new Map(partitions.map((partition) => [partition, this.#topic.range(partition)]));
    });
  }

  async commitOffsets(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    await this.#call('commitOffsets', () => {
      for (const [partition, offset] of nextOffsets) this.committing.set(partition, offset);
    });
  }

  async stop(): Promise<void> {
    if (this.#life.isDead) return;
    this.#handlers = undefined;
    this.#generation++;
    this.#cursors = new Map();
    // If the request fails, the group removes the member when its session times out.
    await this.#call('leave', () => this.#group.leave(this)).catch(() => undefined);
  }

  /** The oldest request succeeds, or fails as it would without a broker. */
  answer({isReachable}: {isReachable: boolean}): string {
    const call = this.calls.shift();
    if (call === undefined) throw new Error('there is no request to respond to');
    if (isReachable) call.succeed();
    else call.fail(new ProjectorError('kafka-unreachable', 'no broker responds'));
    return isReachable ? call.name : `${call.name} fails`;
  }

  async #call<T>(name: string, work: () => T): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      if (!this.#life.isDead) this.calls.push({name, succeed: () => resolve(work()), fail: reject});
    });
  }
}
