/**
 * The actions without a fault: Redis executes commands, replies and batches arrive, sleeps end, and workers
 * and servers that were away come back.
 */
import type {SimWorker} from './simWorker.js';
import {offerRepairs} from './redisFaults.js';
import type {Offer, World} from './world.js';
import type {Wire} from './wire.js';

/** The actions that are possible now, except the ends of sleeps. */
export function everydayOffers(world: World): Offer[] {
  const offers: Offer[] = [];
  const offer = (weight: number, act: () => string): void => void offers.push({weight, act});
  for (const worker of world.workers) {
    if (worker.isActive) offerToWorker(world, worker, offer);
    if (worker.isAlive) offerOnWire(world, worker.redis.wire, {weight: 10, offer});
    if (worker.life.isFrozen && worker.isAlive) {
      offer(1, () => {
        worker.life.isFrozen = false;
        return `${worker.name} resumes`;
      });
    }
    if (!worker.isAlive && world.group.has(worker.log)) {
      offer(1, () => {
        world.group.leave(worker.log);
        return `the session of ${worker.name} ends`;
      });
    }
  }
  for (const orphan of world.orphans) offerOnWire(world, orphan, {weight: 2, offer});
  offerOfTheWorld(world, offer);
  offerRepairs(world, offer);
  return offers;
}

/** The sleeps that can end now. */
export function sleepOffers(world: World): Offer[] {
  return world.workers
    .filter((worker) => worker.isActive && worker.clock.hasSleepers)
    .map((worker) => ({
      weight: 0.7,
      act: () => `${worker.name} has slept ${worker.clock.wakeNext()} ms`,
    }));
}

type OfferOne = (weight: number, act: () => string) => void;

function offerToWorker(world: World, worker: SimWorker, offer: OfferOne): void {
  const {name, redis, log} = worker;
  const {wire} = redis;
  if (wire !== undefined && wire.answered.length > 0) {
    offer(12, () => {
      const leaves = redis.hear();
      return `${name} receives a reply of Redis${leaves ? `; ${world.cut(worker)}` : ''}`;
    });
  }
  if (wire === undefined && world.isRedisReachable) {
    offer(4, () => {
      redis.connect(world.server);
      return `${name} connects to ${world.server.name}`;
    });
  }
  if (wire !== undefined && wire.server !== world.server) {
    offer(world.isCalm ? 5 : 0.7, () => `${name} disconnects from ${wire.server.name}: ${world.cut(worker)}`);
  }
  if (log.calls.length > 0) {
    offer(6, () => `Kafka responds to ${name}: ${log.answer({isReachable: world.isKafkaReachable})}`);
  }
  if (!world.isKafkaReachable) return;
  if (log.pending !== undefined) offer(2, () => `${name} is assigned ${log.hearAssignment()}`);
  if (log.isRunning && !world.group.has(log)) {
    offer(1, () => {
      world.group.join(log);
      return `${name} joins again`;
    });
  }
  for (const partition of log.deliverable()) {
    offer(5, () => {
      const recordsMax = world.random.pick([1, 3, 20]);
      return `${name} fetches ${log.deliver(partition, {recordsMax})}`;
    });
  }
}

function offerOnWire(
  {random}: World,
  wire: Wire | undefined,
  {weight, offer}: {weight: number; offer: OfferOne},
): void {
  if (wire === undefined || wire.sent.length === 0) return;
  offer(weight, () => {
    const flights = wire.executable();
    const flight = flights.length > 1 ? random.pick(flights) : flights[0];
    return `${wire.server.name} executes for ${wire.owner}: ${wire.execute(flight)}`;
  });
}

function offerOfTheWorld(world: World, offer: OfferOne): void {
  const {random, plan, group} = world;
  world.orphans = world.orphans.filter(({sent}) => sent.length > 0);
  if (!world.isCalm && world.written.length < plan.records) {
    offer(5, () => {
      const events = world.shop.next();
      world.write(...events);
      return `the shop writes ${events.length} records to ${[...new Set(events.map(({partition}) => partition))].join()}`;
    });
  }
  if (world.isKafkaReachable && group.needsRebalance) offer(2, () => `rebalance: ${group.rebalance(random)}`);
  const missing = plan.workersMax - world.alive.length;
  if (missing > 0 && !(world.isCalm && missing < plan.workersMax)) {
    offer(missing === plan.workersMax ? 3 : 0.5, () => world.startWorker());
  }
  if (!world.isKafkaReachable) {
    offer(1.5, () => {
      world.isKafkaReachable = true;
      return 'Kafka is back';
    });
  }
  if (!world.isRedisReachable) {
    offer(1.5, () => {
      world.isRedisReachable = true;
      return 'Redis is back';
    });
  }
  if (world.server.redis.trouble !== undefined) {
    offer(1.5, () => {
      world.server.redis.trouble = undefined;
      return 'the error state of Redis ends';
    });
  }
}
