/** Workers on a real Redis Cluster while a master is demoted, hangs, or restarts: they wait, and are exact without a command. */
import {RedisClient, type Script} from '../../src/clients/redis/client.js';
import {longRun} from '../support/arbitraries.js';
import {notified} from '../support/ownBench.js';
import {useClusterBench} from '../support/clusterBench.js';
import {whyNoOwnRedis, type OwnRedis} from '../support/redisServer.js';
import type {Worker} from '../support/workerBench.js';

/** A key of each slot that a worker writes. */
const SLOTS = [
  {name: 'orders', key: '{test:1}:'},
  {name: 'reports', key: '{test}:'},
];
const COUNT: Script = {name: 'testCount', lua: `return redis.call('INCR', KEYS[1])`};

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: faults of a Redis Cluster. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('workers on a cluster with faults', () => {
  const own = useClusterBench();
  afterEach(async () => {
    for (const node of own.cluster.nodes.filter(({isRunning}) => isRunning)) own.cluster.thaw(node);
    await own.cluster.settled();
    await own.bench.reset();
  }, 60_000);

  /** Makes the replica of a master the new master, without a loss of writes. */
  const demote = async (master: OwnRedis): Promise<void> => {
    const replica = await own.cluster.replicaOf(master);
    await own.cluster.on(replica).cluster('FAILOVER');
    await own.cluster.becomesMaster(replica);
    expect(await own.cluster.on(master).info('replication')).toContain('role:slave');
  };
  /** Starts a worker on a topic that is applied in part when this resolves. */
  const startMidway = async (): Promise<Worker> => {
    const worker = await own.bench.soleWorker({timeoutMs: 1_000});
    await own.bench.midway(60n);
    return worker;
  };
  /** Expects that everything is exact, and that the worker neither halted nor held a partition. */
  const expectSound = async (worker: Worker): Promise<void> => {
    await own.bench.expectExact();
    expect(worker.messages.filter((message) => /halted|held/.test(message))).toEqual([]);
    await expect(worker.stop()).resolves.toBeUndefined();
  };

  test('scripts that are sent to a master while it is demoted run once each, in order (F35) (I4, S6)', async () => {
    const client = new RedisClient({
      url: own.cluster.url,
      timeoutMs: 5_000,
      clusterNodes: own.cluster.places,
    });
    try {
      await client.connect();
      const master = await own.cluster.masterOf('{test:1}:');
      const replies: Promise<unknown>[] = [];
      const send = (): void => void replies.push(client.run(COUNT, '{test:1}:count', []));
      const timer = setInterval(send, 2);
      // The client keeps the old slots until a command is redirected.
      await demote(master).finally(() => clearInterval(timer));
      send();
      expect(await Promise.all(replies)).toEqual(replies.map((_, index) => index + 1));
    } finally {
      client.close();
    }
  }, 60_000);

  describe.each(SLOTS)('the master of the $name', ({key}) => {
    test('is demoted while records are applied: the worker continues at the new master (F35)', async () => {
      const log = longRun(301, 600);
      own.bench.write(log.slice(0, 300));
      const worker = await startMidway();
      const master = await own.cluster.masterOf(key);
      own.bench.write(log.slice(300, 450));
      await demote(master);
      own.bench.write(log.slice(450));
      await expectSound(worker);
      expect(worker.projector.counts.positionResets).toBe(0);
    }, 60_000);

    test('hangs, is replaced by its replica and returns with its old state (F40, F90)', async () => {
      const log = longRun(302, 600);
      own.bench.write(log.slice(0, 300));
      const worker = await startMidway();
      const master = await own.cluster.masterOf(key);
      const replica = await own.cluster.replicaOf(master);
      own.cluster.freeze(master);
      own.bench.write(log.slice(300, 450));
      await notified(worker, /^waiting: .*"redis-unreachable"/);
      await own.cluster.becomesMaster(replica);
      await own.bench.caughtUp();
      own.cluster.thaw(master);
      own.bench.write(log.slice(450));
      await expectSound(worker);
      await notified(worker, /^recovered: /);
    }, 60_000);

    test('restarts without a failover: the worker waits until it accepts commands again (F36)', async () => {
      const log = longRun(303, 600);
      own.bench.write(log.slice(0, 300));
      const worker = await startMidway();
      const master = await own.cluster.masterOf(key);
      const replica = await own.cluster.replicaOf(master);
      await own.cluster.on(replica).config('SET', 'cluster-replica-no-failover', 'yes');
      try {
        await own.cluster.kill(master);
        own.bench.write(log.slice(300));
        await notified(worker, /^waiting: .*"redis-unreachable"/);
        // For two seconds after its start, a master returns CLUSTERDOWN.
        await own.cluster.restart(master);
        await expectSound(worker);
        expect(await own.cluster.masterOf(key)).toBe(master);
      } finally {
        await own.cluster.on(replica).config('SET', 'cluster-replica-no-failover', 'no');
      }
    }, 60_000);
  });
});
