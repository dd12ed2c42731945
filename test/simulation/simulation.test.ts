/** Whole workers with a simulated Kafka, Redis and clock: 10,000 seeds, each a run with its own faults. */
import {MUTANTS} from './mutants.js';
import {FAULT_NAMES, type Fault} from './plan.js';
import {simulate, type Outcome, type SimulationOptions} from './simulate.js';
import {inTier} from '../support/tier.js';

const SEEDS = inTier({test: 10_000, soak: 100_000});
/** The seeds take about a minute. The timeout is much longer, because a busy machine is slower. */
const SEEDS_TIMEOUT_MS = inTier({test: 600_000, soak: 7_200_000});

function notified({seed, failure, actions}: Outcome): string {
  return [
    ...actions.slice(-200),
    `seed ${seed}: ${failure ?? 'passed'}; run it again: npm run simulate -- --seed ${seed}`,
  ].join('\n');
}

test(
  `${SEEDS} seeds: Redis equals the fold of the topic after every script, and no record is lost at the end (I1, I3, I4, I6, I7, C1, C2, S3)`,
  async () => {
    const faults = new Map<Fault, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await simulate(seed);
      if (outcome.failure !== undefined) throw new Error(notified(outcome));
      for (const [fault, count] of outcome.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
    }
    expect(FAULT_NAMES.filter((fault) => (faults.get(fault) ?? 0) < SEEDS / 20)).toEqual([]);
  },
  SEEDS_TIMEOUT_MS,
);

test('the same seed gives the same run, action by action', async () => {
  for (const seed of [3, 33, 333, 3_333]) {
    const [first, again] = [await simulate(seed), await simulate(seed)];
    expect(again.actions).toEqual(first.actions);
    expect(first.actions.length).toBeGreaterThan(20);
  }
});

describe('the simulation finds a fault within 300 seeds', () => {
  const faults: readonly [string, SimulationOptions][] = [
    ...Object.entries(MUTANTS).map(([name, apply]): [string, SimulationOptions] => [name, {apply}]),
    ['the Kafka client fetches from a wrong offset and reports the right one', {hidesJumps: true}],
  ];
  test.each(faults)('%s', async (_name, options) => {
    let found: Outcome | undefined;
    for (let seed = 1; seed <= 300 && found === undefined; seed++) {
      const outcome = await simulate(seed, options);
      if (outcome.failure !== undefined) found = outcome;
    }
    expect(found?.failure).toMatch(/./);
  });
});
