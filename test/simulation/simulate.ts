/**
 * One run of the simulation: a seed decides everything that happens, so the same seed makes the same run.
 *
 * A storm of everyday actions and faults, then calm: no faults any more, at least one worker lives, everything settles. Redis is
 * compared with the fold of the log after every script; at the end positions, quarantine and the workers' books are, too.
 */
import {everydayOffers, sleepOffers} from './everyday.js';
import {applyChunk} from './fakeApply.js';
import type {ApplyFunction} from './fakeRedis.js';
import {faultOffers, heal} from './faults.js';
import type {Fault} from './plan.js';
import {Violation} from './violation.js';
import {World, type Offer} from './world.js';

export interface Outcome {
  readonly seed: number;
  /** What must not happen and did; undefined when all was well. */
  readonly failure: string | undefined;
  /** What happened, one line each. */
  readonly actions: readonly string[];
  readonly faults: ReadonlyMap<Fault, number>;
}

export interface SimulationOptions {
  /** Another apply script, to see that its faults are found. */
  readonly apply?: ApplyFunction;
  /** A Kafka client that jumps without a word. */
  readonly hidesJumps?: boolean;
}

/** So many actions must be enough for everything to settle. */
const CALM_STEPS_MAX = 4_000;
const ACK_ROUNDS_MS = 11_000;

export async function simulate(
  seed: number,
  {apply = applyChunk, hidesJumps = false}: SimulationOptions = {},
): Promise<Outcome> {
  const world = new World(seed, apply);
  world.topic.hidesJumps = hidesJumps;
  const actions: string[] = [];
  let failure: string | undefined;
  try {
    await storm(world, actions);
    await settle(world, actions);
    await stopAll(world, actions);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    failure = error.message;
  }
  return {seed, failure, actions, faults: world.faultCounts};
}

async function storm(world: World, actions: string[]): Promise<void> {
  for (let step = 0; step < world.plan.steps; step++) {
    const faults = world.random.chance(world.plan.faultShare) ? faultOffers(world) : [];
    const offers = faults.length > 0 ? faults : [...everydayOffers(world), ...sleepOffers(world)];
    await take(world, offers, actions);
  }
}

/** Until every partition stands at its end, and every worker has looked at Redis twice more. */
async function settle(world: World, actions: string[]): Promise<void> {
  actions.push(...heal(world));
  await rest();
  const calmedMs = new Map(world.workers.map(({name, clock}) => [name, clock.nowMs()]));
  const hasRested = (): boolean =>
    world.alive.every(({name, clock}) => clock.nowMs() - (calmedMs.get(name) ?? 0) >= ACK_ROUNDS_MS);
  for (let step = 0; step < CALM_STEPS_MAX; step++) {
    const offers = everydayOffers(world);
    if (offers.length === 0 && isAtEnd(world) && hasRested()) {
      world.server.check();
      return;
    }
    await take(world, offers.length > 0 ? offers : sleepOffers(world), actions);
  }
  const positions = world.topic.partitions.map((partition) => world.server.position(partition));
  throw new Violation(`hangs: positions ${positions.join()} instead of ${ends(world).join()}`);
}

/** Every worker stops when it is told to, with everything acked, and nothing changes any more. */
async function stopAll(world: World, actions: string[]): Promise<void> {
  const stopped = world.alive.map((worker) => ({worker, partitions: worker.log.assigned()}));
  for (const {worker} of stopped) worker.stop();
  actions.push('all workers are told to stop');
  await rest();
  for (let step = 0; stopped.some(({worker}) => worker.isAlive); step++) {
    const offers = everydayOffers(world).filter(() => world.alive.length > 0);
    if (step > CALM_STEPS_MAX || offers.length === 0) throw new Violation('a stop hangs (I12)');
    await take(world, offers, actions);
  }
  world.server.check();
  for (const {worker, partitions} of stopped) {
    for (const partition of partitions) {
      const [committing, position] = [worker.log.committing.get(partition), world.server.position(partition)];
      if (committing !== position) {
        throw new Violation(
          `${worker.name} acked ${committing} of ${partition}, applied is ${position} (I12)`,
        );
      }
    }
  }
  requireCount(world);
}

/** Where no outcome can have got lost, all workers together count every record once; in fair weather none reads twice. */
function requireCount(world: World): void {
  if (world.mayMiscount) return;
  const tallies = world.workers.map(({projector}) => projector.counts);
  if (world.plan.isFair && tallies.some(({positionResets}) => positionResets > 0)) {
    throw new Violation('a position was read again without a reason');
  }
  const counted = tallies.reduce(
    (sum, {applied, ignored, quarantined}) => sum + applied + ignored + quarantined,
    0,
  );
  if (counted === world.written.length) return;
  throw new Violation(`the workers count ${counted} records, the log holds ${world.written.length} (I6)`);
}

function ends(world: World): bigint[] {
  return world.topic.partitions.map((partition) => world.topic.end(partition));
}

function isAtEnd(world: World): boolean {
  return ends(world).every((end, partition) => world.server.position(partition) === end);
}

/** One of the offers, by weight; then everyone thinks until nobody has anything left to do by himself. */
async function take(world: World, offers: readonly Offer[], actions: string[]): Promise<void> {
  const total = offers.reduce((sum, {weight}) => sum + weight, 0);
  let left = world.random.next() * total;
  const chosen = offers.find(({weight}) => (left -= weight) < 0) ?? offers.at(-1);
  if (chosen === undefined) throw new Violation('nothing can happen any more');
  const action = chosen.act();
  await rest();
  actions.push(action + world.lastFailpoint);
  world.lastFailpoint = '';
  if (world.violation !== undefined) throw world.violation;
}

/** All promises that can go on have gone on. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
