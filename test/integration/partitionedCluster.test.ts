/** Workers on a real Redis Cluster of three masters with replicas: failovers that lose writes, and slots that move under load. */
import {isDeepStrictEqual} from 'node:util';
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import {longRun} from '../support/arbitraries.js';
import {RedisCluster} from '../support/redisCluster.js';
import {TOPIC} from '../support/redisBench.js';
import {whyNoOwnRedis, type OwnRedis} from '../support/redisServer.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {WorkerBench} from '../support/workerBench.js';

/** A key of each slot that a worker writes. */
const KEYS = {orders: '{test:1}:', reports: '{test}:'} as const;
const RECORDS = 400;

(whyNoOwnRedis() === undefined ? describe : describe.skip)('workers on a cluster', () => {
  let cluster: RedisCluster;
  let bench: WorkerBench;
  beforeAll(async () => {
    cluster = await RedisCluster.open();
    bench = await WorkerBench.open(0, cluster.url, {isPartitioned: true, clusterNodes: cluster.places});
  }, 60_000);
  afterEach(async () => await bench.reset());
  afterAll(async () => {
    await bench.close();
    await cluster.close();
  });

  test('a worker applies the topic while it grows', async () => {
    const log = longRun(1, RECORDS);
    bench.write(log.slice(0, 200));
    await bench.soleWorker();
    await bench.expectExact();
    bench.write(log.slice(200));
    await bench.expectExact();
  });

  async function stateAt(node: OwnRedis, name: keyof typeof KEYS): Promise<unknown> {
    const redis = cluster.on(node);
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
        bench.write(log.slice(0, 200));
        const worker = await bench.soleWorker();
        await bench.expectExact();
        const master = await cluster.masterOf(KEYS[name]);
        const replica = await cluster.replicaOf(master);
        // A replica that has just been restarted has the data of an earlier test until it is in sync.
        await until(
          async () => isDeepStrictEqual(await stateAt(replica, name), await stateAt(master, name)),
          () => 'the replica to have the state of its master',
        );
        await cluster.detach(replica, master);
        bench.write(log.slice(200, 300));
        await bench.caughtUp();
        await bench.merged();
        // The replica has an older state, so the failover loses writes.
        expect(await stateAt(replica, name)).not.toEqual(await stateAt(master, name));
        await cluster.kill(master);
        await cluster.becomesMaster(replica);
        await cluster.attach(replica);
        bench.write(log.slice(300));
        await bench.expectExact();
        expect(worker.projector.counts.positionResets).toBeGreaterThan(0);
        await cluster.restart(master);
        await cluster.settled();
      },
      120_000,
    );

    test('moves to another node while records are applied (F91)', async () => {
      bench.write(longRun(200, 2 * RECORDS));
      const worker = await bench.soleWorker();
      const from = await cluster.masterOf(KEYS[name]);
      const to = (await cluster.masters()).find((node) => node !== from)!;
      await bench.midway(60n);
      await cluster.migrate(slotOf(KEYS[name]), {from, to});
      await bench.expectExact();
      expect(worker.messages.filter((message) => /halted|held/.test(message))).toEqual([]);
      await until(
        async () => (await cluster.masterOf(KEYS[name])) === to,
        () => 'the slot to be on the other node',
      );
    }, 120_000);
  });
});
