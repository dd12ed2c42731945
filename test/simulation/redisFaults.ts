/**
 * The faults of Redis: it loses its newest data, rejects writes, is unreachable, or a foreign writer changes
 * keys.
 */
import type {StoredValue} from './keyspace.js';
import {TROUBLES, type Trouble} from './fakeRedis.js';
import type {Fault} from './plan.js';
import {KEPT_MS} from '../../src/apply/reportFeed.js';
import {EMPTY_DUMP, type ServerDump} from './server.js';
import {ORDER_IDS} from './shop.js';
import type {World} from './world.js';

/** Offers a fault. `act` returns what the fault has hit. */
export type OfferFault = (fault: Fault, act: () => string) => void;

const LIST: StoredValue = {type: 'list', items: ['foreign']};
const TEXT: StoredValue = {type: 'string', text: 'foreign'};
/** The value of `projector:chunks` after Redis itself has repeated a chunk. */
const REPEATED: StoredValue = {
  type: 'hash',
  fields: new Map([
    ['begun', '5'],
    ['finished', '4'],
  ]),
};

export function redisFaultOffers(world: World, offer: OfferFault): void {
  offerLosses(world, offer);
  const {random, server} = world;
  if (server.redis.trouble === undefined) {
    offer('Redis in trouble', () => {
      const trouble = random.pick(Object.keys(TROUBLES) as Trouble[]);
      server.redis.trouble = trouble;
      // A worker that got an error counts the same chunk as its own if another worker has applied it.
      if (!world.plan.isClear) world.mayMiscount = true;
      return trouble;
    });
  }
  if (world.isRedisReachable) {
    offer('Redis away', () => {
      world.isRedisReachable = false;
      return world.alive.map((worker) => world.cut(worker)).join('; ');
    });
  }
  offer('scripts lost', () => {
    server.redis.forgetScripts();
    return server.name;
  });
  offerForeignHands(world, offer);
}

function offerLosses(world: World, offer: OfferFault): void {
  const {random} = world;
  const anyDump = (): ServerDump => {
    const recent = recentDumps(world);
    return random.pick([
      ...(world.isPartitioned ? [] : [EMPTY_DUMP]),
      ...recent,
      ...recent,
      world.server.dump(),
    ]);
  };
  // Redis is killed and restarts from a dump. Its connections are closed.
  offer('roll-back', () => {
    const cuts = world.alive
      .filter(({redis}) => redis.wire?.server === world.server)
      .map((worker) => world.cut(worker, 0));
    world.orphans = world.orphans.filter(({server}) => server !== world.server);
    const {redis} = world.server;
    redis.forgetScripts();
    redis.trouble = undefined;
    world.server.restore(anyDump());
    world.mayMiscount = true;
    return `to ${positions(world)}; ${cuts.join('; ')}`;
  });
  // A replica that lags becomes the primary. The old primary still serves the workers connected to it.
  offer('failover', () => {
    const before = world.server;
    const taken = world.failover(anyDump());
    world.mayMiscount = true;
    if (random.chance(0.5)) before.redis.trouble = 'READONLY';
    const cuts = world.alive.filter(() => random.chance(0.5)).map((worker) => world.cut(worker));
    return `${taken} at ${positions(world)}; ${cuts.join('; ')}`;
  });
  offer('flush', () => {
    world.server.restore(EMPTY_DUMP);
    world.mayMiscount = true;
    return world.server.name;
  });
  if (world.isPartitioned) offerSlotLoss(world, offer);
}

/**
 * In the layout `partitioned`, outboxes keep merged entries for 5 min. A backup that is older can be from before entries that the outboxes
 * have removed since.
 */
function recentDumps({isPartitioned, dumps, time}: World): readonly ServerDump[] {
  if (!isPartitioned) return dumps;
  return [EMPTY_DUMP, ...dumps].filter(({atMs}) => time.nowMs - atMs < KEPT_MS);
}

/** Slots of one node go back to an earlier state, all to the same one. The slots of the other nodes stay as they are. */
function offerSlotLoss(world: World, offer: OfferFault): void {
  const {random, server, topic} = world;
  offer('slots lose writes', () => {
    const chosen = server.slots.filter(() => random.chance(0.3));
    const slots = chosen.length > 0 ? chosen : [random.pick(server.slots)];
    const dumps = recentDumps(world).filter(
      ({times}) =>
        server.history.canGoBack(times, slots) &&
        (random.chance(0.05) || server.history.lackingAfter(times, slots, topic.partitions).length === 0),
    );
    if (dumps.length === 0) return 'there is no backup';
    server.restore(random.pick(dumps), slots);
    world.mayMiscount = true;
    const cuts = world.alive.filter(() => random.chance(0.3)).map((worker) => world.cut(worker));
    return `${slots.join()} of ${server.name}, to ${positions(world)}; ${cuts.join('; ')}`;
  });
}

/**
 * Backups, and repairs of keys that a foreign writer has changed. They are offered only if the run has these
 * faults.
 */
export function offerRepairs(world: World, offer: (weight: number, act: () => string) => void): void {
  const {random, server, dumps} = world;
  if (world.has('roll-back') || world.has('failover') || world.has('slots lose writes')) {
    offer(1, () => {
      dumps.push(server.dump());
      if (dumps.length > (world.isPartitioned ? 6 : 3)) dumps.shift();
      return `a backup of ${server.name} at ${positions(world)}`;
    });
  }
  if (server.foreign.size > 0 && !world.isCalm) {
    offer(0.7, () => {
      const key = random.pick([...server.foreign.keys()]);
      server.repair(key);
      return `${key} is repaired`;
    });
  }
}

function offerForeignHands(world: World, offer: OfferFault): void {
  const {random, server} = world;
  offer('order corrupted', () => {
    const orderId = random.pick(ORDER_IDS);
    const [key, put] = random.pick(waysToCorruptOrder(world, orderId));
    if (server.foreign.has(key)) return `${key} is corrupt already`;
    world.everCorrupted.add(orderId);
    world.corruptKeys.add(key);
    server.touch(key, put);
    return key;
  });
  offer('shared key corrupt', () => {
    const [key, put] = random.pick(waysToCorrupt(world));
    if (server.foreign.has(key)) return `${key} is corrupt already`;
    world.hasCorrupted = true;
    server.touch(key, put);
    return key;
  });
}

type Touch = readonly [key: string, put: StoredValue | undefined];

/** With each of these, every script that touches the order replies `corrupt`. */
function waysToCorruptOrder(world: World, orderId: string): Touch[] {
  const {server} = world;
  const keys = world.keys.partition(world.shop.partitionOf(orderId));
  const [orderKey, linesKey] = [keys.order(orderId), keys.orderLines(orderId)];
  const ways: Touch[] = [orderKey, linesKey].flatMap((key): Touch[] => [
    [key, LIST],
    [key, TEXT],
  ]);
  const order = server.redis.keys.get(orderKey);
  if (order?.type !== 'hash' || server.foreign.has(linesKey)) return ways;
  const withField = (fields: ReadonlyMap<string, string>, name: string): StoredValue => ({
    type: 'hash',
    fields: new Map([...fields, [name, 'foreign']]),
  });
  const withoutUser = new Map([...order.fields].filter(([name]) => name !== 'user_id'));
  ways.push(
    [orderKey, {type: 'hash', fields: withoutUser}],
    [orderKey, withField(order.fields, 'total_amount')],
  );
  const lines = server.redis.keys.get(linesKey);
  if (lines?.type === 'string') ways.push([linesKey, {type: 'string', text: `${lines.text};foreign`}]);
  return ways;
}

/** With each of these, scripts fail or reply `layout`, and the worker halts. */
function waysToCorrupt(world: World): Touch[] {
  const {topic, server, random, keys, isPartitioned} = world;
  const number = random.pick(topic.partitions);
  const {shared} = keys;
  const part = keys.partition(number);
  const position = part.position(topic.name, number);
  const otherLayout: StoredValue = {type: 'string', text: `v1 topic=${topic.name} partitions=9`};
  const ways: Touch[] = [
    [shared.productSold(random.pick(['10', '11', '12'])), TEXT],
    [shared.reportProducts, LIST],
    [shared.reportUsers, TEXT],
    [shared.reportTotals, LIST],
    [part.quarantine, TEXT],
    [part.chunks, LIST],
    [part.chunks, REPEATED],
    [part.layout, otherLayout],
    [position, TEXT],
    [position, LIST],
  ];
  if (isPartitioned) {
    ways.push([part.outbox, TEXT], [shared.merged, LIST], [shared.layout, otherLayout]);
    ways.push([shared.chunks, LIST], [shared.chunks, REPEATED]);
  }
  // A partition without a position would write these two keys again, so they may not be deleted.
  if (topic.partitions.some((partition) => server.merged(partition) === 0n)) return ways;
  return [...ways, [shared.reportTotals, undefined], [shared.layout, undefined]];
}

function positions({topic, server, isPartitioned}: World): string {
  return topic.partitions
    .map((partition) => {
      const merged = isPartitioned ? `/${server.merged(partition)}` : '';
      return `${server.position(partition)}${merged}`;
    })
    .join();
}
