/**
 * A worker is killed with SIGKILL at every failpoint, on every kind of record. Whatever had happened by then,
 * the next worker ends in the same state (G1, G2).
 *
 * Each record is a separate chunk, except in the cases about offset commits and merges. So the failpoint is reached for
 * exactly the record that the case is about.
 *
 * In the layout `partitioned`, the soak tier has all failpoints, and the other tier those of the merges.
 */
import {Redis} from 'ioredis';
import type {Change} from '../../src/domain/change.js';
import {keySpace, type KeyLayout, type KeySpace} from '../../src/redis-model/keys.js';
import {FAILPOINT_NAMES, MERGE_FAILPOINTS, type FailpointName} from '../../src/runtime/failpoints.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {item, order, orderGone} from '../support/changes.js';
import {createTopic, produce, type NewRecord} from '../support/kafka.js';
import {OrderModel} from '../support/orderModel.js';
import {startWorker} from '../support/pipeline.js';
import {contentUnder, positions} from '../support/readModel.js';
import {encoded, recordOf} from '../support/records.js';
import {testStack} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';

interface Kind {
  readonly name: string;
  /** The last one is the record that the case is about. */
  readonly records: readonly NewRecord[];
  /** The changes that the records describe. */
  readonly changes: readonly Change[];
  readonly quarantined?: number;
}

const updated = item('5/71', {product: '11', quantity: '4'});
const KINDS: readonly Kind[] = [
  {name: 'c', records: [recordOf(order('9'))], changes: [order('9')]},
  {name: 'u', records: [recordOf(updated, 'envelope', 'u')], changes: [updated]},
  {name: 'd', records: [recordOf(orderGone('5'))], changes: [orderGone('5')]},
  {
    name: 'r',
    records: [recordOf(order('5', {total: '1.00'}), 'envelope', 'r')],
    changes: [order('5', {total: '1.00'})],
  },
  {
    name: 'tombstone',
    records: [recordOf(orderGone('5')), {key: '5', value: null}],
    changes: [orderGone('5')],
  },
  {
    name: 'a key change',
    records: [recordOf(orderGone('5')), recordOf(order('6')), recordOf(item('6/71'))],
    changes: [orderGone('5'), order('6'), item('6/71')],
  },
  {name: 'poison', records: [encoded('{', '5')], changes: [], quarantined: 1},
];
const BEFORE = [order('5'), item('5/71', {quantity: '3'}), order('8', {user: '9', total: '2.50'})];

interface Case {
  readonly layout: KeyLayout;
  readonly kind: Kind;
  readonly place: FailpointName;
}

const PLACES: Readonly<Record<KeyLayout, readonly FailpointName[]>> = {
  single: FAILPOINT_NAMES.filter((name) => !MERGE_FAILPOINTS.includes(name)),
  partitioned: inTier({test: MERGE_FAILPOINTS, soak: FAILPOINT_NAMES}),
};
const LAYOUTS = ['single', 'partitioned'] as const;
const CASES = LAYOUTS.flatMap((layout) =>
  KINDS.flatMap((kind) => PLACES[layout].map((place): Case => ({layout, kind, place}))),
);
/** The number of workers at a time. Several can start at once, because a start is mostly waiting. */
const AT_ONCE = 4;

let redis: Redis;
const topics = new Map<Kind, string>();
const outcomes = new Map<string, Promise<void>>();

beforeAll(async () => {
  redis = new Redis(testStack().env.redis.url);
  for (const [index, kind] of KINDS.entries()) {
    const topic = `crash-cases-${index}-${Date.now().toString(36)}`;
    await createTopic(topic);
    await produce(topic, [...BEFORE.map((change) => recordOf(change)), ...kind.records]);
    topics.set(kind, topic);
  }
  // The cases run in the background, a few at a time. Each test waits for its own case.
  const waiting = [...CASES];
  let lanes: Promise<void>[] = Array.from({length: AT_ONCE}, async () => await Promise.resolve());
  while (waiting.length > 0) {
    lanes = lanes.map((lane) => {
      const next = waiting.shift();
      if (next === undefined) return lane;
      const run = lane.then(async () => await crashAndGoOn(next));
      outcomes.set(nameOf(next), run);
      return run.catch(() => undefined);
    });
  }
});
afterAll(() => redis.disconnect());

const nameOf = ({layout, kind, place}: Case): string => `${layout} ${kind.name} ${place}`;

/** All records are one chunk in these cases. */
const isOneChunk = (place: FailpointName): boolean =>
  place.includes('offset-commit') || MERGE_FAILPOINTS.includes(place);

/** The worker is killed when it reaches the failpoint for this time, counted from 1. */
function timeOf({kind, place}: Case): number {
  if (place === 'after-fetch' || isOneChunk(place)) return 1;
  return BEFORE.length + kind.records.length;
}

/** The range of positions that are possible after the kill. */
function reachable({kind, place}: Case): {least: bigint; most: bigint} {
  const end = BigInt(BEFORE.length + kind.records.length);
  switch (place) {
    case 'after-fetch':
      return {least: 0n, most: 0n};
    case 'after-decode':
    case 'before-apply':
      // The script of the previous record may still be in flight.
      return {least: end - 2n, most: end - 1n};
    case 'script-in-flight':
      return {least: end - 2n, most: end};
    case 'after-apply':
      return {least: end, most: end};
    case 'merge-in-flight':
    case 'after-merge':
      // Only an applied chunk is merged.
      return {least: end, most: end};
    case 'before-offset-commit':
    case 'offset-commit-in-flight':
    case 'after-offset-commit':
      // The chunk is usually applied before the first offset commit, but on a busy machine the commit may come first.
      return {least: 0n, most: end};
  }
}

async function crashAndGoOn(crash: Case): Promise<void> {
  const {layout, kind, place} = crash;
  const topic = topics.get(kind)!;
  const prefix = `${topic}-${layout}-${place}:`;
  const keys = keySpace(layout, prefix);
  const settings = {
    KAFKA_TOPIC: topic,
    REDIS_KEY_PREFIX: prefix,
    REDIS_LAYOUT: layout,
    PROJECTOR_CHUNK_RECORDS_MAX: isOneChunk(place) ? '100' : '1',
    KAFKA_COMMIT_INTERVAL_MS: '1500',
  };
  const dies = startWorker(`${prefix}dies`, {
    ...settings,
    PROJECTOR_FAILPOINT: `${place}:kill@${timeOf(crash)}`,
  });
  expect(await dies.exited).toEqual({code: null, signal: 'SIGKILL'});
  const reached = async (): Promise<bigint> => (await positions(redis, keys.prefixOf(0))).get(0) ?? 0n;
  const {least, most} = reachable(crash);
  const atDeath = await reached();
  expect(atDeath).toBeGreaterThanOrEqual(least);
  expect(atDeath).toBeLessThanOrEqual(most);

  // The next worker uses another group. So it does not wait until the session of the killed one has expired,
  // and no committed offset can help it.
  const next = startWorker(`${prefix}next`, settings);
  const end = BigInt(BEFORE.length + kind.records.length);
  await until(
    async () =>
      (await reached()) === end &&
      (layout === 'single' || (await mergedOffset(keys)) === end) &&
      next.log.some(({msg}) => msg === 'partitions assigned'),
    () => `the position at the end of ${topic}. The end of the worker's output: ${next.output.slice(-1_500)}`,
  );
  expect(await next.end('SIGTERM')).toEqual({code: 0, signal: null});
  expectBalanced(next);
  const expected = OrderModel.of([...BEFORE, ...kind.changes]).content();
  const prefixes = new Set([keys.prefixOf(0), keys.sharedPrefix]);
  const contents = await Promise.all([...prefixes].map(async (each) => await contentUnder(redis, each)));
  expect(Object.assign({}, ...contents)).toEqual(expected);
  expect(await redis.hlen(keys.partition(0).quarantine)).toBe(kind.quarantined ?? 0);
}

/** Counters and reports contain the records before this offset. */
async function mergedOffset({shared}: KeySpace): Promise<bigint> {
  return BigInt((await redis.hget(shared.merged, '0'))?.split(' ')[0] ?? '0');
}

function expectBalanced(worker: WorkerProcess): void {
  const summary = worker.log.findLast(({msg}) => msg === 'summary') as Record<string, number>;
  const {consumed, applied, duplicate, ignored, quarantined} = summary;
  expect(applied! + duplicate! + ignored! + quarantined!).toBe(consumed);
}

describe.each(LAYOUTS.flatMap((layout) => KINDS.map((kind) => ({layout, name: kind.name, kind}))))(
  'layout $layout: if a worker is killed on a record ($name), the next worker ends in the same state (F02, F03, F92) (I1, I4, I5, I18, C2)',
  ({layout, kind}) => {
    test.each(PLACES[layout])('killed at the failpoint %s', async (place) => {
      await expect(outcomes.get(nameOf({layout, kind, place}))).resolves.toBeUndefined();
    });
  },
);
