/**
 * Runs `npm run chaos` on servers of its own. The run contains a burst of SIGKILLs, a rollback of Redis, a
 * zombie worker, a killed broker, lost replies, a flushed Redis, and faults that the seed picks.
 *
 * `SEED=... npm test -- chaos` repeats the same faults, but not their timing.
 */
import {chaos, stopChaos, verdict} from '../support/chaos.js';
import {chosenSeed} from '../support/random.js';
import {testStack} from '../support/stack.js';
import {inTier} from '../support/tier.js';

const MINUTES = inTier({test: 1, soak: 30});
const KILLS_MIN = inTier({test: 10, soak: 100});
const SEEDS = 1_000_000_000;
const TIMEOUT_MS = 480_000 + MINUTES * 60_000;
const seed = chosenSeed() % SEEDS;

afterAll(stopChaos);

describe(`npm run chaos, seed ${seed}`, () => {
  test(
    'after every kind of fault the read model equals MySQL, the fold of the topic and a rebuild (F04, F07, F14, F28, F31, F44, F88) (G1, G2, G4, G5, G6, G7, G8)',
    async () => {
      const {mode} = testStack();
      const name = `chaos-test-${process.pid}`;
      const {code, output} = await chaos([
        ...['--seed', String(seed), '--minutes', String(MINUTES), '--kills', String(KILLS_MIN)],
        ...[`--${mode}`, '--name', name],
      ]);

      if (code !== 0) throw new Error(`the run ended with exit code ${code ?? '?'}:\n${verdict(output)}`);
      expect(output).toMatch(/^0 differences at (?:one quiet point|\d+ quiet points): /m);
      expect(Number(/(\d+) ended by SIGKILL/.exec(output)?.[1])).toBeGreaterThanOrEqual(KILLS_MIN);
      const faults = ['worker frozen past session', 'kafka killed', 'Redis link lost replies', 'FLUSHALL'];
      if (mode === 'native') faults.push('Redis rolled back');
      expect(faults.filter((fault) => !output.includes(`  ${fault} `))).toEqual([]);
      process.stderr.write(
        `chaos: ${/faults: .*/.exec(output)?.[0] ?? ''}, ${/shop: (\d+ transactions)/.exec(output)?.[1] ?? ''}, seed ${seed}\n`,
      );
    },
    TIMEOUT_MS,
  );

  test('an invalid argument ends the run with exit code 2 and an error that names the allowed range', async () => {
    const {code, output} = await chaos(['--minutes', 'soon']);

    expect(code).toBe(2);
    expect(output).toBe('chaos: --minutes must be a number from 0.5 to 1440\nSee: npm run chaos -- --help\n');
  });
});
