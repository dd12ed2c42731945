/**
 * Redis with Sentinels. The master is killed, the Sentinels promote the replica, and the worker resumes
 * there. Nothing is lost or counted twice.
 */
import {createServer, type AddressInfo, type Server} from 'node:net';
import {Redis} from 'ioredis';
import {RedisClient} from '../../src/clients/redis/client.js';
import {FaultBench} from '../support/faultBench.js';
import {projector} from '../support/projector.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {MASTER, Sentinels} from '../support/sentinels.js';
import {until} from '../support/until.js';
import {halted, hasSaid} from '../support/workerLog.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Sentinels. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('Redis with Sentinels', () => {
  let first: OwnRedis;
  let second: OwnRedis;
  let sentinels: Sentinels;
  let bench: FaultBench;
  beforeAll(async () => {
    first = await OwnRedis.open();
    second = await OwnRedis.open();
    await second.replicaOf(first);
    sentinels = await Sentinels.open(first.port, 1);
    const places = sentinels.ports.map((port) => ({host: '127.0.0.1', port}));
    const redis = new Redis({sentinels: places, name: MASTER, failoverDetector: true});
    redis.on('error', () => undefined);
    bench = await FaultBench.open('redis-sentinel', {redis, partitions: 2});
  });
  afterAll(async () => {
    await bench.close();
    await sentinels[Symbol.asyncDispose]();
    await first.close();
    await second.close();
  });

  const settings = (): Record<string, string> => ({
    REDIS_URL: `redis://${MASTER}/0`,
    REDIS_SENTINELS: sentinels.places,
    PROJECTOR_START_TIMEOUT_MS: '60000',
  });

  test('a running worker resumes at the new master after a failover, and the final state is exact (F29)', async () => {
    const worker = bench.start(settings());
    await bench.whileWriting(async () => {
      await bench.reached(100n);
      await sentinels.killOne();
      await bench.advanced(50n);
      await first.kill();
      await hasSaid(worker, /^waiting: Redis at redis:\/\/shop-master\/0 /);
      await until(
        async () => (await sentinels.masterPorts()).every((port) => port === second.port),
        () => 'Sentinels that agree on the second Redis',
        60_000,
      );
      await hasSaid(worker, /^recovered: /);
      await bench.advanced(50n);
    });
    // The client library prints errors of Sentinels unless somebody listens to them.
    expect(worker.output).not.toContain('ioredis');
    await bench.applied();
    expect(
      await projector(['orders', 'count'], {...settings(), REDIS_KEY_PREFIX: bench.prefix}),
    ).toMatchObject({
      status: 0,
    });
    await bench.expectExact();
  });

  test('a client rejects a server that a Sentinel names as the master, if it is not a master', async () => {
    // The second Redis is the master since the failover.
    await first.start();
    await first.replicaOf(second);
    const sentinel = await sentinelThatNames(first.port);
    const {port} = sentinel.address() as AddressInfo;
    const client = new RedisClient({
      url: `redis://${MASTER}/0`,
      timeoutMs: 1_000,
      sentinels: {places: [`127.0.0.1:${port}`], username: undefined, password: undefined},
    });
    try {
      let said: unknown;
      await until(
        async () => {
          said = await client.connect().catch((error: unknown) => error);
          return /not a master/.test(String(said));
        },
        () => `an error about a server that is not a master. The last result: ${String(said)}`,
      );
      expect(said).toMatchObject({kind: 'redis-unreachable'});
    } finally {
      client.close();
      sentinel.close();
    }
  });

  test('a worker that reaches no Sentinel exits with 4 and one clear reason', async () => {
    const worker = bench.start({
      ...settings(),
      REDIS_SENTINELS: '127.0.0.1:1',
      PROJECTOR_START_TIMEOUT_MS: '1000',
    });
    const {code, line} = await halted(worker);
    expect(code).toBe(4);
    expect(line).toMatchObject({
      kind: 'redis-unreachable',
      msg: expect.stringMatching(/sentinels are unreachable/) as string,
    });
  });
});

/** A Sentinel that has missed the failover: it names the server on this port as the master. */
async function sentinelThatNames(port: number): Promise<Server> {
  const place = `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const [, name = '', first = ''] of bytes
        .toString()
        .matchAll(/\*\d+\r\n\$\d+\r\n(\w+)(?:\r\n\$\d+\r\n([\w-]+))?/g)) {
        if (name.toLowerCase() !== 'sentinel') socket.write('+OK\r\n');
        else socket.write(first === 'sentinels' ? '*0\r\n' : place);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
