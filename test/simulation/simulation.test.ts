/** Whole workers with a simulated Kafka, Redis and clock: 10,000 seeds, each a run with its own faults. */
import type {KeyLayout} from '../../src/redis-model/keys.js';
import {MERGE_MUTANTS} from './mergeMutants.js';
import {MUTANTS} from './mutants.js';
import {faultsOf, type Fault} from './plan.js';
import {simulate, type Outcome, type SimulationOptions} from './simulate.js';
import {inTier} from '../support/tier.js';

const SEEDS = inTier({test: 10_000, soak: 100_000});
const PARTITIONED_SEEDS = inTier({test: 150, soak: 10_000});
/** The seeds take about a minute. The timeout is much longer, because a busy machine is slower. */
const SEEDS_TIMEOUT_MS = inTier({test: 600_000, soak: 7_200_000});

async function runSeeds(layout: KeyLayout, seeds: number): Promise<void> {
  const faults = new Map<Fault, number>();
  for (let seed = 1; seed <= seeds; seed++) {
    const outcome = await simulate(seed, {layout});
    if (outcome.failure !== undefined) throw new Error(described(layout, outcome));
    for (const [fault, count] of outcome.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
  }
  expect(faultsOf(layout).filter((fault) => (faults.get(fault) ?? 0) < seeds / 20)).toEqual([]);
}

function described(layout: KeyLayout, {seed, failure, actions}: Outcome): string {
  const command = `npm run simulate -- --layout ${layout} --seed ${seed}`;
  return [...actions.slice(-200), `seed ${seed}: ${failure ?? 'passed'}; run it again: ${command}`].join(
    '\n',
  );
}

test(
  `${SEEDS} seeds: Redis equals the fold of the topic after every script, and no record is lost at the end (I1, I3, I4, I6, I7, C1, C2, S3)`,
  async () => await runSeeds('single', SEEDS),
  SEEDS_TIMEOUT_MS,
);

test(
  `${PARTITIONED_SEEDS} seeds in the layout \`partitioned\`: orders equal the topic up to the positions, reports up to the merged offsets, although slots lose writes (I1, I18, C1, C2)`,
  async () => await runSeeds('partitioned', PARTITIONED_SEEDS),
  SEEDS_TIMEOUT_MS,
);

test.each(['single', 'partitioned'] as const)(
  'the same seed gives the same run in the layout %s',
  async (layout) => {
    for (const seed of [3, 33, 333, 3_333]) {
      const [first, again] = [await simulate(seed, {layout}), await simulate(seed, {layout})];
      expect(again.actions).toEqual(first.actions);
      expect(first.actions.length).toBeGreaterThan(20);
    }
  },
);

describe('the simulation finds a fault within 300 seeds', () => {
  const faults: readonly [string, SimulationOptions][] = [
    ...Object.entries(MUTANTS).map(([name, apply]): [string, SimulationOptions] => [
      name,
      {scripts: {projectorApply: apply}},
    ]),
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

describe('in the layout `partitioned`, the simulation finds a fault within 1,000 seeds (I18)', () => {
  test.each(Object.entries(MERGE_MUTANTS))('%s', async (_name, {scripts = {}, change, from = 1}) => {
    const undo = change?.();
    let found: Outcome | undefined;
    for (let seed = from; seed < from + 1_000 && found === undefined; seed++) {
      const outcome = await simulate(seed, {layout: 'partitioned', scripts});
      if (outcome.failure !== undefined) found = outcome;
    }
    undo?.();
    expect(found?.failure).toMatch(/./);
  });
});
