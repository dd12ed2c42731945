/**
 * One interface for the three implementations of src/clients/kafka/eventLog.ts, so that one test checks them all: kafkajs on
 * a real broker, the log in memory, and the log of the simulation. The last one does nothing by itself, so it is driven here.
 */
import {randomUUID} from 'node:crypto';
import {KafkaLog, type KafkaLogSettings} from '../../src/clients/kafka/topicLog.js';
import type {EventLog, EventLogHandlers} from '../../src/clients/kafka/eventLog.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {SimGroup} from '../simulation/group.js';
import {SimLog} from '../simulation/simLog.js';
import {SimTopic} from '../simulation/topic.js';
import {createTopic, produce, withAdmin} from './kafka.js';
import {MemoryLog, MemoryTopic} from './memoryLog.js';
import {Random} from './random.js';
import {testStack} from './stack.js';

export interface LogUnderTest {
  /** Writes one record for each value. */
  append(partition: number, values: readonly string[]): Promise<void>;
  /** Another client in the same group. */
  newMember(): EventLog;
  /** Makes the client continue from offset 0 without a seek. */
  jump(member: EventLog, partition: number): void;
  /** The committed offsets of the group. */
  committing(): Promise<ReadonlyMap<number, bigint>>;
  close(): void;
}

export const LOGS: Readonly<Record<string, (partitions: number) => Promise<LogUnderTest>>> = {
  'kafkajs on a broker': openKafka,
  'the log in memory': (partitions) => Promise.resolve(new Memory(partitions)),
  'the log of the simulation': (partitions) => Promise.resolve(new Simulated(partitions)),
};

/** Settings for the topic and group of a test. Short timeouts make changes visible soon. */
export function kafkaLogSettings(topic: string, groupId = topic): KafkaLogSettings {
  return {
    brokers: testStack().env.kafka.brokers,
    clientId: 'log-under-test',
    tls: null,
    sasl: null,
    connectionTimeoutMs: 2_000,
    requestTimeoutMs: 5_000,
    topic,
    groupId,
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 200,
    rebalanceTimeoutMs: 10_000,
    maxWaitMs: 100,
    fetchBytesPerPartition: 65_536,
    fetchBytes: 262_144,
  };
}

async function openKafka(partitions: number): Promise<LogUnderTest> {
  const topic = `log-contract-${randomUUID()}`;
  await createTopic(topic, {partitions});
  return {
    append: async (partition, values) =>
      await produce(
        topic,
        values.map((value) => ({partition, key: 'k', value})),
      ),
    newMember: () => new KafkaLog(kafkaLogSettings(topic), () => undefined, systemClock),
    // The offset is out of range, so kafkajs silently continues from the start of the partition.
    jump: (member, partition) => member.readFrom(partition, 1_000_000n),
    committing: async () =>
      await withAdmin(async (admin) => {
        const [offsets] = await admin.fetchOffsets({groupId: topic, topics: [topic]});
        return new Map(offsets?.partitions.map(({partition, offset}) => [partition, BigInt(offset)]));
      }),
    close: () => undefined,
  };
}

class Memory implements LogUnderTest {
  readonly #topic: MemoryTopic;
  readonly #members = new Set<MemoryLog>();
  readonly #committing = new Map<number, bigint>();

  constructor(partitions: number) {
    this.#topic = new MemoryTopic(partitions);
  }

  append(partition: number, values: readonly string[]): Promise<void> {
    this.#topic.append(partition, ...values.map((value) => ({key: null, value: Buffer.from(value)})));
    return Promise.resolve();
  }

  newMember(): EventLog {
    const [members, committing] = [this.#members, this.#committing];
    const deal = (): void => this.#deal();
    class Member extends MemoryLog {
      override async start(handlers: EventLogHandlers): Promise<void> {
        await super.start(handlers);
        members.add(this);
        deal();
      }
      override async commitOffsets(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
        await super.commitOffsets(nextOffsets);
        for (const [partition, next] of nextOffsets) committing.set(partition, next);
      }
      override async stop(): Promise<void> {
        await super.stop();
        members.delete(this);
        deal();
      }
    }
    return new Member(this.#topic, 3);
  }

  jump(member: EventLog, partition: number): void {
    member.readFrom(partition, 1_000_000n);
  }

  committing(): Promise<ReadonlyMap<number, bigint>> {
    return Promise.resolve(this.#committing);
  }

  close(): void {
    this.#members.clear();
  }

  #deal(): void {
    const members = [...this.#members];
    members.forEach((member, index) => {
      member.assign(this.#topic.partitions.filter((partition) => partition % members.length === index));
    });
  }
}

class Simulated implements LogUnderTest {
  readonly #topic: SimTopic;
  readonly #group: SimGroup;
  readonly #members: SimLog[] = [];
  readonly #random = new Random(1);
  readonly #jumps = new Map<EventLog, number>();
  readonly #turns: NodeJS.Timeout;

  constructor(partitions: number) {
    this.#topic = new SimTopic(partitions);
    this.#group = new SimGroup(this.#topic.partitions);
    this.#turns = setInterval(() => this.#turn(), 1);
  }

  append(partition: number, values: readonly string[]): Promise<void> {
    for (const value of values) {
      const record = {key: null, value: Buffer.from(value)};
      this.#topic.append({partition, record, outcome: {kind: 'ignored'}});
    }
    return Promise.resolve();
  }

  newMember(): EventLog {
    const life = {name: `w${this.#members.length}`, isDead: false, isFrozen: false};
    const member = new SimLog(life, this.#topic, this.#group);
    this.#members.push(member);
    return member;
  }

  jump(member: EventLog, partition: number): void {
    this.#jumps.set(member, partition);
  }

  committing(): Promise<ReadonlyMap<number, bigint>> {
    return Promise.resolve(new Map(this.#members.flatMap(({committing}) => [...committing])));
  }

  close(): void {
    clearInterval(this.#turns);
  }

  /** Executes every pending event of the simulation. */
  #turn(): void {
    if (this.#group.needsRebalance) this.#group.rebalance(this.#random);
    for (const member of this.#members) {
      if (member.pending !== undefined && member.isRunning) member.hearAssignment();
      while (member.calls.length > 0) member.answer({isReachable: true});
      const jump = this.#jumps.get(member);
      this.#jumps.delete(member);
      if (jump !== undefined) member.deliver(jump, {recordsMax: 3, fetchOffset: 0n});
      for (const partition of member.deliverable()) member.deliver(partition, {recordsMax: 3});
    }
  }
}
