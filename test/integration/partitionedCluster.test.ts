/** Workers on a real Redis Cluster of three masters with replicas: failovers that lose writes, and slots that move under load. */
import {isDeepStrictEqual} from 'node:util';
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import {longRun} from '../support/arbitraries.js';
import {useClusterBench} from '../support/clusterBench.js';
import {TOPIC} from '../support/redisBench.js';
import {whyNoOwnRedis, type OwnRedis} from '../support/redisServer.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';

/** A key of each slot that a worker writes. */
const KEYS = {orders: '{test:1}:', reports: '{test}:'} as const;
const RECORDS = 400;

(whyNoOwnRedis() === undefined ? describe : describe.skip)('workers on a cluster', () => {
  const own = useClusterBench();
  afterEach(async () => await own.bench.reset());

  test('a worker applies the topic while it grows', async () => {
    const log = longRun(1, RECORDS);
    own.bench.write(log.slice(0, 200));
    await own.bench.soleWorker();
    await own.bench.expectExact();
    own.bench.write(log.slice(200));
    await own.bench.expectExact();
  });

  async function stateAt(node: OwnRedis, name: keyof typeof KEYS): Promise<unknown> {
    const redis = own.cluster.on(node);
    await redis.readonly();
    return name === 'orders'
      ? await redis.get(`${KEYS.orders}projector:position:${TOPIC}:1`)
      : await redis.hgetall(`${KEYS.reports}report:totals`);
  }

  describe.each(['orders', 'reports'] as const)('the slot of %s', (name) => {
    const failovers = Array.from({length: inTier({test: 2, soak: 20})}, (_, index) => ({nth: index + 1}));

    test.each(failovers)(
      'loses its newest writes in a failover ($nth): exact without a command (F90) (I1, I18)',
      async ({nth}) => {
        const log = longRun(100 + nth, RECORDS);
        own.bench.write(log.slice(0, 200));
        const worker = await own.bench.soleWorker();
        await own.bench.expectExact();
        const master = await own.cluster.masterOf(KEYS[name]);
        const replica = await own.cluster.replicaOf(master);
        // A replica that has just been restarted has the data of an earlier test until it is in sync.
        await until(
          async () => isDeepStrictEqual(await stateAt(replica, name), await stateAt(master, name)),
          () => 'the replica to have the state of its master',
        );
        await own.cluster.detach(replica, master);
        own.bench.write(log.slice(200, 300));
        await own.bench.caughtUp();
        await own.bench.merged();
        // The replica has an older state, so the failover loses writes.
        expect(await stateAt(replica, name)).not.toEqual(await stateAt(master, name));
        await own.cluster.kill(master);
        await own.cluster.becomesMaster(replica);
        await own.cluster.attach(replica);
        own.bench.write(log.slice(300));
        await own.bench.expectExact();
        expect(worker.projector.counts.positionResets).toBeGreaterThan(0);
        await own.cluster.restart(master);
        await own.cluster.settled();
      },
      120_000,
    );

    test('moves to another node while records are applied (F91)', async () => {
      own.bench.write(longRun(200, 2 * RECORDS));
      const worker = await own.bench.soleWorker();
      const from = await own.cluster.masterOf(KEYS[name]);
      const to = (await own.cluster.masters()).find((node) => node !== from)!;
      await own.bench.midway(60n);
      await own.cluster.migrate(slotOf(KEYS[name]), {from, to});
      await own.bench.expectExact();
      expect(worker.messages.filter((message) => /halted|held/.test(message))).toEqual([]);
      await until(
        async () => (await own.cluster.masterOf(KEYS[name])) === to,
        () => 'the slot to be on the other node',
      );
    }, 120_000);
  });
});
