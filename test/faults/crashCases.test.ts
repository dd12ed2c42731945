/**
 * A worker that is killed (SIGKILL) at every place where that makes a difference, on every kind of record: whatever had
 * happened by then, the next worker ends in the same state (G1, G2).
 *
 * One record is one chunk here (but for acks), so that the place is reached for exactly the record that the case is about.
 */
import {Redis} from 'ioredis';
import type {Change} from '../../src/domain/change.js';
import {FAILPOINT_NAMES, type FailpointName} from '../../src/runtime/failpoints.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {item, order, orderGone} from '../support/changes.js';
import {createTopic, produce, type NewRecord} from '../support/kafka.js';
import {OrderModel} from '../support/orderModel.js';
import {startWorker} from '../support/pipeline.js';
import {contentUnder, positions} from '../support/readModel.js';
import {encoded, recordOf} from '../support/records.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

interface Kind {
  readonly name: string;
  /** The record that the case is about comes last. */
  readonly records: readonly NewRecord[];
  /** What the records mean. */
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
const CASES = KINDS.flatMap((kind) => FAILPOINT_NAMES.map((place) => ({kind, place})));
/** Workers at a time: starting one is mostly waiting. */
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
  // All cases are under way at once, a few at a time; each test waits for its own.
  const waiting = [...CASES];
  let lanes: Promise<void>[] = Array.from({length: AT_ONCE}, async () => await Promise.resolve());
  while (waiting.length > 0) {
    lanes = lanes.map((lane) => {
      const next = waiting.shift();
      if (next === undefined) return lane;
      const run = lane.then(async () => await crashAndGoOn(next.kind, next.place));
      outcomes.set(nameOf(next.kind, next.place), run);
      return run.catch(() => undefined);
    });
  }
});
afterAll(() => redis.disconnect());

const nameOf = (kind: Kind, place: FailpointName): string => `${kind.name} ${place}`;

const isAck = (place: FailpointName): boolean => place.includes('ack');

/** How often the place has been reached when the worker dies. */
function timeOf(kind: Kind, place: FailpointName): number {
  if (place === 'after-fetch' || isAck(place)) return 1;
  return BEFORE.length + kind.records.length;
}

/** What the position may be after the death. */
function reachable(kind: Kind, place: FailpointName): {least: bigint; most: bigint} {
  const end = BigInt(BEFORE.length + kind.records.length);
  switch (place) {
    case 'after-fetch':
      return {least: 0n, most: 0n};
    case 'after-decode':
    case 'before-apply':
      // The script before it may be on its way.
      return {least: end - 2n, most: end - 1n};
    case 'script-in-flight':
      return {least: end - 2n, most: end};
    case 'after-apply':
      return {least: end, most: end};
    case 'before-offset-commit':
    case 'offset-commit-in-flight':
    case 'after-offset-commit':
      // All records are one chunk there, applied long before the first ack; on a busy machine it may come before.
      return {least: 0n, most: end};
  }
}

async function crashAndGoOn(kind: Kind, place: FailpointName): Promise<void> {
  const topic = topics.get(kind)!;
  const prefix = `${topic}-${place}:`;
  const settings = {
    KAFKA_TOPIC: topic,
    REDIS_KEY_PREFIX: prefix,
    PROJECTOR_CHUNK_RECORDS_MAX: isAck(place) ? '100' : '1',
    KAFKA_COMMIT_INTERVAL_MS: '1500',
  };
  const dies = startWorker(`${prefix}dies`, {
    ...settings,
    PROJECTOR_FAILPOINT: `${place}:kill@${timeOf(kind, place)}`,
  });
  expect(await dies.exited).toEqual({code: null, signal: 'SIGKILL'});
  const reached = async (): Promise<bigint> => (await positions(redis, prefix)).get(0) ?? 0n;
  const {least, most} = reachable(kind, place);
  const atDeath = await reached();
  expect(atDeath).toBeGreaterThanOrEqual(least);
  expect(atDeath).toBeLessThanOrEqual(most);

  // Another group: nobody waits for the session of the dead one, and no committed offset can help.
  const next = startWorker(`${prefix}next`, settings);
  const end = BigInt(BEFORE.length + kind.records.length);
  await until(
    async () => (await reached()) === end && next.log.some(({msg}) => msg === 'partitions assigned'),
    () => `the end of ${topic}: ${next.output.slice(-1_500)}`,
  );
  expect(await next.end('SIGTERM')).toEqual({code: 0, signal: null});
  expectBalanced(next);
  const expected = OrderModel.of([...BEFORE, ...kind.changes]).content();
  expect(await contentUnder(redis, prefix)).toEqual(expected);
  expect(await redis.hlen(`${prefix}projector:quarantine`)).toBe(kind.quarantined ?? 0);
}

function expectBalanced(worker: WorkerProcess): void {
  const summary = worker.log.findLast(({msg}) => msg === 'summary') as Record<string, number>;
  const {consumed, applied, duplicate, ignored, quarantined} = summary;
  expect(applied! + duplicate! + ignored! + quarantined!).toBe(consumed);
}

describe.each(KINDS)(
  'a worker killed on $name: the next one ends in the same state (F02, F03) (I1, I4, I5, C2)',
  (kind) => {
    test.each(FAILPOINT_NAMES)('%s', async (place) => {
      await expect(outcomes.get(nameOf(kind, place))).resolves.toBeUndefined();
    });
  },
);
