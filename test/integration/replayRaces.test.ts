/** Replays while workers move the position or Redis is rolled back. In the end the content is exact. */
import type {Change, Decoded} from '../../src/domain/change.js';
import type {EventLogHandlers, LogRecord} from '../../src/clients/kafka/eventLog.js';
import {changes, longRun} from '../support/arbitraries.js';
import {item} from '../support/changes.js';
import {MemoryLog} from '../support/memoryLog.js';
import {FORMS, recordOf} from '../support/records.js';
import {
  BAD,
  cursorOn,
  fold,
  MANY,
  order3,
  PlayedMysql,
  replay,
  right,
  withApply,
  withoutZeros,
  wrongAt,
} from '../support/replayBench.js';
import {inTier} from '../support/tier.js';
import {WorkerBench, type Worker} from '../support/workerBench.js';
import {fc} from '../support/seededChecks.js';

const QUARANTINE = 'projector:quarantine';

let bench: WorkerBench;
let mysql: PlayedMysql;
beforeAll(async () => (bench = await WorkerBench.open(14)));
beforeEach(() => (mysql = new PlayedMysql()));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

/** Writes changes to partition 0, which contains orders 3 and 6. */
function append(...all: readonly Change[]): void {
  bench.topic.append(0, ...all.map((change) => recordOf(change)));
}
const names = async (): Promise<string[]> => (await bench.redis.redis.hkeys(QUARANTINE)).sort();

async function appliedBy(decode: (record: LogRecord) => Decoded = right): Promise<Worker> {
  const worker = await bench.soleWorker({settings: MANY, decode});
  await bench.caughtUp();
  return worker;
}

describe('a replay while the position moves (I1, C1, L7)', () => {
  /** Writes one more change, and waits until the worker has applied it. */
  async function appliedOneMore(change: Change): Promise<void> {
    append(change);
    await bench.caughtUp();
  }

  test.each(['mysql', 'log'])(
    'from %s: the content is exact after 70 scripts of the replay were rejected',
    async (kind) => {
      const written = [order3('1.00'), item('3/1')];
      append(...written);
      await appliedBy(wrongAt((offset) => offset === 1n));
      mysql.committed.push(...written);
      let rejectedWrites = 0;
      const results = await replay(bench, {
        ...(kind === 'mysql' ? {source: mysql.source} : {}),
        model: (real) =>
          withApply(real, async (apply) => {
            if (rejectedWrites < 70) {
              const next =
                rejectedWrites % 3 === 0
                  ? order3(`${rejectedWrites}.00`)
                  : item(`3/${rejectedWrites % 7}`, {product: '11'});
              written.push(next);
              mysql.committed.push(next);
              await appliedOneMore(next);
            }
            const outcome = await apply();
            if (outcome.kind === 'rejected') rejectedWrites++;
            return outcome;
          }),
      });
      expect(rejectedWrites).toBe(70);
      expect(results).toEqual([{name: 'test.events:0:1', orderId: '3', replayed: true, reason: null}]);
      await bench.expectFold(written);
    },
  );

  test.each(['mysql', 'log'])('from %s: begins again if Redis is rolled back meanwhile', async (kind) => {
    append(order3('1.00'), item('3/1'));
    const first = await appliedBy(wrongAt((offset) => offset === 1n));
    const backup = await bench.redis.snapshot();
    append(item('3/2', {product: '11'}), order3('2.00'));
    await bench.caughtUp();
    await first.stop();
    mysql.committed.push(order3('1.00'), item('3/1'), item('3/2', {product: '11'}), order3('2.00'));
    let isFirst = true;
    await replay(bench, {
      ...(kind === 'mysql' ? {source: mysql.source} : {}),
      model: (real) =>
        withApply(real, async (apply) => {
          if (isFirst) await bench.redis.restore(backup);
          isFirst = false;
          return await apply();
        }),
    });
    await expect(bench.position(0)).resolves.toBe(2n);
    expect(await names()).toEqual([]);
    if (kind === 'log') await bench.expectFold([order3('1.00'), item('3/1')]);
    await appliedBy();
    await bench.expectFold(mysql.committed);
  });

  test('changes nothing if its script arrives after the position has moved', async () => {
    append(order3('1.00'));
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order3('2.00'));
    let late: (() => Promise<unknown>) | undefined;
    const asleep = replay(bench, {
      source: mysql.source,
      model: (real) =>
        withApply(real, async (apply) => {
          late = apply;
          return await Promise.reject(new Error('asleep'));
        }),
    });
    await expect(asleep).rejects.toThrow('asleep');
    await appliedOneMore(order3('9.00'));
    const before = await bench.redis.snapshot();
    await expect(late?.()).resolves.toMatchObject({kind: 'rejected'});
    expect(await bench.redis.snapshot()).toEqual(before);
  });

  test('has the same result if its script is applied twice at the same position', async () => {
    append(order3('1.00'), item('3/1'));
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order3('2.00'), item('3/1'));
    const contents: unknown[] = [];
    await replay(bench, {
      source: mysql.source,
      model: (real) =>
        withApply(real, async (apply) => {
          await apply();
          contents.push(await bench.redis.content());
          const outcome = await apply();
          contents.push(await bench.redis.content());
          return outcome;
        }),
    });
    expect(contents[1]).toEqual(contents[0]);
    expect(await bench.redis.content()).toEqual(fold(mysql.committed));
  });

  test('gives up after 3,000 rejected scripts and changes nothing', async () => {
    append(order3('1.00'));
    bench.topic.append(0, BAD);
    await appliedBy();
    const before = await bench.redis.content();
    const refused = async (): Promise<{kind: 'rejected'; stored: string}> => {
      return {
        kind: 'rejected',
        stored: (await bench.redis.redis.get('projector:position:test.events:0')) ?? '',
      };
    };
    const results = await replay(bench, {source: mysql.source, model: (real) => withApply(real, refused)});
    expect(results).toMatchObject([
      {
        replayed: false,
        reason: expect.stringMatching(/^the position changed before each of 3000 attempts/) as string,
      },
    ]);
    expect(await bench.redis.content()).toEqual(before);
  });
});

describe('random changes with a live worker', () => {
  interface Play {
    readonly log: readonly Change[];
    readonly bad: ReadonlySet<number>;
    readonly replays: readonly number[];
    /** How many changes MySQL is ahead of the topic. */
    readonly ahead: number;
  }
  const plays: fc.Arbitrary<Play> = fc.record({
    log: changes(70),
    bad: fc.array(fc.nat(120), {maxLength: 12}).map((all) => new Set(all)),
    replays: fc.array(fc.nat(120), {minLength: 1, maxLength: 3}),
    ahead: fc.nat(25),
  });
  const slowly = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

  /** Writes the changes one by one with `write`, while the worker applies them and replays run. */
  async function playOut(
    play: Play,
    write: (change: Change, index: number) => void,
    options: {isMysql: boolean},
  ) {
    const running: Promise<unknown>[] = [];
    const source = options.isMysql ? {source: mysql.source} : {};
    for (const [index, change] of play.log.entries()) {
      while (mysql.committed.length < Math.min(play.log.length, index + 1 + play.ahead)) {
        mysql.committed.push(play.log[mysql.committed.length]!);
      }
      write(change, index);
      if (play.replays.includes(index)) running.push(replay(bench, source));
      if (index % 3 === 0) await slowly();
    }
    await Promise.all(running);
    await bench.caughtUp();
    const results = await replay(bench, source);
    expect(results.filter(({replayed}) => !replayed)).toEqual([]);
    expect(await names()).toEqual([]);
  }

  test('replays from a MySQL that is ahead of the topic end in the fold of all changes (S8, I3, I7)', async () => {
    await fc.assert(
      fc.asyncProperty(plays, async (play) => {
        await bench.reset();
        mysql = new PlayedMysql();
        await bench.soleWorker({settings: MANY});
        const write = (change: Change, index: number): void => {
          const record = recordOf(change, FORMS[index % FORMS.length]);
          const bad = {key: record.key, value: Buffer.from('not JSON')};
          bench.topic.append(bench.partitionOf(change.orderId), play.bad.has(index) ? bad : record);
        };
        await playOut(play, write, {isMysql: true});
        if (play.log.length === 0) return;
        expect(withoutZeros(await bench.redis.content())).toEqual(withoutZeros(fold(play.log)));
      }),
      {numRuns: inTier({test: 40, soak: 400})},
    );
  });

  test('replays from the topic with corrected settings end in the fold of all changes, counters at 0 included (I3, I7)', async () => {
    await fc.assert(
      fc.asyncProperty(plays, async (play) => {
        await bench.reset();
        mysql = new PlayedMysql();
        const isBad = (offset: bigint): boolean => play.bad.has(Number(offset));
        await bench.soleWorker({settings: MANY, decode: wrongAt(isBad)});
        await playOut(play, (change) => bench.write([change]), {isMysql: false});
        if (play.log.length === 0) return;
        await bench.expectFold(play.log);
      }),
      {numRuns: inTier({test: 40, soak: 400})},
    );
  });

  test('a replay from MySQL succeeds while a worker applies a long topic at full speed', async () => {
    const log = longRun(5, 6_000);
    append(order3('1.00'));
    bench.topic.append(0, BAD);
    const first = await appliedBy();
    await first.stop();
    mysql.committed.push(order3('1.00'));
    for (const change of log) {
      if (bench.partitionOf(change.orderId) === 0) continue;
      bench.topic.append(0, recordOf({...change, orderId: '6'}));
    }
    await bench.soleWorker({settings: MANY});
    const from = await bench.position(0);
    const results = await replay(bench, {source: mysql.source});
    const reached = await bench.position(0);
    expect(results).toMatchObject([{replayed: true}]);
    expect(reached).toBeGreaterThanOrEqual(from);
    await bench.caughtUp();
    expect(await bench.redis.redis.hget('order:3', 'total_amount')).toBe('1.00');
  });
});

/** A log that can request a recheck, like a client whose broker was silent for a long time. */
class DoubtingLog extends MemoryLog {
  #handlers: EventLogHandlers | undefined;

  override async start(handlers: EventLogHandlers): Promise<void> {
    this.#handlers = handlers;
    await super.start(handlers);
  }

  doubt(partition: number): void {
    this.#handlers?.recheck(partition, 'no fetch response from Kafka for 60000 ms');
  }
}

describe('the topic cursor (L6)', () => {
  test('delivers each record once and in order, despite rebalances and jumps of the client', async () => {
    append(...longRun(9, 500));
    const log = new MemoryLog(bench.topic, 20);
    const cursor = cursorOn(log);
    const opening = cursor.open();
    log.assign([0, 1, 2]);
    await opening;
    const offsets: bigint[] = [];
    cursor.seek(0, 5n);
    for (let end = 50n; end <= 450n; end += 50n) {
      if (end % 100n === 0n) log.assign([0, 1, 2]);
      else log.jump(0, 7n);
      await cursor.readTo(end, ({offset}) => offsets.push(offset));
    }
    expect(offsets).toEqual(Array.from({length: 445}, (_, i) => BigInt(i + 5)));
    expect(cursor.next).toBe(450n);
    await cursor.close();
  });

  test('compares its last record again when a recheck is requested, and detects a replaced topic (I10)', async () => {
    append(...longRun(9, 500));
    const log = new DoubtingLog(bench.topic, 20);
    const cursor = cursorOn(log);
    const opening = cursor.open();
    log.assign([0]);
    await opening;
    const offsets: bigint[] = [];
    cursor.seek(0, 0n);
    log.doubt(0);
    for (let end = 50n; end <= 200n; end += 50n) {
      await cursor.readTo(end, ({offset}) => offsets.push(offset));
      log.doubt(0);
      log.doubt(1);
    }
    expect(offsets).toEqual(Array.from({length: 200}, (_, i) => BigInt(i)));
    bench.topic.replace(0, ...longRun(10, 500).map((change) => recordOf(change)));
    log.doubt(0);
    await expect(cursor.readTo(250n, () => undefined)).rejects.toMatchObject({kind: 'topic-replaced'});
    await cursor.close();
  });

  test('rejects if its offset was deleted from the topic', async () => {
    append(...longRun(9, 60));
    bench.topic.cutBelow(0, 20n);
    const log = new MemoryLog(bench.topic, 20);
    const cursor = cursorOn(log);
    const opening = cursor.open();
    log.assign([0]);
    await opening;
    cursor.seek(0, 5n);
    await expect(cursor.readTo(40n, () => undefined)).rejects.toMatchObject({kind: 'topic-start-lost'});
    await cursor.close();
  });

  test('rejects with kafka-unreachable if the client is silent, and with the error of a client that failed', async () => {
    const log = new MemoryLog(bench.topic, 20);
    await expect(cursorOn(log, 50).open()).rejects.toMatchObject({kind: 'kafka-unreachable'});
    const other = new MemoryLog(bench.topic, 20);
    const opening = cursorOn(other).open();
    other.fail(new Error('the client crashed'));
    await expect(opening).rejects.toThrow('the client crashed');
  });
});
