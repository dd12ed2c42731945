/** The faults of workers, connections, Kafka and the topic. The faults of Redis are in redisFaults.ts. */
import {redisFaultOffers, type OfferFault} from './redisFaults.js';
import type {SimWorker} from './simWorker.js';
import type {Offer, World} from './world.js';
import {FAULTS} from './plan.js';

/** The faults that the plan of this run contains and that are possible now. */
export function faultOffers(world: World): Offer[] {
  const offers: Offer[] = [];
  const offer: OfferFault = (fault, act) => {
    if (!world.has(fault)) return;
    offers.push({
      weight: FAULTS[fault],
      act: () => {
        world.count(fault);
        return `! ${fault}: ${act()}`;
      },
    });
  };
  offerWorkerFaults(world, offer);
  offerKafkaFaults(world, offer);
  offerLogFaults(world, offer);
  redisFaultOffers(world, offer);
  return offers;
}

const JUMPS_MS = [900, 5_000, 60_000, 3_600_000] as const;
/** Backups are usable for 5 min, so most jumps are shorter. */
const PARTITIONED_JUMPS_MS = [900, 5_000, 60_000, 240_000, 3_600_000] as const;

function offerWorkerFaults(world: World, offer: OfferFault): void {
  const {random, group} = world;
  const alive = world.alive;
  if (alive.length === 0) return;
  const connected = alive.filter(({redis}) => redis.wire !== undefined);
  if (connected.length > 0) {
    offer('connection cut', () => world.cut(random.pick(connected)));
    // The client closes the socket after its timeout. The server executes all its commands later.
    offer('reply too late', () => {
      const worker = random.pick(connected);
      return world.cut(worker, worker.redis.wire?.sent.length ?? 0);
    });
  }
  offer('crash', () => world.kill(random.pick(alive)));
  const active = alive.filter(({isActive}) => isActive);
  if (active.length === 0) return;
  offer('worker freezes', () => {
    const worker = random.pick(active);
    worker.life.isFrozen = true;
    if (random.chance(0.7)) group.leave(worker.log);
    return worker.name;
  });
  offer('time jumps', () => {
    const worker = random.pick(active);
    const ms = random.pick(world.isPartitioned ? PARTITIONED_JUMPS_MS : JUMPS_MS);
    worker.clock.jump(ms);
    return `${worker.name} by ${ms} ms`;
  });
  offer('graceful stop', () => {
    const worker = random.pick(active);
    worker.stop();
    return worker.name;
  });
}

function offerKafkaFaults(world: World, offer: OfferFault): void {
  const {random, group} = world;
  const members = world.alive.filter(({log}) => group.has(log));
  if (members.length > 0) {
    offer('unasked rebalance', () => group.rebalance(random));
    // The member has not been notified, so it continues to fetch and apply.
    offer('eviction', () => {
      const worker = random.pick(members);
      group.leave(worker.log);
      return worker.name;
    });
  }
  if (world.isKafkaReachable) {
    offer('Kafka away', () => {
      world.isKafkaReachable = false;
      return 'no broker responds';
    });
  }
  const committing = world.alive.filter(
    ({isActive, log}) => isActive && log.calls[0]?.name === 'commitOffsets',
  );
  if (committing.length > 0) {
    offer('offset commit fails', () => {
      const worker = random.pick(committing);
      worker.log.answer({isReachable: false});
      return worker.name;
    });
  }
  offerFetchFaults(world, offer);
}

function offerFetchFaults(world: World, offer: OfferFault): void {
  const {random, topic} = world;
  const places = world.alive
    .filter(({isActive, log}) => isActive && log.isRunning)
    .flatMap((worker) => worker.log.idle().map((place) => ({worker, ...place})))
    .filter(({partition}) => topic.range(partition).high > 0n);
  const anywhere = (partition: number): bigint =>
    BigInt(random.int(0, Number(topic.range(partition).high) - 1));
  const reading = places.filter(({isHeld}) => !isHeld);
  const recordsMax = random.pick([1, 3, 20]);
  if (reading.length > 0) {
    offer('fetch jumps', () => {
      const {worker, partition} = random.pick(reading);
      return `${worker.name} ${worker.log.deliver(partition, {recordsMax, fetchOffset: anywhere(partition)})}`;
    });
  }
  if (places.length > 0) {
    offer('late batch', () => {
      const {worker, partition} = random.pick(places);
      const fetchOffset = anywhere(partition);
      return `${worker.name} ${worker.log.deliver(partition, {recordsMax, fetchOffset, isLate: true})}`;
    });
  }
}

/** The maximum number of resends in one run (bad records: twice as many), so that the topic stays small. */
const LOG_FAULTS_MAX = 4;

function offerLogFaults(world: World, offer: OfferFault): void {
  const {random, topic, shop, written} = world;
  offer('offset gap', () => {
    const partition = random.pick(topic.partitions);
    topic.skip(partition, BigInt(random.int(1, 3)));
    return `in ${partition}`;
  });
  if ((world.faultCounts.get('bad record') ?? 0) < 2 * LOG_FAULTS_MAX) {
    offer('bad record', () => {
      const event = shop.bad();
      world.write(event);
      return `in ${event.partition}`;
    });
  }
  if (written.length > 0 && (world.faultCounts.get('Debezium goes back') ?? 0) < LOG_FAULTS_MAX) {
    offer('Debezium goes back', () => {
      const again = written.slice(-random.int(1, Math.min(20, written.length)));
      world.write(...again);
      return `by ${again.length} records`;
    });
  }
}

/** Ends all faults: servers become reachable, frozen workers resume, and at least one worker runs. */
export function heal(world: World): string[] {
  world.calm();
  world.isKafkaReachable = true;
  world.isRedisReachable = true;
  for (const {life} of world.workers) life.isFrozen = false;
  const {server} = world;
  server.redis.trouble = undefined;
  for (const key of [...server.foreign.keys()]) if (!world.isCorruptKey(key)) server.repair(key);
  const actions = ['all faults end'];
  if (world.alive.every(({isStopping}: SimWorker) => isStopping)) actions.push(world.startWorker());
  return actions;
}
