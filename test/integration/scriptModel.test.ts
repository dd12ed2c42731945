/**
 * Compares the apply script with the naive fold, under random commands. The log is a list of changes, which
 * stands for one partition of the topic. A position is the number of changes before it. After every command
 * Redis must equal the fold of the log up to the stored position, field by field.
 */
import type {LoadRequest} from '../../src/apply/loadScript.js';
import type {ApplyRequest} from '../../src/apply/script.js';
import type {Change} from '../../src/domain/change.js';
import {HIDDEN} from '../../src/domain/patch.js';
import {BaseWriter} from '../../src/operations/rebuild/baseWriter.js';
import {reduce} from '../../src/reduce.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {changes as anyChanges, ORDER_EXTRA_COLUMNS, withItemAmounts} from '../support/arbitraries.js';
import {OrderModel} from '../support/orderModel.js';
import {RedisBench, type Snapshot} from '../support/redisBench.js';
import {inTier} from '../support/tier.js';
import {fc} from '../support/seededChecks.js';

let bench: RedisBench;
/** Defined if the amount of an order is the sum over its line items. Quantities have decimals then. */
let itemDecimals: number | undefined;

type Command =
  | {readonly kind: 'apply' | 'apply and lose the reply'; readonly length: number}
  | {readonly kind: 'replay' | 'stale writer'; readonly back: number; readonly length: number}
  | {readonly kind: 'backup' | 'restore the backup'};

const length = fc.integer({min: 0, max: 12});
const back = fc.integer({min: 1, max: 20});
const command: fc.Arbitrary<Command> = fc.oneof(
  {weight: 6, arbitrary: fc.record({kind: fc.constant('apply' as const), length})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('apply and lose the reply' as const), length})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('replay' as const), back, length})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('stale writer' as const), back, length})},
  {weight: 1, arbitrary: fc.constant({kind: 'backup' as const})},
  {weight: 1, arbitrary: fc.constant({kind: 'restore the backup' as const})},
);

/** A position is a number of changes. 0 means that nothing is stored. */
const textOf = (count: number): string => (count === 0 ? '' : `v1 ${count}`);
const countOf = (text: string): number => (text === '' ? 0 : Number(text.slice(3)));

class Run {
  readonly #log: readonly Change[];
  /** The position that this worker expects. The stored position may be another one. */
  #position = 0;
  #backup: Snapshot = [];

  constructor(log: readonly Change[]) {
    this.#log = log;
  }

  async do(step: Command): Promise<void> {
    switch (step.kind) {
      case 'apply':
        await this.#apply(this.#position, step.length, 'applied');
        return;
      case 'apply and lose the reply':
        await this.#apply(this.#position, step.length, 'applied');
        // The worker cannot know whether the script was applied. It reads the stored position.
        this.#position = await this.#stored();
        return;
      case 'replay':
      case 'stale writer': {
        const from = Math.max(0, this.#position - step.back);
        if (from !== this.#position) await this.#apply(from, step.length, 'rejected');
        return;
      }
      case 'backup':
        this.#backup = await bench.snapshot();
        return;
      case 'restore the backup':
        await bench.restore(this.#backup);
        // The worker does not know of the restore. Its next chunk is rejected, and it reads the position.
        if (countOf(textOf(await this.#stored())) !== this.#position)
          await this.#apply(this.#position, 3, 'rejected');
        this.#position = await this.#stored();
    }
  }

  async #apply(from: number, count: number, outcome: 'applied' | 'rejected'): Promise<void> {
    const to = Math.min(this.#log.length, from + count);
    if (to === from) return;
    const before = outcome === 'rejected' ? await bench.snapshot() : [];
    const result = await bench.apply(this.#log.slice(from, to), textOf(from), textOf(to));
    expect(result.kind).toBe(outcome);
    if (outcome === 'applied') this.#position = to;
    else expect(await bench.snapshot()).toEqual(before);
  }

  async #stored(): Promise<number> {
    return countOf((await bench.model.positions.read([0]))[0] ?? '');
  }

  async check(): Promise<void> {
    const stored = await this.#stored();
    expect(this.#position).toBe(stored);
    if (stored === 0) return;
    const expected = OrderModel.of(this.#log.slice(0, stored));
    expect(await bench.content()).toEqual(expected.content('', ORDER_EXTRA_COLUMNS, itemDecimals));
  }
}

describe.each([
  ['with an amount of the order', false],
  ['with amounts of line items', true],
])('%s', (_name, ofItems) => {
  const changes = (maxSteps: number): fc.Arbitrary<readonly Change[]> =>
    anyChanges(maxSteps).map((all) => (ofItems ? withItemAmounts(all) : all));

  beforeAll(async () => {
    itemDecimals = ofItems ? 2 : undefined;
    bench = await RedisBench.open(7, {extraColumns: ORDER_EXTRA_COLUMNS, itemDecimals});
  });
  afterAll(async () => await bench.close());

  test('Redis equals the fold of the topic up to its position after every command (I1, I4, C1, C2)', async () => {
    await fc.assert(
      fc.asyncProperty(changes(80), fc.array(command, {maxLength: 25}), async (log, commands) => {
        await bench.redis.flushdb();
        const run = new Run(log);
        for (const step of commands) {
          await run.do(step);
          await run.check();
        }
      }),
      {numRuns: inTier({test: 150, soak: 3_000})},
    );
  });

  test('the content of Redis does not depend on chunk borders (I2, I7)', async () => {
    const cuts = fc.array(fc.nat(60), {maxLength: 8});
    await fc.assert(
      fc.asyncProperty(changes(50), cuts, async (log, places) => {
        const borders = [...new Set([0, ...places.filter((at) => at < log.length)])].sort((a, b) => a - b);
        await bench.redis.flushdb();
        await bench.applyAll(borders.map((from, index) => log.slice(from, borders[index + 1])));
        const cut = await bench.content();
        await bench.redis.flushdb();
        await bench.applyAll([log]);
        expect(await bench.content()).toEqual(cut);
        expect(cut).toEqual(OrderModel.of(log).content('', ORDER_EXTRA_COLUMNS, itemDecimals));
      }),
      {numRuns: inTier({test: 100, soak: 2_000})},
    );
  });

  test('a run of events that Debezium sends again changes nothing (I3, S3, C2) (F61)', async () => {
    await fc.assert(
      fc.asyncProperty(changes(40), fc.nat(40), async (log, again) => {
        await bench.redis.flushdb();
        await bench.applyAll([log]);
        const once = await bench.content();
        const suffix = log.slice(Math.max(0, log.length - again));
        await bench.applyAll([suffix.slice(0, again / 2), suffix.slice(again / 2)]);
        expect(await bench.content()).toEqual(once);
      }),
      {numRuns: inTier({test: 60, soak: 1_000})},
    );
  });

  test('partitions may be applied in any order (I7) (F67)', async () => {
    await fc.assert(
      fc.asyncProperty(changes(40), fc.boolean(), async (log, isReversed) => {
        await bench.redis.flushdb();
        const orders = [...new Set(log.map(({orderId}) => orderId))];
        if (isReversed) orders.reverse();
        for (const orderId of orders)
          await bench.applyAll([log.filter((change) => change.orderId === orderId)]);
        if (log.length === 0) return;
        expect(await bench.content()).toEqual(
          OrderModel.of(log).content('', ORDER_EXTRA_COLUMNS, itemDecimals),
        );
      }),
      {numRuns: inTier({test: 60, soak: 1_000})},
    );
  });

  test('an initial load of rows leaves what their changes leave, wherever its pages and scripts are cut (I3, I7)', async () => {
    const cut = fc.integer({min: 1, max: 4});
    await fc.assert(
      fc.asyncProperty(changes(60), cut, cut, async (log, pageOrders, chunkOrdersMax) => {
        await bench.redis.flushdb();
        const rows = rowsAfter(log);
        const model = {
          apply: async (partition: number, request: ApplyRequest) =>
            await bench.model.apply(partition, request),
          load: async (partition: number, request: LoadRequest) => await bench.model.load(partition, request),
          chunkCount: async () => Number((await bench.redis.hget('projector:chunks', 'finished')) ?? '0'),
        };
        const writer = new BaseWriter({model, clock: systemClock, id: 'run1'});
        await writer.place(0, 40n);
        for (let from = 0; from < rows.length; from += pageOrders) {
          const page = rows.slice(from, from + pageOrders);
          const orders = new Map(page.map(([id, all]) => [id, {changes: all, fault: undefined}]));
          await writer.write({orders, next: null, itemCount: 0}, {chunkOrdersMax, itemDecimals});
        }
        await writer.finish();
        const all = rows.flatMap(([, ofOrder]) => ofOrder);
        expect(await bench.content()).toEqual(
          OrderModel.of(all).content('', ORDER_EXTRA_COLUMNS, itemDecimals),
        );
      }),
      {numRuns: inTier({test: 100, soak: 2_000})},
    );
  });
});

/** The rows that MySQL contains after these changes, by order, as the changes that set them. */
function rowsAfter(log: readonly Change[]): [string, Change[]][] {
  return [...reduce(log).patches].map(([orderId, {row, items}]) => {
    const of: Change[] = [];
    if (row === HIDDEN) of.push({kind: 'order-hidden', orderId});
    else if (row !== null) of.push({kind: 'order-upserted', orderId, row, isCreate: true});
    for (const [itemId, item] of items)
      if (item !== null) of.push({kind: 'item-upserted', orderId, itemId, item});
    return [orderId, of];
  });
}
