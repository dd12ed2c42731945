/**
 * Compares the simulated Redis with a real one in the layout `partitioned`: chunks with an outbox, and the scripts that merge outboxes.
 * After each command both must have given the same reply and hold the same content. fakeRedisContract.test.ts does so for `single`.
 */
import {MERGE_SCRIPT, mergeArguments, TAKE_SCRIPT, type Merge} from '../../src/apply/mergeScript.js';
import {APPLY_SCRIPT, scriptArguments} from '../../src/apply/script.js';
import type {Change} from '../../src/domain/change.js';
import {reduce} from '../../src/reduce.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {parseOutboxEntry} from '../../src/redis-model/outbox.js';
import {DirectHost, FakeRedis} from '../simulation/fakeRedis.js';
import type {StoredValue} from '../simulation/keyspace.js';
import {changes, ORDER_EXTRA_COLUMNS} from '../support/arbitraries.js';
import {RedisBench, TOPIC} from '../support/redisBench.js';
import {answerOf, canonicalEntry, fakeContent, putReal, realContent} from '../support/redisPair.js';
import {fc} from '../support/seededChecks.js';
import {inTier} from '../support/tier.js';

const KEYS = keySpace('partitioned', 'test:');
const LAYOUTS = ['v1 topic=test.events partitions=2', 'v1 topic=test.events partitions=3'] as const;
const HOUR_MS = 3_600_000;

let bench: RedisBench;
beforeAll(async () => (bench = await RedisBench.open(12, {isPartitioned: true})));
afterAll(async () => await bench.close());

type Command =
  | {
      readonly kind: 'apply';
      readonly partition: number;
      readonly changes: readonly Change[];
      readonly isStale: boolean;
      readonly layout: string;
      /** How many offsets before the position are not merged, by the argument of the script. */
      readonly unmerged: number;
      readonly keptMs: number;
    }
  | {readonly kind: 'take'; readonly partition: number; readonly holder: string; readonly layout: string}
  | {
      readonly kind: 'merge';
      /** Entries of each partition. */
      readonly entries: readonly number[];
      readonly isStale: boolean;
      readonly layout: string;
    }
  | {readonly kind: 'put'; readonly key: string; readonly value: StoredValue | undefined}
  | {readonly kind: 'flush'};

const layout = fc.nat(29).map((number) => LAYOUTS[number === 0 ? 1 : 0]);
const isStale = fc.nat(9).map((number) => number === 0);
const partition = fc.constantFrom(0, 1);
const text = (...all: string[]): fc.Arbitrary<StoredValue> =>
  fc.constantFrom(...all).map((value) => ({type: 'string', text: value}));
const hash = (...pairs: [string, string][]): StoredValue => ({type: 'hash', fields: new Map(pairs)});
const put = (keys: readonly string[], value: fc.Arbitrary<StoredValue | undefined>): fc.Arbitrary<Command> =>
  fc.record({kind: fc.constant('put' as const), key: fc.constantFrom(...keys), value});
const {shared} = KEYS;
const old = Date.now() - 2 * HOUR_MS;

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      partition,
      changes: changes(6),
      isStale,
      layout,
      unmerged: fc.nat(3),
      keptMs: fc.constantFrom(0, HOUR_MS),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      partition,
      holder: fc.constantFrom('w1.1', 'w2.1'),
      layout,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('merge' as const),
      entries: fc.array(fc.nat(3), {minLength: 2, maxLength: 2}),
      isStale,
      layout,
    }),
  },
  {
    weight: 1,
    arbitrary: put(
      [
        shared.reportTotals,
        shared.reportUsers,
        shared.reportProducts,
        shared.productSold('10'),
        shared.merged,
      ],
      fc.oneof(
        fc.constantFrom(undefined, {type: 'list' as const, items: ['foreign']}, hash(['orders', '007'])),
        text('foreign', '5', '999999999999999'),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: put(
      [shared.layout, shared.chunks, KEYS.partition(0).outbox, KEYS.partition(0).chunks],
      fc.oneof(
        fc.constantFrom(
          undefined,
          hash(['begun', '4'], ['finished', '3']),
          hash(['begun', '4'], ['finished', '4']),
        ),
        text('foreign'),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: put(
      [KEYS.partition(0).outbox],
      fc
        .constantFrom(['foreign'], [`0 1 ${old} 0 0 0 0||`, `1 2 ${old} 0 0 0 0||`])
        .map((items) => ({type: 'list', items})),
    ),
  },
  {weight: 1, arbitrary: fc.constant({kind: 'flush' as const})},
);

/** How often each reply occurred. */
const seen = new Map<string, number>();

class Pair {
  readonly #fake = new FakeRedis();
  readonly #hosts = [bench.client, new DirectHost(this.#fake)] as const;

  async do(step: Command): Promise<void> {
    const {keys} = this.#fake;
    if (step.kind === 'apply') await this.#apply(step);
    else if (step.kind === 'take') {
      const args = [String(step.partition), step.holder, KEYS.sharedPrefix, step.layout];
      await this.#compare('take', async (host) => await host.run(TAKE_SCRIPT, shared.merged, args));
    } else if (step.kind === 'merge') await this.#merge(step);
    else if (step.kind === 'put') {
      keys.put(step.key, step.value);
      await putReal(bench.redis, step.key, step.value);
    } else {
      keys.restore(new Map());
      await bench.redis.flushdb();
    }
    expect(fakeContent(keys)).toEqual(await realContent(bench.redis));
  }

  async #apply(step: Command & {kind: 'apply'}): Promise<void> {
    const key = KEYS.partition(step.partition).position(TOPIC, step.partition);
    const stored = this.#fake.keys.string(key) ?? '';
    const from = Number(stored.slice(3));
    const outbox = `${from} ${from + 2} ${Math.max(0, from - step.unmerged)} ${step.keptMs}`;
    const args = scriptArguments(
      {
        expected: step.isStale ? 'v1 99' : stored,
        next: `v1 ${from + 2}`,
        reduction: reduce(step.changes),
        outbox,
      },
      {prefix: KEYS.prefixOf(step.partition), layout: step.layout, extraColumns: ORDER_EXTRA_COLUMNS},
    );
    await this.#compare('apply', async (host) => {
      const reply = (await host.run(APPLY_SCRIPT, key, args)) as unknown[];
      return [reply[0], canonicalEntry(String(reply[2] ?? reply[1]))];
    });
  }

  /** Merges what the outboxes contain, even if it does not begin at the merged offset: the script does not look at that. */
  async #merge({entries, isStale: stale, layout: given}: Command & {kind: 'merge'}): Promise<void> {
    const {keys} = this.#fake;
    const merges = entries.flatMap((count, number): Merge[] => {
      const list = keys.get(KEYS.partition(number).outbox);
      const texts = list?.type === 'list' ? list.items : [];
      const chosen = texts.flatMap((entry) => parseOutboxEntry(entry) ?? []).slice(0, count);
      const hold = keys.get(shared.merged);
      const stored = hold?.type === 'hash' ? (hold.fields.get(String(number)) ?? '') : '';
      const [offset = '0', holder = 'w1.1'] = stored === '' ? [] : stored.split(' ');
      const from = BigInt(/^\d+$/.test(offset) ? offset : '0') + (stale ? 1n : 0n);
      return count === 0 ? [] : [{partition: number, holder, from, to: from + 2n, entries: chosen}];
    });
    // A worker merges at least one entry.
    if (merges.length === 0) return;
    const args = mergeArguments(merges, {sharedPrefix: KEYS.sharedPrefix, layout: given});
    await this.#compare('merge', async (host) => await host.run(MERGE_SCRIPT, shared.merged, args));
  }

  async #compare(
    name: string,
    call: (host: DirectHost | RedisBench['client']) => Promise<unknown>,
  ): Promise<void> {
    const [real, fake] = this.#hosts;
    const outcome = await answerOf(async () => await call(real));
    expect(await answerOf(async () => await call(fake))).toEqual(outcome);
    const kind = `${name} ${/^\["(\w+)/.exec(outcome)?.[1] ?? outcome}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
}

test('the simulated and the real Redis agree about outboxes and merges (I1, I18)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, {minLength: 5, maxLength: 30, size: 'max'}), async (steps) => {
      await bench.redis.flushdb();
      const pair = new Pair();
      for (const step of steps) await pair.do(step);
    }),
    {numRuns: inTier({test: 250, soak: 4_000})},
  );
  const met = [...seen.keys()].join('\n');
  const kinds = ['applied', 'rejected', 'layout', 'read-model-corrupt'].flatMap((kind) => [
    `apply ${kind}`,
    `merge ${kind}`,
  ]);
  kinds.push('take taken', 'take layout', 'take read-model-corrupt');
  expect(kinds.filter((kind) => !met.includes(kind))).toEqual([]);
});
