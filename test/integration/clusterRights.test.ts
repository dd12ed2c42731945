/**
 * Workers on a real Redis Cluster with the user of deploy/acl/redis-cluster.acl. A right that is missing on one node halts the worker with
 * `redis-denied`, and changes nothing on that node.
 */
import {longRun} from '../support/arbitraries.js';
import {useClusterBench} from '../support/clusterBench.js';
import {clusterRules} from '../support/redisRights.js';
import {whyNoOwnRedis, type OwnRedis} from '../support/redisServer.js';
import type {Worker} from '../support/workerBench.js';

const SECRET = 'Zq7Secret';
const WRONG = 'Zq7Wrong';
const RULES = clusterRules(SECRET, 'projector', 'test:');

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: rights on a Redis Cluster. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('the rights on a Redis Cluster', () => {
  const own = useClusterBench();
  beforeEach(async () => {
    await onAll('ACL', 'SETUSER', 'projector', 'reset', ...RULES);
    await onAll('ACL', 'LOG', 'RESET');
  });
  afterEach(async () => await own.bench.reset());

  const onAll = async (command: string, ...args: string[]): Promise<unknown[]> =>
    await Promise.all(
      own.cluster.nodes.map(async (node) => await own.cluster.on(node).call(command, ...args)),
    );
  const urlOfUser = (): string =>
    Object.assign(new URL(own.cluster.url), {username: 'projector', password: SECRET}).href;
  const sole = async (): Promise<Worker> =>
    await own.bench.soleWorker({redisUrl: urlOfUser(), timeoutMs: 1_500});
  const denials = async (): Promise<string[]> =>
    ((await onAll('ACL', 'LOG')) as unknown[][]).flat().map((entry) => JSON.stringify(entry));
  /** The master of partition 0. Counters and reports are on another one. */
  const orderNode = async (): Promise<OwnRedis> => {
    const node = await own.cluster.masterOf('{test:0}:');
    expect(node).not.toBe(await own.cluster.masterOf('{test}:'));
    return node;
  };
  /** Expects that the worker has halted, that its message names the node and no secret, and that no chunk was applied in part. */
  const expectDenied = async (worker: Worker, node: OwnRedis, reason: RegExp): Promise<void> => {
    const failure = await worker.ended;
    expect(failure).toMatchObject({kind: 'redis-denied', detail: expect.stringMatching(reason) as string});
    expect(failure!.detail).toContain(`(node 127.0.0.1:${node.port})`);
    expect(`${failure!.detail}${worker.messages.join()}`).not.toMatch(new RegExp(`${SECRET}|${WRONG}`));
  };
  /** Expects that another worker resumes with the documented rights, and that all orders and reports are exact. */
  const expectExactWithRights = async (): Promise<void> => {
    await onAll('ACL', 'SETUSER', 'projector', 'reset', ...RULES);
    await onAll('ACL', 'LOG', 'RESET');
    const worker = await sole();
    const failure = await Promise.race([worker.ended, own.bench.expectExact()]);
    expect(failure).toBeUndefined();
    await worker.stop();
    expect(await denials()).toEqual([]);
  };

  test('the rights in deploy/acl are sufficient for a worker, also through a failover', async () => {
    const log = longRun(1, 400);
    own.bench.write(log.slice(0, 200));
    await sole();
    await own.bench.expectExact();
    const master = await own.cluster.masterOf('{test:1}:');
    const replica = await own.cluster.replicaOf(master);
    await own.cluster.on(replica).cluster('FAILOVER');
    await own.cluster.becomesMaster(replica);
    own.bench.write(log.slice(200));
    await own.bench.expectExact();
    await own.cluster.settled();
    expect(await denials()).toEqual([]);
  });

  test.each(['hset', 'set', 'rpush', 'hincrby', 'mset', 'lpop'])(
    'a right to %s that is missing on one node halts the worker, and changes nothing there (F39) (I5)',
    async (command) => {
      const node = await orderNode();
      await own.cluster.on(node).call('ACL', 'SETUSER', 'projector', `-${command}`);
      own.bench.write(longRun(2, 200));
      const worker = await sole();
      await expectDenied(worker, node, new RegExp(`NOPERM .*${command}`, 'i'));
      expect(await own.cluster.on(node).dbsize()).toBe(0);
      await expectExactWithRights();
    },
  );

  test.each(['hset', 'set', 'rpush', 'evalsha', 'mget'])(
    'a running worker that loses the right to %s on one node halts, and no chunk is applied in part (F39) (I5)',
    async (command) => {
      const node = await orderNode();
      own.bench.write(longRun(3, 300));
      const worker = await sole();
      await own.bench.midway(60n);
      await own.cluster.on(node).call('ACL', 'SETUSER', 'projector', `-${command}`);
      own.bench.write(longRun(4, 200));
      await expectDenied(worker, node, new RegExp(`NOPERM .*${command}`, 'i'));
      await expectExactWithRights();
    },
  );

  test('a running worker that loses the right to change the reports halts, and no merge is applied in part (F39) (I5)', async () => {
    const node = await own.cluster.masterOf('{test}:');
    own.bench.write(longRun(5, 300));
    const worker = await sole();
    await own.bench.midway(60n);
    await own.cluster.on(node).call('ACL', 'SETUSER', 'projector', '-zadd');
    own.bench.write(longRun(6, 200));
    await expectDenied(worker, node, /NOPERM .*ZADD on \{test\}:report:products/);
    await expectExactWithRights();
  });

  test.each([
    {name: 'another password', rules: ['resetpass', `>${WRONG}`], reason: /WRONGPASS/},
    {name: 'no such user', rules: undefined, reason: /WRONGPASS/},
    {name: 'a disabled user', rules: ['off'], reason: /WRONGPASS/},
  ])('$name on one node halts a running worker at its next connection (F39)', async ({rules, reason}) => {
    const node = await orderNode();
    own.bench.write(longRun(7, 300));
    const worker = await sole();
    await own.bench.midway(60n);
    if (rules === undefined) await own.cluster.on(node).call('ACL', 'DELUSER', 'projector');
    else await own.cluster.on(node).call('ACL', 'SETUSER', 'projector', ...rules);
    await own.cluster.on(node).call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    own.bench.write(longRun(8, 200));
    await expectDenied(worker, node, reason);
    await expectExactWithRights();
  });

  test.each([
    {name: 'all nodes', nodes: () => Promise.resolve(own.cluster.nodes), place: ''},
    {name: 'one master', nodes: async () => [await orderNode()], place: '\\(node \\S+\\) '},
  ])('another password on $name rejects the first connection (F39)', async ({nodes, place}) => {
    for (const node of await nodes())
      await own.cluster.on(node).call('ACL', 'SETUSER', 'projector', 'resetpass', `>${WRONG}`);
    const client = own.bench.redis.newClient(1_500, {url: urlOfUser()});
    try {
      await expect(client.connect()).rejects.toMatchObject({
        kind: 'redis-denied',
        detail: expect.stringMatching(
          new RegExp(`^Redis at \\S+ ${place}denied access: WRONGPASS`),
        ) as string,
      });
    } finally {
      client.close();
    }
  });
});
