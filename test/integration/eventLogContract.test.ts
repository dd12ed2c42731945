/**
 * Checks the rules of src/clients/kafka/eventLog.ts on kafkajs with a real broker and on the fakes that
 * replace it in other tests.
 */
import type {EventLog, EventLogHandlers, LogBatch} from '../../src/clients/kafka/eventLog.js';
import {LOGS, type LogUnderTest} from '../support/logUnderTest.js';
import {until} from '../support/until.js';

const PARTITIONS = 2;

type KeepAlive = () => Promise<void>;

/** A group member that records the calls of its handlers. */
class Member implements EventLogHandlers {
  readonly log: EventLog;
  readonly assignments: (readonly number[])[] = [];
  readonly batches: LogBatch[] = [];
  readonly states: string[] = [];
  readonly failures: Error[] = [];
  /** The largest number of batch handlers of one partition that ran at the same time. */
  atOnceMax = 0;
  onBatch: (batch: LogBatch, keepAlive: KeepAlive) => Promise<void> = () => Promise.resolve();
  readonly #running = new Map<number, number>();

  constructor(log: EventLog) {
    this.log = log;
  }

  /** Joins the group. Resolves with the first assignment. */
  async join(): Promise<readonly number[]> {
    void this.log.start(this);
    return await this.newAssignment(0);
  }

  /** Resolves with the last assignment when there are more than `beyond` assignments. */
  async newAssignment(beyond: number): Promise<readonly number[]> {
    return await until(
      () => (this.assignments.length > beyond ? this.assignments.at(-1) : undefined),
      () => 'an assignment',
    );
  }

  assigned(partitions: readonly number[]): void {
    this.assignments.push(partitions);
  }

  async batch(batch: LogBatch, keepAlive: KeepAlive): Promise<void> {
    this.batches.push(batch);
    const running = (this.#running.get(batch.partition) ?? 0) + 1;
    this.#running.set(batch.partition, running);
    this.atOnceMax = Math.max(this.atOnceMax, running);
    try {
      await this.onBatch(batch, keepAlive);
    } finally {
      this.#running.set(batch.partition, (this.#running.get(batch.partition) ?? 0) - 1);
    }
  }

  recheck(): void {}

  unreadable(): void {}

  connection(state: 'up' | 'down'): void {
    this.states.push(state);
  }

  failed(error: Error): void {
    this.failures.push(error);
  }

  of(partition: number): LogBatch[] {
    return this.batches.filter((batch) => batch.partition === partition);
  }

  values(partition: number): string[] {
    return this.of(partition).flatMap(({records}) => records.map(({value}) => String(value)));
  }

  async has(partition: number, count: number): Promise<void> {
    await until(
      () => this.values(partition).length >= count,
      () => `${count} records of partition ${partition}, received: ${this.values(partition).join()}`,
    );
  }
}

function texts(from: number, to: number): string[] {
  return Array.from({length: to - from}, (_, index) => `v${from + index}`);
}

describe.each(Object.entries(LOGS))('%s', (_, open) => {
  let under: LogUnderTest;
  let members: Member[];
  beforeEach(async () => {
    under = await open(PARTITIONS);
    members = [];
  });
  afterEach(async () => {
    await Promise.all(members.map(async ({log}) => await log.stop()));
    under.close();
  });

  function newMember(): Member {
    const member = new Member(under.newMember());
    members.push(member);
    return member;
  }

  test('delivers no record of a partition before readFrom is called, and none while the partition is held', async () => {
    await under.append(0, texts(0, 10));
    await under.append(1, texts(0, 10));
    const member = newMember();
    expect([...(await member.join())].sort()).toEqual([0, 1]);
    member.log.readFrom(1, 0n);
    await member.has(1, 10);
    expect(member.of(0)).toEqual([]);

    member.log.hold(1);
    const held = member.of(1).length;
    await under.append(1, texts(10, 20));
    await under.append(0, texts(10, 20));
    member.log.readFrom(0, 0n);
    await member.has(0, 20);
    expect(member.of(1)).toHaveLength(held);
    member.log.readFrom(1, 10n);
    await member.has(1, 20);
    expect(member.values(1)).toEqual(texts(0, 20));
  });

  test('delivers the batches of a partition one after the other, in offset order, with their fetch offsets (I6)', async () => {
    await under.append(0, texts(0, 30));
    const member = newMember();
    member.onBatch = async (batch) => {
      if (batch.nextOffset < 40n) await under.append(0, texts(30, 31));
    };
    await member.join();
    member.log.readFrom(0, 4n);
    await member.has(0, 27);
    expect(member.atOnceMax).toBe(1);
    let next = 4n;
    for (const {fetchOffset, nextOffset, records} of member.of(0)) {
      expect(fetchOffset).toBe(next);
      const offsets = records.map(({offset}) => offset);
      expect(offsets).toEqual(offsets.map((_, index) => (offsets[0] ?? 0n) + BigInt(index)));
      expect(nextOffset).toBe((offsets.at(-1) ?? 0n) + 1n);
      next = nextOffset;
    }
    expect(member.values(0).slice(0, 26)).toEqual(texts(4, 30));
  });

  test('continues at the new offset if a handler calls readFrom, and discards the records that it has fetched', async () => {
    await under.append(0, texts(0, 12));
    const member = newMember();
    let isFirst = true;
    member.onBatch = () => {
      if (isFirst) member.log.readFrom(0, 2n);
      isFirst = false;
      return Promise.resolve();
    };
    await member.join();
    member.log.readFrom(0, 0n);
    await until(
      () => member.of(0).at(-1)?.nextOffset === 12n && member.of(0).length > 1,
      () => `the records from offset 2 to 12, received: ${member.values(0).join()}`,
    );
    expect(member.of(0)[1]?.fetchOffset).toBe(2n);
    expect(member.of(0)[1]?.records[0]?.offset).toBe(2n);
  });

  test('shows a jump of the client without a seek in the fetch offset of the next batch (I6)', async () => {
    await under.append(0, texts(0, 12));
    const member = newMember();
    await member.join();
    member.log.readFrom(0, 6n);
    await member.has(0, 6);
    const before = member.of(0).length;
    under.jump(member.log, 0);
    await until(
      () => member.of(0).length > before,
      () => 'a batch after the jump',
    );
    expect(member.of(0)[before]?.fetchOffset).toBe(0n);
  });

  test('reports the offset range of every partition, and commits offsets', async () => {
    await under.append(1, texts(0, 7));
    const member = newMember();
    await member.join();
    expect(new Map([...(await member.log.ranges())].sort())).toEqual(
      new Map([
        [0, {low: 0n, high: 0n}],
        [1, {low: 0n, high: 7n}],
      ]),
    );
    await member.log.commitOffsets(new Map([[1, 5n]]));
    expect((await under.committing()).get(1)).toBe(5n);
  });

  test('ends handlers at their next keepAlive after a rebalance, and reads no partition before readFrom (C1)', async () => {
    await under.append(0, texts(0, 6));
    await under.append(1, texts(0, 6));
    const first = newMember();
    const endings: unknown[] = [];
    first.onBatch = async (_batch, keepAlive) => {
      if (first.assignments.length > 1) return;
      for (;;) {
        try {
          await keepAlive();
        } catch (error) {
          endings.push(error);
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const own = await first.join();
    for (const partition of own) first.log.readFrom(partition, 0n);
    await until(
      () => first.batches.length >= own.length,
      () => 'a running handler of each partition',
    );
    const handed = first.batches.length;

    const second = newMember();
    const theirs = await second.join();
    const left = await first.newAssignment(1);
    expect([...left, ...theirs].sort()).toEqual([0, 1]);
    await until(
      () => endings.length === own.length,
      () => 'all handlers to end',
    );
    expect(first.batches).toHaveLength(handed);
    expect(second.batches).toEqual([]);
    for (const partition of left) first.log.readFrom(partition, 3n);
    for (const partition of theirs) second.log.readFrom(partition, 3n);
    for (const partition of theirs) await second.has(partition, 3);
    await until(
      () => left.every((partition) => first.of(partition).at(-1)?.nextOffset === 6n),
      () => 'the remaining records of the partitions that the first member kept',
    );
    expect(first.failures).toEqual([]);
  });

  test('calls no handler after stop, and accepts stop twice or before start', async () => {
    await under.append(0, texts(0, 6));
    const member = newMember();
    await member.join();
    member.log.readFrom(0, 0n);
    await member.has(0, 6);
    await member.log.stop();
    const [batches, assignments] = [member.batches.length, member.assignments.length];
    // Another member takes over all partitions. Late calls of the first member would have arrived by then.
    const next = newMember();
    await next.join();
    await until(
      () => next.assignments.at(-1)?.length === PARTITIONS,
      () => 'the assignment of all partitions',
    );
    await under.append(0, texts(6, 9));
    next.log.readFrom(0, 6n);
    await next.has(0, 3);
    await member.log.stop();
    expect([member.batches.length, member.assignments.length]).toEqual([batches, assignments]);
    await newMember().log.stop();
  });
});
