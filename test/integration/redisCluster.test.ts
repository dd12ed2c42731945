/** The Redis client on a real cluster of three masters with one replica each. */
import {RedisClient, type Script} from '../../src/clients/redis/client.js';
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {RedisCluster} from '../support/redisCluster.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const TIMEOUT_MS = 1_500;

const COUNT: Script = {name: 'testCount', lua: `return redis.call('INCR', KEYS[1])`};
/** Reads a key that it does not name, and then writes the one that it names. */
const TWO_KEYS: Script = {
  name: 'testTwoKeys',
  lua: `local other = redis.call('GET', ARGV[1]); redis.call('SET', KEYS[1], other or 'absent'); return other`,
};

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Redis Cluster. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('a Redis Cluster', () => {
  let cluster: RedisCluster;
  let client: RedisClient;
  beforeAll(async () => {
    cluster = await RedisCluster.open();
  });
  beforeEach(async () => {
    for (const node of await cluster.masters()) await cluster.on(node).flushall();
    client = new RedisClient({url: cluster.url, timeoutMs: TIMEOUT_MS, clusterNodes: cluster.places});
    await client.connect();
  });
  afterEach(() => client.close());
  afterAll(async () => await cluster.close());

  const count = async (key: string): Promise<unknown> => await client.run(COUNT, key, []);
  const outcome = async (work: () => Promise<unknown>): Promise<unknown> =>
    await work().catch((error: unknown) => error);
  const succeeds = async (work: () => Promise<unknown>): Promise<void> => {
    let last: unknown;
    await until(
      async () => {
        last = await outcome(work);
        return !(last instanceof Error);
      },
      () => `a success after ${String(last)}`,
    );
  };
  const listed = async (pages: AsyncIterable<string[]> = client.keys()): Promise<string[]> => {
    const keys: string[] = [];
    for await (const page of pages) keys.push(...page);
    return keys.sort();
  };
  /** A slot, the node that has it, and another master. */
  const move = async (key: string) => {
    const from = await cluster.masterOf(key);
    const to = (await cluster.masters()).find((node) => node !== from)!;
    return {slot: slotOf(key), move: {from, to}};
  };
  const names = Array.from({length: 500}, (_, i) => `k${i}`);

  test('the slot of a key is the one that Redis computes', async () => {
    const redis = cluster.on(cluster.nodes[0]!);
    for (const key of ['', 'a', '123456789', '{7}order:1', 'x{}y', '{', '{a}{b}', 'a{ä€}b', '{{a}}'])
      expect([key, slotOf(key)]).toEqual([key, await redis.cluster('KEYSLOT', key)]);
  });

  test('scripts run at the node of the slot of their key, also if a node forgets its scripts', async () => {
    expect(client.shards).toBe(3);
    for (const name of names.slice(0, 30)) expect(await count(name)).toBe(1);
    for (const node of await cluster.masters()) await cluster.on(node).script('FLUSH');
    for (const name of names.slice(0, 30)) expect(await count(name)).toBe(2);
    await expect(client.requireSuitable()).resolves.toBeUndefined();
    const infos = await client.serverInfos();
    expect(infos.map(({fields}) => fields.get('redis_mode'))).toEqual(['cluster', 'cluster', 'cluster']);
    expect(infos.map(({node}) => node)).toContain(await client.nodeOf('k1'));
    expect([...((await client.settings('appendonly', 'k1')) ?? [])].map(([, value]) => value)).toEqual([
      'yes',
      'yes',
      'yes',
    ]);
  });

  test('keys of several slots are read in the order that was asked for', async () => {
    await Promise.all(names.map(count));
    await Promise.all(names.slice(0, 100).map(count));
    const expected = names.map((_, i) => (i < 100 ? '2' : '1'));
    expect(await client.getAll([...names, 'absent'])).toEqual([...expected, null]);
    expect(await client.texts([...names, 'absent'])).toEqual([...expected, null]);
    expect(await client.hashes(['k1', 'absent'])).toEqual([undefined, {}]);
    expect(await client.fieldsOfEach(['k1', 'absent'], ['a', 'b'])).toEqual([undefined, [null, null]]);
    expect(await client.types(['k1', 'absent', 'k2'])).toEqual(['string', 'none', 'string']);
  });

  test('a read after scripts of the same slot includes their effects (S6)', async () => {
    const replies = [count('{t}1'), count('{t}2'), count('{t}1'), client.getAll(['{t}1', '{t}2'])];
    expect((await Promise.all(replies)).at(-1)).toEqual(['2', '1']);
  });

  test('a listing of all keys returns each key once', async () => {
    await Promise.all(names.map(count));
    expect(await listed()).toEqual([...names].sort());
    expect(await listed(client.keysMatching('k1*', 10))).toEqual(
      names.filter((name) => /^k1/.test(name)).sort(),
    );
  });

  test('a listing fails if a slot moves during it', async () => {
    await Promise.all(names.map(count));
    const {slot, move: nodes} = await move('k1');
    await expect(
      (async () => {
        let isMoved = false;
        for await (const page of client.keys()) {
          if (!isMoved && page.length > 0) await cluster.migrate(slot, nodes);
          isMoved = true;
        }
      })(),
    ).rejects.toMatchObject({kind: 'redis-unreachable'});
    expect(await listed()).toEqual([...names].sort());
  });

  test('a listing fails while a slot is open', async () => {
    const {slot, move: nodes} = await move('k2');
    await cluster.beginMigration(slot, nodes);
    await expect(listed()).rejects.toMatchObject({kind: 'redis-unreachable'});
    await cluster.endMigration(slot, nodes);
    expect(await listed()).toEqual([]);
  });

  test('a command follows its slot after it has moved (MOVED)', async () => {
    await count('{m}1');
    const {slot, move: nodes} = await move('{m}1');
    await cluster.migrate(slot, nodes);
    expect(await Promise.all([count('{m}1'), count('{m}1'), client.getAll(['{m}1'])])).toEqual([2, 3, ['3']]);
    await cluster.migrate(slot, {from: nodes.to, to: nodes.from});
    expect(await client.texts(['{m}1', '{m}2'])).toEqual(['3', null]);
  });

  test('reads follow a key that has moved with an open slot (ASK), and wait for several keys (TRYAGAIN)', async () => {
    await Promise.all([count('{a}1'), count('{a}2')]);
    const {slot, move: nodes} = await move('{a}1');
    await cluster.beginMigration(slot, nodes);
    await cluster.moveKeys(slot, nodes, ['{a}1']);
    expect(await client.texts(['{a}1', '{a}2', '{a}3'])).toEqual(['1', '1', null]);
    expect(await outcome(() => client.getAll(['{a}1', '{a}2']))).toMatchObject({
      kind: 'redis-unreachable',
      message: expect.stringContaining('TRYAGAIN') as string,
    });
    const waiting = client.getAll(['{a}1', '{a}2']);
    await cluster.moveKeys(slot, nodes);
    expect(await waiting).toEqual(['1', '1']);
    await cluster.endMigration(slot, nodes);
  });

  test('a script does not run while its keys are on two nodes, because it would miss some of them (F91) (C2)', async () => {
    await Promise.all([count('{s}1'), count('{s}2')]);
    const {slot, move: nodes} = await move('{s}1');
    await cluster.beginMigration(slot, nodes);
    await cluster.moveKeys(slot, nodes, ['{s}1']);
    // Such a script runs on the new node after ASKING, and does not find the key that is on the old one.
    const raw = cluster.on(nodes.to);
    const [, wrong] = await Promise.all([raw.asking(), raw.eval(TWO_KEYS.lua, 1, '{s}3', '{s}2')]);
    expect(wrong).toBeNull();
    for (const [key, other] of [
      ['{s}1', '{s}2'],
      ['{s}2', '{s}1'],
    ] as const)
      expect(await outcome(() => client.run(TWO_KEYS, key, [other]))).toMatchObject({
        kind: 'redis-unreachable',
      });
    const waiting = client.run(TWO_KEYS, '{s}1', ['{s}2']);
    await cluster.moveKeys(slot, nodes);
    await cluster.endMigration(slot, nodes);
    expect(await waiting).toBe('1');
  });

  test('a command waits for a slot without a node (CLUSTERDOWN), but not longer than the timeout (L17)', async () => {
    const {slot, move: nodes} = await move('{d}1');
    await cluster.unassign(slot);
    const before = performance.now();
    expect(await outcome(() => count('{d}1'))).toMatchObject({
      kind: 'redis-unreachable',
      message: expect.stringContaining('CLUSTERDOWN') as string,
    });
    expect(performance.now() - before).toBeLessThan(2 * TIMEOUT_MS);
    const waiting = count('{d}1');
    await cluster.assign(slot, nodes.from);
    expect(await waiting).toBe(1);
    await until(
      async () => (await cluster.masterOf('{d}1').catch(() => undefined)) === nodes.from,
      () => 'all nodes to know the slot again',
    );
  });

  test('a script whose reply is lost rejects and is not sent again (I4)', async () => {
    const proxies = await Promise.all(cluster.nodes.map(async ({url}) => await TcpProxy.open(url)));
    // The nodes announce the ports of the proxies, so that the client reaches them only there.
    await cluster.announce(proxies.map(({port}) => port));
    const viaProxies = new RedisClient({
      url: proxies[0]!.url(cluster.url),
      timeoutMs: TIMEOUT_MS,
      clusterNodes: proxies.map(({port}) => `127.0.0.1:${port}`),
    });
    const sent = async (): Promise<unknown> => await outcome(() => viaProxies.run(COUNT, '{l}1', []));
    try {
      await succeeds(async () => {
        await viaProxies.connect();
        await viaProxies.getAll(['{l}1']);
      });
      let executed = 0;
      for (let i = 0; i < 20; i++) {
        const isLost = i % 2 === 1;
        for (const proxy of proxies) proxy.loseReplies((reply) => isLost && /^:\d+\r\n/.test(String(reply)));
        const reply = await sent();
        if (isLost) expect(reply).toMatchObject({kind: 'redis-unreachable'});
        else expect(reply).toBe(executed + 1);
        executed++;
      }
      expect(proxies.reduce((sum, {lost}) => sum + lost, 0)).toBe(10);
      expect(await client.getAll(['{l}1'])).toEqual(['20']);
    } finally {
      viaProxies.close();
      await cluster.announce();
      for (const proxy of proxies) await proxy.close();
    }
  });

  test('a frozen node rejects after the timeout, and the other nodes are not affected', async () => {
    const [frozen, other] = await cluster.masters();
    const [slow, fast] = [await cluster.keyAt(frozen!, 'f'), await cluster.keyAt(other!, 'f')];
    await Promise.all([count(slow), count(fast)]);
    cluster.freeze(frozen!);
    try {
      const before = performance.now();
      const rejected = outcome(() => count(slow)).then((error) => ({error, ms: performance.now() - before}));
      for (let i = 0; i < 20; i++) expect(await count(fast)).toBe(i + 2);
      expect(performance.now() - before).toBeLessThan(TIMEOUT_MS);
      const {error, ms} = await rejected;
      expect(error).toMatchObject({kind: 'redis-unreachable'});
      expect(ms).toBeLessThan(2 * TIMEOUT_MS);
    } finally {
      cluster.thaw(frozen!);
    }
    await succeeds(() => count(slow));
    await cluster.settled();
  });

  test('after a failover the client finds the new master, and no command runs twice (I4)', async () => {
    const master = await cluster.masterOf('{o}1');
    const tried: unknown[] = [await count('{o}1')];
    let isOver = false;
    const over = cluster.failover(master).then(() => (isOver = true));
    await until(
      async () => {
        tried.push(await outcome(() => count('{o}1')));
        return isOver && typeof tried.at(-1) === 'number';
      },
      () => `a success at the new master. The last result: ${String(tried.at(-1))}`,
    );
    await over;
    const rejected = tried.filter((reply) => typeof reply !== 'number');
    expect(rejected.length).toBeGreaterThan(0);
    for (const error of rejected) expect(error).toMatchObject({kind: 'redis-unreachable'});
    const replies = tried.filter((reply) => typeof reply === 'number');
    // Replication is asynchronous, so the last writes of the old master can be lost. No count is more than one above the last.
    for (const [i, reply] of replies.entries()) expect(reply).toBeLessThanOrEqual(i + 1);
    await cluster.restart(master);
    await cluster.settled();
    await succeeds(() => count('{o}1'));
    expect(client.shards).toBe(3);
  });

  test('the settings must fit the server', async () => {
    const single = await OwnRedis.open();
    const wrong = new RedisClient({url: single.url, timeoutMs: TIMEOUT_MS, clusterNodes: []});
    const without = new RedisClient({url: cluster.url, timeoutMs: TIMEOUT_MS});
    try {
      await expect(wrong.connect()).rejects.toMatchObject({kind: 'redis-unsupported'});
      await without.connect();
      await expect(without.requireSuitable()).rejects.toMatchObject({kind: 'redis-clustered'});
      const master = (await cluster.masters())[1]!;
      await cluster.on(master).config('SET', 'maxmemory-policy', 'allkeys-lru');
      await expect(client.requireSuitable()).rejects.toMatchObject({kind: 'redis-evicts'});
      await cluster.on(master).config('SET', 'maxmemory-policy', 'noeviction');
    } finally {
      wrong.close();
      without.close();
      await single.close();
    }
  });

  test('a client that reaches no node rejects, and finds the cluster later', async () => {
    const proxy = await TcpProxy.open(cluster.url);
    await proxy.goAway();
    const late = new RedisClient({url: proxy.url(cluster.url), timeoutMs: TIMEOUT_MS, clusterNodes: []});
    try {
      expect(await outcome(() => late.connect())).toMatchObject({kind: 'redis-unreachable'});
      await proxy.comeBack();
      await succeeds(() => late.run(COUNT, 'late', []));
      expect(late.shards).toBe(3);
    } finally {
      late.close();
      await proxy.close();
    }
  });
});
