/**
 * Compares the scripts of the layout `partitioned` with the naive fold, under random commands. Each partition has a log of changes. After
 * every command, its orders must equal the fold of its log up to its position, and counters and reports the fold up to the merged offsets.
 * scriptModel.test.ts does so for the layout `single`.
 */
import {MERGE_SCRIPT, mergeArguments, parseMergeReply} from '../../src/apply/mergeScript.js';
import type {ReportFeed} from '../../src/apply/reportFeed.js';
import type {Reports} from '../../src/apply/reports.js';
import type {Change} from '../../src/domain/change.js';
import {reduce} from '../../src/reduce.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {changes, ORDER_EXTRA_COLUMNS} from '../support/arbitraries.js';
import {OrderModel, type Content} from '../support/orderModel.js';
import {LAYOUT, RedisBench, type Snapshot} from '../support/redisBench.js';
import {fc} from '../support/seededChecks.js';
import {inTier} from '../support/tier.js';

const PARTITIONS = [0, 1] as const;
const {sharedPrefix, shared} = keySpace('partitioned', 'test:');
const MATCH = {0: '{test:0}:*', 1: '{test:1}:*', shared: '{test}:*'} as const;
type Slot = keyof typeof MATCH;

let bench: RedisBench;
beforeAll(async () => {
  bench = await RedisBench.open(7, {isPartitioned: true, extraColumns: ORDER_EXTRA_COLUMNS});
});
afterAll(async () => await bench.close());

type Command =
  | {readonly kind: 'chunk'; readonly partition: number; readonly length: number}
  | {readonly kind: 'stale chunk'; readonly partition: number; readonly length: number}
  /** How many entries of each partition are merged. */
  | {readonly kind: 'merge'; readonly counts: readonly number[]}
  /** A worker takes over a partition. The worker before it sends one more merge. */
  | {readonly kind: 'take over'; readonly partition: number}
  | {readonly kind: 'backup'}
  | {readonly kind: 'slot is lost'; readonly slot: Slot};

const partition = fc.constantFrom(...PARTITIONS);
const length = fc.integer({min: 1, max: 10});
const command: fc.Arbitrary<Command> = fc.oneof(
  {weight: 8, arbitrary: fc.record({kind: fc.constant('chunk' as const), partition, length})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('stale chunk' as const), partition, length})},
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('merge' as const),
      counts: fc.array(fc.nat(3), {minLength: 2, maxLength: 2}),
    }),
  },
  {weight: 2, arbitrary: fc.record({kind: fc.constant('take over' as const), partition})},
  {weight: 2, arbitrary: fc.constant({kind: 'backup' as const})},
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('slot is lost' as const),
      slot: fc.constantFrom<Slot>(0, 1, 'shared', 'shared'),
    }),
  },
);

class Run {
  readonly #logs: readonly (readonly Change[])[];
  readonly #model = bench.modelOn(bench.client);
  readonly #feeds = new Map<number, ReportFeed>();
  #backups: Record<Slot, Snapshot> = {0: [], 1: [], shared: []};

  constructor(log: readonly Change[]) {
    this.#logs = PARTITIONS.map((number) => log.filter(({orderId}) => orderId.length % 2 === number));
  }

  async start(): Promise<void> {
    for (const number of PARTITIONS) await this.#join(number);
    await this.#backUp();
  }

  async do(step: Command): Promise<void> {
    if (step.kind === 'chunk') await this.#chunk(step.partition, step.length);
    else if (step.kind === 'stale chunk') {
      const request = {expected: 'v1 9999', next: 'v1 10000', reduction: reduce([])};
      const outcome = await this.#model.apply(step.partition, request, this.#feed(step.partition));
      expect(outcome.kind).toBe('rejected');
    } else if (step.kind === 'merge') expect(await this.#merge(step.counts)).toBeUndefined();
    else if (step.kind === 'take over') {
      const late = PARTITIONS.map((number) => (number === step.partition ? 3 : 0));
      const before = this.#merges(late);
      await this.#join(step.partition);
      if (before.length > 0) expect(await this.#send(before)).toBe(step.partition);
    } else if (step.kind === 'backup') await this.#backUp();
    else await this.#lose(step.slot);
  }

  async #lose(slot: Slot): Promise<void> {
    await bench.restore(this.#backups[slot], MATCH[slot]);
    for (const number of PARTITIONS) if (slot === 'shared' || slot === number) await this.#join(number);
    // After orders have lost writes, older reports can be lost for good (docs/decisions/two-positions.md).
    if (slot !== 'shared') await this.#backUp();
  }

  async #backUp(): Promise<void> {
    for (const slot of [...PARTITIONS, 'shared'] as const)
      this.#backups[slot] = await bench.snapshot(MATCH[slot]);
  }

  async #chunk(number: number, count: number): Promise<void> {
    const log = this.#logs[number] ?? [];
    const feed = this.#feed(number);
    const [from, boundary] = [await this.#position(number), Number(feed.boundary)];
    const end = Math.min(log.length, from + count);
    const to = from < boundary ? Math.min(end, boundary) : end;
    if (to === from) return;
    const expected = from === 0 ? '' : `v1 ${from}`;
    const request = {expected, next: `v1 ${to}`, reduction: reduce(log.slice(from, to))};
    expect((await this.#model.apply(number, request, feed)).kind).toBe('applied');
  }

  #merges(counts: readonly number[]): NonNullable<ReturnType<ReportFeed['take']>>[] {
    return PARTITIONS.flatMap((number) => this.#feed(number).take(counts[number] ?? 0) ?? []);
  }

  async #merge(counts: readonly number[]): Promise<number | undefined> {
    const merges = this.#merges(counts);
    if (merges.length === 0) return undefined;
    const rejected = await this.#send(merges);
    if (rejected !== undefined) return rejected;
    for (const {partition: number, to} of merges) this.#feed(number).mergedTo(to, Date.now());
    return undefined;
  }

  async #send(merges: Parameters<typeof mergeArguments>[0]): Promise<number | undefined> {
    const args = mergeArguments(merges, {sharedPrefix, layout: LAYOUT});
    return parseMergeReply(await bench.client.run(MERGE_SCRIPT, shared.merged, args), LAYOUT);
  }

  async #join(number: number): Promise<void> {
    const [text = ''] = await this.#model.positions.read([number]);
    this.#feeds.set(number, await this.#reports.join(number, text));
  }

  get #reports(): Reports {
    if (this.#model.reports === undefined) throw new Error('the layout is not partitioned');
    return this.#model.reports;
  }

  #feed(number: number): ReportFeed {
    const feed = this.#feeds.get(number);
    if (feed === undefined) throw new Error(`partition ${number} has not joined`);
    return feed;
  }

  async #position(number: number): Promise<number> {
    const [text = ''] = await this.#model.positions.read([number]);
    return text === '' ? 0 : Number(text.slice(3));
  }

  async check(): Promise<void> {
    const merged = await bench.redis.hgetall(shared.merged);
    const upTo = (number: number, count: number): Change[] => (this.#logs[number] ?? []).slice(0, count);
    const expected: Content = {};
    const contains: Change[] = [];
    for (const number of PARTITIONS) {
      contains.push(...upTo(number, Number(merged[number]?.split(' ')[0] ?? '0')));
      const orders = OrderModel.of(upTo(number, await this.#position(number)));
      add(expected, orders, (key) => /^order/.test(key));
    }
    if (contains.length > 0) add(expected, OrderModel.of(contains), (key) => !/^order/.test(key));
    expect(await bench.content()).toEqual(expected);
  }

  /** Applies and merges everything. Then orders and reports follow from the whole logs. */
  async finish(): Promise<void> {
    for (const number of PARTITIONS)
      while ((await this.#position(number)) < (this.#logs[number]?.length ?? 0)) await this.#chunk(number, 7);
    expect(await this.#merge([1_000, 1_000])).toBeUndefined();
    await this.check();
    const merged = await bench.redis.hgetall(shared.merged);
    expect(PARTITIONS.map((number) => Number(merged[number]?.split(' ')[0]))).toEqual(
      this.#logs.map((log) => log.length),
    );
  }
}

function add(content: Content, model: OrderModel, isPart: (key: string) => boolean): void {
  for (const [key, value] of Object.entries(model.content('', ORDER_EXTRA_COLUMNS)))
    if (isPart(key)) content[key] = value;
}

test('orders equal the topic up to the positions, reports up to the merged offsets, after every command (I1, I18, C2)', async () => {
  await fc.assert(
    fc.asyncProperty(
      changes(80),
      fc.array(command, {minLength: 5, maxLength: 30, size: 'max'}),
      async (log, commands) => {
        await bench.flush();
        const run = new Run(log);
        await run.start();
        for (const step of commands) {
          await run.do(step);
          await run.check();
        }
        await run.finish();
      },
    ),
    {numRuns: inTier({test: 100, soak: 2_000})},
  );
});
