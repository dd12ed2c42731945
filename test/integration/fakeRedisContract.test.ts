/**
 * Compares the Redis of the simulation with a real one. Both execute the same random commands. After each
 * command they must have given the same reply and hold the same bytes under every key. The simulation does
 * not run apply.lua, so its results hold for apply.lua only because of this test.
 */
import {ReadModel} from '../../src/apply/readModel.js';
import {reduce} from '../../src/reduce.js';
import type {AuditRequest} from '../../src/redis-model/audit.js';
import {DirectHost, FakeRedis} from '../simulation/fakeRedis.js';
import type {StoredValue} from '../simulation/keyspace.js';
import type {Change} from '../../src/domain/change.js';
import {changes, ORDER_EXTRA_COLUMNS, withItemAmounts} from '../support/arbitraries.js';
import {answerOf, fakeContent, putReal, realContent} from '../support/redisPair.js';
import {RedisBench, TOPIC} from '../support/redisBench.js';
import {inTier} from '../support/tier.js';
import {fc} from '../support/seededChecks.js';

const PREFIX = 'shop:';
const LAYOUTS = [
  'v1 topic=test.events partitions=2 decimals=2',
  'v1 topic=test.events partitions=3 decimals=2',
];

let bench: RedisBench;
beforeAll(async () => (bench = await RedisBench.open(12)));
afterAll(async () => await bench.close());

type Apply = {
  readonly kind: 'apply';
  readonly partition: number;
  /** If true, the script expects a position that is not the stored one. */
  readonly isStale: boolean;
  readonly changes: readonly Change[];
  readonly quarantine: readonly string[];
  readonly settled: readonly string[];
  readonly layout: number;
  readonly audit: AuditRequest | undefined;
};
/** With item amounts, orders have no amount of their own, and quantities have decimals. */
type Command =
  | Apply
  | {readonly kind: 'touch'; readonly key: string; readonly value: StoredValue | undefined}
  | {readonly kind: 'touch field'; readonly key: string; readonly field: string; readonly text: string | null}
  | {readonly kind: 'flush'};

const AUDITS: readonly AuditRequest[] = [
  {text: 'ALTER TABLE at test.events[0] offset 7', truncated: undefined},
  {text: 'TRUNCATE TABLE at test.events[0] offset 8', truncated: 'table orders was truncated'},
];
const entryNames = fc.subarray([0, 1, 7, 12].map((offset) => `${TOPIC}:0:${offset}`));
const apply: fc.Arbitrary<Apply> = fc.record({
  kind: fc.constant('apply' as const),
  partition: fc.constantFrom(0, 0, 1),
  isStale: fc.nat(9).map((number) => number === 0),
  changes: changes(8),
  quarantine: entryNames,
  settled: entryNames,
  layout: fc.nat(19).map((number) => (number === 0 ? 1 : 0)),
  audit: fc.nat(7).map((number) => AUDITS[number]),
});

const SHARED_KEYS = [
  'report:products',
  'report:users',
  'report:totals',
  'product:10:sold',
  'product:11:sold',
  'projector:layout',
  'projector:quarantine',
  'projector:audit',
  'projector:audit-lease',
  `projector:position:${TOPIC}:0`,
];
const ORDER_KEYS = ['order:1', 'order_lines:1', 'order:2', 'order_lines:2'];
const texts = fc.constantFrom(
  'foreign',
  '',
  '5',
  '007',
  '1.5',
  '9223372036854775807',
  '-9223372036854775808',
);
const value: fc.Arbitrary<StoredValue | undefined> = fc.oneof(
  fc.constant(undefined),
  texts.map((text) => ({type: 'string' as const, text})),
  fc.constant({type: 'list' as const, items: ['foreign']}),
  fc.constant({type: 'hash' as const, fields: new Map([['foreign', 'field']])}),
  fc.constantFrom(0.5, 3, -2).map((score) => ({type: 'zset' as const, scores: new Map([['10', score]])})),
);
const touch = fc.record({
  kind: fc.constant('touch' as const),
  key: fc.constantFrom(...SHARED_KEYS, ...ORDER_KEYS),
  value,
});
const field = (keys: readonly string[], fields: readonly string[], values: readonly (string | null)[]) =>
  fc.record({
    kind: fc.constant('touch field' as const),
    key: fc.constantFrom(...keys),
    field: fc.constantFrom(...fields),
    text: fc.constantFrom(...values),
  });
const amounts = [null, 'foreign', '', '-', '12.', '-0.50', '5', 'nan', '1e9', '0x10', '99999999999999.99'];
const lines = [
  ...['foreign', '3', ':', '3:10:x', '3:10:1:2', '3:10:9999999999999999', '3:10:-0', '3:10:05', '-1:-1:2'],
  ...[
    '3:10:1;',
    'x y:10:1',
    '3:10:1a:5:6;',
    'B:1:1;a:1:1',
    'a:1:1;B:1:1',
    '3/XL:S1:0.25;x%3B:10:1.5',
    '3:10:1.25:9.50',
    ';3:10:1',
    '3:10:1;20:11:2',
    '20:11:2;3:10:1',
    '3:10:1;3:11:1',
    '-3:10:1;-20:10:1',
    '03:10:1;20:1:1',
  ],
];
const leases = [
  '3f audit-repair on host, process 7',
  '3f audit on host',
  'audit-repair on host',
  '3f audit-repair',
];
const totals = [null, 'foreign', '007', '-5', '0', '123456789012345678', '1234567890123456789'];
const chunks = [null, '0', '3', '4', 'foreign'];
const command: fc.Arbitrary<Command> = fc.oneof(
  {weight: 12, arbitrary: apply},
  {weight: 2, arbitrary: touch},
  {weight: 1, arbitrary: field(['order:1', 'order:2'], ['user_id', 'total_amount'], amounts)},
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('touch' as const),
      key: fc.constantFrom('order_lines:1', 'order_lines:2'),
      value: fc.constantFrom(...lines).map((text) => ({type: 'string' as const, text})),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('touch' as const),
      key: fc.constant('projector:audit-lease'),
      value: fc.constantFrom(...leases).map((text) => ({type: 'string' as const, text})),
    }),
  },
  {weight: 1, arbitrary: field(['report:totals'], ['orders', 'units', 'revenue'], totals)},
  {weight: 1, arbitrary: field(['projector:chunks'], ['begun', 'finished'], chunks)},
  {weight: 1, arbitrary: fc.constant({kind: 'flush' as const})},
);

/** The simulated and the real Redis. Both execute the same commands. */
class Pair {
  readonly #fake = new FakeRedis();
  #applied = 0;
  /** Defined if the amount of an order is the sum over its line items. */
  readonly itemDecimals: number | undefined;

  constructor(itemDecimals: number | undefined) {
    this.itemDecimals = itemDecimals;
  }

  async do(step: Command): Promise<void> {
    switch (step.kind) {
      case 'apply':
        await this.#apply(step);
        return;
      case 'touch':
        this.#fake.keys.put(PREFIX + step.key, step.value);
        await putReal(bench.redis, PREFIX + step.key, step.value);
        return;
      case 'touch field': {
        const key = PREFIX + step.key;
        if ((this.#fake.keys.get(key)?.type ?? 'hash') !== 'hash') return;
        const {field: name, text} = step;
        if (text === null) this.#fake.keys.changeHash(key, [name], []);
        else this.#fake.keys.changeHash(key, [], [[name, text]]);
        await (text === null ? bench.redis.hdel(key, name) : bench.redis.hset(key, name, text));
        return;
      }
      case 'flush':
        this.#fake.keys.restore(new Map());
        await bench.redis.flushdb();
    }
  }

  async #apply({partition, isStale, changes: all, quarantine, settled, layout, audit}: Apply): Promise<void> {
    const [stored = ''] = await bench.model.positions.read([partition]);
    const key = `${PREFIX}projector:position:${TOPIC}:${partition}`;
    const expected = isStale
      ? 'v1 99'
      : (((await bench.redis.type(key)) === 'string' ? await bench.redis.get(key) : stored) ?? '');
    const {itemDecimals} = this;
    const request = {
      expected,
      reduction: reduce(itemDecimals === undefined ? all : withItemAmounts(all)),
      settled,
      audit,
      next: `v1 ${++this.#applied}`,
      quarantine: new Map(quarantine.map((name) => [name, `{"entry":"${this.#applied}"}`])),
    };
    const settings = {
      prefix: PREFIX,
      layout: LAYOUTS[layout] ?? '',
      extraColumns: ORDER_EXTRA_COLUMNS,
      itemDecimals,
    };
    const [real, fake] = [bench.client, new DirectHost(this.#fake)].map(
      (host) => new ReadModel(host, TOPIC, settings),
    );
    const outcome = await answerOf(async () => await real?.apply(partition, request));
    expect(await answerOf(async () => await fake?.apply(partition, request))).toEqual(outcome);
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    expect(await answerOf(async () => await fake?.quarantinedOffsets(0))).toEqual(
      await answerOf(async () => await real?.quarantinedOffsets(0)),
    );
  }

  async check(): Promise<void> {
    expect(fakeContent(this.#fake.keys)).toEqual(await realContent(bench.redis));
  }
}

/** How often each reply occurred. */
const seen = new Map<string, number>();

test('the simulated and the real Redis give the same replies and hold the same bytes (I1, I4, I5)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, {minLength: 5, maxLength: 25, size: 'max'}),
      fc.constantFrom(undefined, 2),
      async (steps, itemDecimals) => {
        await bench.redis.flushdb();
        const pair = new Pair(itemDecimals);
        for (const step of steps) {
          await pair.do(step);
          await pair.check();
        }
      },
    ),
    {numRuns: inTier({test: 500, soak: 6_000})},
  );
  const kinds = [
    '"applied"',
    '"rejected"',
    '"corrupt"',
    'is missing, although',
    'not a whole number',
    'a wrong type',
    'WRONGTYPE',
    'built with other',
    'table-truncated',
  ];
  const met = [...seen.keys()].join();
  expect(kinds.filter((kind) => !met.includes(kind))).toEqual([]);
});
