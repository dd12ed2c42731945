/**
 * The faults of Redis: it loses its newest data, rejects writes, is unreachable, or a foreign writer changes
 * keys.
 */
import type {StoredValue} from './keyspace.js';
import {TROUBLES, type Trouble} from './fakeRedis.js';
import type {Fault} from './plan.js';
import {EMPTY_DUMP} from './server.js';
import {ORDER_IDS} from './shop.js';
import type {World} from './world.js';

/** Offers a fault. `act` returns what the fault has hit. */
export type OfferFault = (fault: Fault, act: () => string) => void;

const LIST: StoredValue = {type: 'list', item: 'foreign'};
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
  const {random, dumps} = world;
  const anyDump = (): (typeof dumps)[number] =>
    random.pick([EMPTY_DUMP, ...dumps, ...dumps, world.server.dump()]);
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
}

/**
 * Backups, and repairs of keys that a foreign writer has changed. They are offered only if the run has these
 * faults.
 */
export function offerRepairs(world: World, offer: (weight: number, act: () => string) => void): void {
  const {random, server, dumps} = world;
  if (world.has('roll-back') || world.has('failover')) {
    offer(1, () => {
      dumps.push(server.dump());
      if (dumps.length > 3) dumps.shift();
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
function waysToCorruptOrder({plan, server}: World, orderId: string): Touch[] {
  const [orderKey, linesKey] = [`${plan.prefix}order:${orderId}`, `${plan.prefix}order_lines:${orderId}`];
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
function waysToCorrupt({plan, topic, server, random}: World): Touch[] {
  const {prefix} = plan;
  const position = `${prefix}projector:position:${topic.name}:${random.pick(topic.partitions)}`;
  const ways: Touch[] = [
    [`${prefix}product:${random.pick(['10', '11', '12'])}:sold`, TEXT],
    [`${prefix}report:products`, LIST],
    [`${prefix}report:users`, TEXT],
    [`${prefix}report:totals`, LIST],
    [`${prefix}projector:quarantine`, TEXT],
    [`${prefix}projector:chunks`, LIST],
    [`${prefix}projector:chunks`, REPEATED],
    [`${prefix}projector:layout`, {type: 'string', text: `v1 topic=${topic.name} partitions=9`}],
    [position, TEXT],
    [position, LIST],
  ];
  // A partition without a position would write these two keys again, so they may not be deleted.
  if (topic.partitions.some((partition) => server.position(partition) === 0n)) return ways;
  return [...ways, [`${prefix}report:totals`, undefined], [`${prefix}projector:layout`, undefined]];
}

function positions({topic, server}: World): string {
  return topic.partitions.map((partition) => server.position(partition)).join();
}
