/**
 * Short forms of `npm run chaos` in the layout `partitioned`: on one Redis, and on a Redis Cluster with failovers, masters that are cut off,
 * and slots that move. Only on native servers: the nodes of a cluster are processes.
 */
import {chaos, stopChaos, verdict} from '../support/chaos.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {testStack} from '../support/stack.js';
import {inTier} from '../support/tier.js';

const MINUTES = inTier({test: 0.5, soak: 10});
const TIMEOUT_MS = 480_000 + MINUTES * 60_000;
const SEEDS = 1_000_000_000;
const seed = chosenSeed() % SEEDS;
const FAULTS = {
  partitioned: ['Redis link lost replies', 'FLUSHALL'],
  cluster: [
    'failover with lost writes',
    'slot moved',
    'master cut off',
    'master SIGSTOP, failover',
    ...inTier({test: [], soak: ['master SIGKILL, failover']}),
  ],
};

afterAll(stopChaos);

describe(`npm run chaos, seed ${seed}`, () => {
  (whyNoOwnRedis() === undefined ? test : test.skip).each(['partitioned', 'cluster'] as const)(
    'with --redis %s, the read model equals MySQL, the fold of the topic and a rebuild (F04, F90, F91, F92) (G1, G2, G4, G6)',
    async (redis) => {
      // The nodes of a cluster are processes, so these runs need native servers.
      const mode = redis === 'cluster' ? 'native' : testStack().mode;
      const {code, output} = await chaos([
        ...['--seed', String(seed), '--minutes', String(MINUTES), '--redis', redis],
        ...[`--${mode}`, '--name', `chaos-${redis}-${process.pid}`],
      ]);

      if (code !== 0) throw new Error(`the run ended with exit code ${code ?? '?'}:\n${verdict(output)}`);
      expect(output).toMatch(/^0 differences at (?:one quiet point|\d+ quiet points): .*`projector verify`/m);
      expect(FAULTS[redis].filter((fault) => !output.includes(`  ${fault} `))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test('a cluster cannot run in containers: exit code 2', async () => {
    expect(await chaos(['--redis', 'cluster', '--docker'])).toEqual({
      code: 2,
      output:
        'chaos: --redis cluster needs --native, because its nodes are processes\nSee: npm run chaos -- --help\n',
    });
  });
});
