/** Whole workers with a simulated Kafka, Redis and clock. Each seed is a run with its own faults. */
import {MUTANTS} from './mutants.js';
import {expectFound, expectRepeatable, runSeeds} from './seeds.js';
import type {SimulationOptions} from './simulate.js';
import {inTier} from '../support/tier.js';

const SEEDS = inTier({test: 10_000, soak: 100_000});
/** Much longer than the seeds take, because a busy machine is slower. */
const SEEDS_TIMEOUT_MS = inTier({test: 600_000, soak: 7_200_000});

test(
  `${SEEDS} seeds: Redis equals the fold of the topic after every script, and no record is lost at the end (I1, I3, I4, I6, I7, C1, C2, S3)`,
  async () => await runSeeds('single', SEEDS),
  SEEDS_TIMEOUT_MS,
);

test('the same seed gives the same run', async () => await expectRepeatable('single'));

describe('the simulation finds a fault within 300 seeds', () => {
  const faults: readonly [string, SimulationOptions][] = [
    ...Object.entries(MUTANTS).map(([name, apply]): [string, SimulationOptions] => [
      name,
      {scripts: {projectorApply: apply}},
    ]),
    ['the Kafka client fetches from a wrong offset and reports the right one', {hidesJumps: true}],
  ];
  test.each(faults)('%s', async (_name, options) => await expectFound({from: 1, count: 300}, options));
});
