/** The rules of src/clients/kafka/eventLog.ts, asked of kafkajs on the real broker and of the fakes that stand for it. */
import type {EventLog, EventLogHandlers, LogBatch} from '../../src/clients/kafka/eventLog.js';
import {LOGS, type LogUnderTest} from '../support/logUnderTest.js';
import {until} from '../support/until.js';

const PARTITIONS = 2;

type KeepAlive = () => Promise<void>;

/** A member, and what its handlers are told. */
class Member implements EventLogHandlers {
  readonly log: EventLog;
  readonly assignments: (readonly number[])[] = [];
  readonly batches: LogBatch[] = [];
  readonly states: string[] = [];
  readonly failures: Error[] = [];
  /** Handlers of each partition that have not returned, at most so far. */
  atOnceMax = 0;
  onBatch: (batch: LogBatch, keepAlive: KeepAlive) => Promise<void> = () => Promise.resolve();
  readonly #running = new Map<number, number>();

  constructor(log: EventLog) {
    this.log = log;
  }

  /** Joins, and resolves with its first partitions. */
  async join(): Promise<readonly number[]> {
    void this.log.start(this);
    return await this.newAssignment(0);
  }

  /** The last assignment once there are more than so many. */
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
      () => `${count} records of ${partition}: ${this.values(partition).join()}`,
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

  test('delivers nothing of an assigned partition until it is read, and nothing of one that is held', async () => {
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

  test('delivers one batch of a partition at a time, in offset order, and names the offset that it asked for (I6)', async () => {
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

  test('goes back when it is told to while a batch is handled, and forgets what it had fetched', async () => {
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
      () => `a second reading: ${member.values(0).join()}`,
    );
    expect(member.of(0)[1]?.fetchOffset).toBe(2n);
    expect(member.of(0)[1]?.records[0]?.offset).toBe(2n);
  });

  test('a jump that nobody asked for shows in the offset that was asked for (I6)', async () => {
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

  test('tells the range of every partition, and takes acks', async () => {
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

  test('a new assignment ends handlers at their next sign of life, and its partitions wait to be read (C1)', async () => {
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
      () => 'handlers that wait',
    );
    const handed = first.batches.length;

    const second = newMember();
    const theirs = await second.join();
    const left = await first.newAssignment(1);
    expect([...left, ...theirs].sort()).toEqual([0, 1]);
    await until(
      () => endings.length === own.length,
      () => 'the end of the handlers',
    );
    expect(first.batches).toHaveLength(handed);
    expect(second.batches).toEqual([]);
    for (const partition of left) first.log.readFrom(partition, 3n);
    for (const partition of theirs) second.log.readFrom(partition, 3n);
    for (const partition of theirs) await second.has(partition, 3);
    await until(
      () => left.every((partition) => first.of(partition).at(-1)?.nextOffset === 6n),
      () => 'the rest of what the first one kept',
    );
    expect(first.failures).toEqual([]);
  });

  test('calls no handler after a stop, which may come twice or before a start', async () => {
    await under.append(0, texts(0, 6));
    const member = newMember();
    await member.join();
    member.log.readFrom(0, 0n);
    await member.has(0, 6);
    await member.log.stop();
    const [batches, assignments] = [member.batches.length, member.assignments.length];
    // Another member takes over all of it: whatever the first one still had to say would have come by then.
    const next = newMember();
    await next.join();
    await until(
      () => next.assignments.at(-1)?.length === PARTITIONS,
      () => 'all partitions',
    );
    await under.append(0, texts(6, 9));
    next.log.readFrom(0, 6n);
    await next.has(0, 3);
    await member.log.stop();
    expect([member.batches.length, member.assignments.length]).toEqual([batches, assignments]);
    await newMember().log.stop();
  });
});
