/** The simulation in the layout `partitioned`, whose slots lose writes one by one. */
import {MERGE_MUTANTS} from './mergeMutants.js';
import {expectFound, expectRepeatable, runSeeds} from './seeds.js';
import {inTier} from '../support/tier.js';

const SEEDS = inTier({test: 150, soak: 10_000});
/** Much longer than the seeds take, because a busy machine is slower. */
const SEEDS_TIMEOUT_MS = inTier({test: 600_000, soak: 7_200_000});

test(
  `${SEEDS} seeds: orders equal the topic up to the positions, reports up to the merged offsets, although slots lose writes (I1, I18, C1, C2)`,
  async () => await runSeeds('partitioned', SEEDS),
  SEEDS_TIMEOUT_MS,
);

test('the same seed gives the same run', async () => await expectRepeatable('partitioned'));

describe('the simulation finds a fault within 1,000 seeds (I18)', () => {
  test.each(Object.entries(MERGE_MUTANTS))('%s', async (_name, {scripts = {}, change, from = 1}) => {
    const undo = change?.();
    try {
      await expectFound({from, count: 1_000}, {layout: 'partitioned', scripts});
    } finally {
      undo?.();
    }
  });
});
