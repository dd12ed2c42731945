/** TLS to a real Redis Cluster with a private CA: every node must show a valid certificate. */
import {readFileSync} from 'node:fs';
import {RedisClient, type Script} from '../../src/clients/redis/client.js';
import type {RedisSettings} from '../../src/clients/redis/connection.js';
import {longRun} from '../support/arbitraries.js';
import {TestCa, type Certificate} from '../support/certificates.js';
import {notified} from '../support/ownBench.js';
import {projector} from '../support/projector.js';
import {RedisCluster} from '../support/redisCluster.js';
import {whyNoOwnRedis, type OwnRedis} from '../support/redisServer.js';
import {WorkerBench} from '../support/workerBench.js';

const COUNT: Script = {name: 'testCount', lua: `return redis.call('INCR', KEYS[1])`};

const textOf = (file: string): string => readFileSync(file, 'utf8');

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: TLS to a Redis Cluster. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('TLS to a Redis Cluster', () => {
  let ca: TestCa;
  let good: Certificate;
  let ours: Certificate;
  let cluster: RedisCluster;
  let bench: WorkerBench;
  beforeAll(async () => {
    ca = new TestCa();
    good = ca.issue();
    ours = ca.issue({name: 'worker'});
    cluster = await RedisCluster.open({tls: {ca, certificate: good}});
    bench = await WorkerBench.open(0, cluster.url, {isPartitioned: true, clusterNodes: cluster.places});
  }, 60_000);
  afterEach(async () => {
    for (const node of cluster.nodes) await shows(node, good);
    await config('tls-auth-clients', 'no');
    await bench.reset();
  });
  afterAll(async () => {
    await bench.close();
    await cluster.close();
    ca[Symbol.dispose]();
  });

  /** Makes a node present this certificate on new connections. */
  const shows = async (node: OwnRedis, {cert, key}: Certificate): Promise<void> => {
    await cluster.on(node).call('CONFIG', 'SET', 'tls-cert-file', cert, 'tls-key-file', key);
  };
  const config = async (name: string, value: string): Promise<void> => {
    for (const node of cluster.nodes) await cluster.on(node).config('SET', name, value);
  };
  const settings = (tls: RedisSettings['tls'] = {}): RedisSettings => ({
    url: cluster.tlsUrl,
    timeoutMs: 1_500,
    clusterNodes: cluster.tlsPlaces,
    tls: {ca: textOf(ca.cert), ...tls},
  });
  const usingClient = async (
    tls: RedisSettings['tls'],
    work: (client: RedisClient) => Promise<void>,
  ): Promise<void> => {
    const client = new RedisClient(settings(tls));
    try {
      await work(client);
    } finally {
      client.close();
    }
  };
  const reachesAll = async (client: RedisClient): Promise<void> => {
    await client.connect();
    await client.requireSuitable();
    expect(client.shards).toBe(3);
    for (const node of await cluster.masters())
      await expect(client.run(COUNT, await cluster.keyAt(node, 't'), [])).resolves.toBe(1);
  };

  test('a worker with the right CA is exact, and commands use TLS too', async () => {
    bench.write(longRun(1, 300));
    await bench.soleWorker({redisSettings: settings()});
    await bench.expectExact();
    const {status, stdout} = await projector(['report', 'totals', '--json'], {
      REDIS_LAYOUT: 'partitioned',
      REDIS_KEY_PREFIX: 'test:',
      REDIS_URL: cluster.tlsUrl,
      REDIS_CLUSTER_NODES: cluster.tlsPlaces.join(','),
      REDIS_TLS_CA_FILE: ca.cert,
    });
    const totals = await bench.redis.redis.hgetall('{test}:report:totals');
    expect([status, JSON.parse(stdout)]).toMatchObject([0, {orders: totals['orders']}]);
  });

  test('a client with a certificate reaches all nodes if they require one', async () => {
    await config('tls-auth-clients', 'yes');
    await usingClient({cert: textOf(ours.cert), key: textOf(ours.key)}, reachesAll);
  });

  test('REDIS_TLS_SERVER_NAME is the name that the certificate of each node must contain', async () => {
    const named = ca.issue({altNames: 'DNS:redis.example.com'});
    for (const node of cluster.nodes) await shows(node, named);
    await usingClient({serverName: 'redis.example.com'}, reachesAll);
  });

  test('nodes that announce a host name are checked against that name', async () => {
    const named = ca.issue({altNames: 'DNS:localhost'});
    for (const node of cluster.nodes) await shows(node, named);
    await cluster.announceNames('localhost');
    const byName = (text: string): string => text.replaceAll('127.0.0.1', 'localhost');
    const client = new RedisClient({
      ...settings(),
      url: byName(cluster.tlsUrl),
      clusterNodes: cluster.tlsPlaces.map(byName),
    });
    try {
      await reachesAll(client);
    } finally {
      client.close();
      await cluster.announceNames(undefined);
    }
  });

  interface Case {
    readonly name: string;
    /** Prepares one node. */
    readonly setUp?: (node: OwnRedis) => Promise<unknown>;
    readonly tls?: () => RedisSettings['tls'];
    readonly reason: RegExp;
  }
  const CASES: readonly Case[] = [
    {
      name: 'another CA',
      tls: () => ({ca: textOf(ours.cert)}),
      reason: /: the server certificate is not signed by a trusted CA$/,
    },
    {
      name: 'a certificate that has expired',
      setUp: async (node) => await shows(node, ca.issue({isExpired: true})),
      reason: /: the server certificate has expired$/,
    },
    {
      name: 'a certificate for another name',
      setUp: async (node) => await shows(node, ca.issue({altNames: 'DNS:redis.example.com'})),
      reason: /: the server certificate was issued for another name \(/,
    },
    {
      name: 'no client certificate, although Redis requires one',
      setUp: async (node) => await cluster.on(node).config('SET', 'tls-auth-clients', 'yes'),
      reason: /: the server .*client certificate$/,
    },
  ];

  test.each(CASES)('$name on all nodes rejects with the reason (F39)', async ({setUp, tls, reason}) => {
    for (const node of cluster.nodes) await setUp?.(node);
    await usingClient(tls?.(), async (client) => {
      const error: unknown = await client.connect().catch((failure: unknown) => failure);
      expect(error).toMatchObject({kind: 'tls-failed', message: expect.stringMatching(reason) as string});
      // The same after the first attempt, because a worker repeats it until PROJECTOR_START_TIMEOUT_MS.
      await expect(client.connect()).rejects.toMatchObject({
        kind: 'tls-failed',
        message: expect.stringMatching(reason) as string,
      });
    });
  });

  test.each(CASES.filter(({setUp}) => setUp !== undefined))(
    '$name on one master rejects with the reason, and names the node (F39)',
    async ({setUp, reason}) => {
      const [, master] = await cluster.masters();
      await setUp!(master!);
      await usingClient({}, async (client) => {
        const error: unknown = await client.connect().catch((failure: unknown) => failure);
        expect(error).toMatchObject({kind: 'tls-failed', message: expect.stringMatching(reason) as string});
        expect(String(error)).toContain(`(node ${cluster.tlsPlaceOf(master!)})`);
      });
    },
  );

  test('a worker waits for a node whose certificate has expired, and is exact after its renewal', async () => {
    const log = longRun(2, 400);
    bench.write(log.slice(0, 200));
    const worker = await bench.soleWorker({redisSettings: settings(), timeoutMs: 1_500});
    await bench.expectExact();
    const node = await cluster.masterOf('{test:1}:');
    await shows(node, ca.issue({isExpired: true}));
    await cluster.on(node).call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    bench.write(log.slice(200));
    await notified(
      worker,
      /^waiting: TLS connection to Redis at \S+ \(node \S+\) failed: the server certificate has expired/,
    );
    await shows(node, good);
    await bench.expectExact();
    await notified(worker, /^recovered: /);
    await expect(worker.stop()).resolves.toBeUndefined();
  });
});
