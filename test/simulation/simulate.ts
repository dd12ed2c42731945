/**
 * One run of the simulation. The seed decides everything that happens, so the same seed gives the same run.
 *
 * First there are everyday actions and faults. Then the faults end, at least one worker runs, and everything
 * settles. After every script, Redis is compared with the fold of the topic. At the end, the positions, the
 * quarantine and the counts of the workers are checked too.
 */
import {everydayOffers, sleepOffers} from './everyday.js';
import type {KeyLayout} from '../../src/redis-model/keys.js';
import {SCRIPTS, type Scripts} from './fakeRedis.js';
import {faultOffers, heal} from './faults.js';
import type {Fault} from './plan.js';
import {Violation} from './violation.js';
import {World, type Offer} from './world.js';

export interface Outcome {
  readonly seed: number;
  /** The rule that was violated; undefined if the run passed. */
  readonly failure: string | undefined;
  /** The actions of the run, one line each. */
  readonly actions: readonly string[];
  readonly faults: ReadonlyMap<Fault, number>;
  /** How often reports were lost, where docs/decisions/two-positions.md says that this can happen. */
  readonly reportLosses: number;
}

export interface SimulationOptions {
  readonly layout?: KeyLayout;
  /** Scripts with a fault, to check that the simulation finds it. */
  readonly scripts?: Partial<Scripts>;
  /** A Kafka client that fetches from a wrong offset and reports the offset that was asked for. */
  readonly hidesJumps?: boolean;
}

/** The number of actions after which everything must have settled. */
const CALM_STEPS_MAX = 4_000;
const ACK_ROUNDS_MS = 11_000;

export async function simulate(
  seed: number,
  {layout = 'single', scripts, hidesJumps = false}: SimulationOptions = {},
): Promise<Outcome> {
  const world = new World(seed, {layout, scripts: {...SCRIPTS, ...scripts}});
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
  return {seed, failure, actions, faults: world.faultCounts, reportLosses: world.reportLosses};
}

async function storm(world: World, actions: string[]): Promise<void> {
  for (let step = 0; step < world.plan.steps; step++) {
    const faults = world.random.chance(world.plan.faultShare) ? faultOffers(world) : [];
    const offers = faults.length > 0 ? faults : [...everydayOffers(world), ...sleepOffers(world)];
    await take(world, offers, actions);
  }
}

/** Runs until every partition is applied to its end, and every worker has checked Redis twice more. */
async function settle(world: World, actions: string[]): Promise<void> {
  actions.push(...heal(world));
  await rest();
  const calmedMs = new Map(world.workers.map(({name, clock}) => [name, clock.nowMs()]));
  const hasRested = (): boolean =>
    world.alive.every(
      ({name, clock}) => clock.nowMs() - (calmedMs.get(name) ?? 0) >= ACK_ROUNDS_MS && !clock.hasOverdue,
    );
  for (let step = 0; step < CALM_STEPS_MAX; step++) {
    actions.push(...world.replayLostReports(), ...world.restartHolding());
    // A worker that was started just now has its whole rest before it.
    for (const {name, clock} of world.alive) if (!calmedMs.has(name)) calmedMs.set(name, clock.nowMs());
    const offers = everydayOffers(world);
    if (offers.length === 0 && isAtEnd(world) && hasRested()) {
      world.server.check();
      return;
    }
    await take(world, offers.length > 0 ? offers : sleepOffers(world), actions);
  }
  const offsets = world.topic.partitions.map(
    (partition) => `${world.server.position(partition)}/${world.server.merged(partition)}`,
  );
  throw new Violation(`hangs: positions ${offsets.join()} instead of ${ends(world).join()}`);
}

/** Stops every worker. Each must end with its offsets committed, and Redis must not change any more. */
async function stopAll(world: World, actions: string[]): Promise<void> {
  const stopped = world.alive.map((worker) => ({worker, partitions: worker.log.assigned()}));
  for (const {worker} of stopped) worker.stop();
  actions.push('all workers receive a stop signal');
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
          `${worker.name} committed ${committing} of ${partition}, but the position is ${position} (I12)`,
        );
      }
    }
  }
  requireCount(world);
}

/**
 * If no outcome can be lost, the workers together have counted every record once. Without faults that require
 * it, no worker has read a position again.
 */
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
  throw new Violation(`the workers counted ${counted} records, the topic holds ${world.written.length} (I6)`);
}

function ends(world: World): bigint[] {
  return world.topic.partitions.map((partition) => world.topic.end(partition));
}

function isAtEnd(world: World): boolean {
  const {server} = world;
  return ends(world).every(
    (end, partition) => server.position(partition) === end && server.merged(partition) === end,
  );
}

/**
 * Executes one of the offers, chosen by weight, and then waits until no worker can continue without another
 * action.
 */
async function take(world: World, offers: readonly Offer[], actions: string[]): Promise<void> {
  const total = offers.reduce((sum, {weight}) => sum + weight, 0);
  let left = world.random.next() * total;
  const chosen = offers.find(({weight}) => (left -= weight) < 0) ?? offers.at(-1);
  if (chosen === undefined) throw new Violation('nothing can happen any more');
  const action = chosen.act();
  await rest();
  actions.push(action + world.lastFailpoint);
  world.lastFailpoint = '';
  world.holding();
  if (world.violation !== undefined) throw world.violation;
}

/** Waits until all promises that can continue have continued. */
async function rest(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
