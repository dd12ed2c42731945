/**
 * What tests of faults need from the stack. Servers keep their data and their address when they are
 * restarted, and a proxy can be placed between a client and a server.
 */
import {Redis} from 'ioredis';
import kafkajs, {type Kafka} from 'kafkajs';
import {openStack} from '../../stack/stack.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {createTopic, endOffsets, kafka, produce, readTopic} from '../support/kafka.js';
import {connectMysql, freshId} from '../support/pipeline.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {shopOfFile} from '../support/shop.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

const stack = openStack(testStack().name);
const {env} = testStack();

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

describe('a server of the stack that is killed and restarted', () => {
  afterEach(async () => {
    for (const server of ['redis', 'kafka'] as const) await stack.startServer(server);
  });

  test('Redis keeps its data and its address', async () => {
    const key = `stackRestart:${freshId()}`;
    const pidBefore = stack.pids?.redis;
    await withRedis(env.redis.url, (redis) => redis.set(key, 'kept'));
    await stack.killServer('redis');
    expect(stack.pids?.redis).toBeUndefined();
    await stack.startServer('redis');
    expect(await withRedis(env.redis.url, (redis) => redis.getdel(key))).toBe('kept');
    expect(openStack(stack.name).env).toEqual(env);
    if (stack.mode === 'native') expect(stack.pids?.redis).not.toBe(pidBefore);
  });

  test('Kafka keeps its records and its address, and Debezium continues to write', async () => {
    const {topic: events} = await shopOfFile();
    const topic = `stack-restart-${freshId()}`;
    const pidBefore = stack.pids?.kafka;
    await createTopic(topic);
    await produce(topic, [{key: '1', value: 'kept'}]);
    await stack.killServer('kafka');
    await stack.startServer('kafka');
    expect((await readTopic(topic)).map(({value}) => String(value))).toEqual(['kept']);
    expect(openStack(stack.name).env).toEqual(env);
    if (stack.mode === 'native') expect(stack.pids?.kafka).not.toBe(pidBefore);

    const records = async (): Promise<bigint> =>
      [...(await endOffsets(events)).values()].reduce((sum, end) => sum + end, 0n);
    const before = await records();
    const mysql = await connectMysql();
    await mysql.query('INSERT INTO orders (user_id, total_amount) VALUES (?, 0)', [freshId()]);
    await mysql.end();
    await until(
      async () => (await records()) > before,
      () => `more than ${before} records in ${events}`,
      60_000,
    );
  });
});

const detour = stack.kafkaDetour;
if (detour === undefined)
  process.stderr.write('skipped: the detour to Kafka. Only a native stack has a second listener.\n');

(detour === undefined ? describe.skip : describe)('the detour to Kafka', () => {
  const portsSeenBy = async (client: Kafka): Promise<number[]> => {
    const admin = client.admin();
    await admin.connect();
    const {brokers} = await admin.describeCluster();
    await admin.disconnect();
    return brokers.map(({port}) => port);
  };

  test('a client that connects through the proxy stays on it, and other clients do not use it', async () => {
    const {listen, target} = detour!;
    const proxy = await TcpProxy.open({host: '127.0.0.1', port: target}, {port: listen});
    const client = new kafkajs.Kafka({
      brokers: [`127.0.0.1:${listen}`],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: {retries: 0},
    });
    try {
      expect(await portsSeenBy(client)).toEqual([listen]);
      await proxy.goAway();
      await expect(portsSeenBy(client)).rejects.toThrow();
      expect((await portsSeenBy(kafka())).map((port) => `127.0.0.1:${port}`)).toEqual(env.kafka.brokers);
      await proxy.comeBack();
      expect(await portsSeenBy(client)).toEqual([listen]);
    } finally {
      await proxy.close();
    }
  });
});

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: tests that start a Redis. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('a Redis that a test starts', () => {
  const set = (server: OwnRedis, value: string): Promise<unknown> =>
    withRedis(server.url, (redis) => redis.set('key', value));
  const get = (server: OwnRedis): Promise<string | null> =>
    withRedis(server.url, (redis) => redis.get('key'));

  test('keeps its data after a crash, and can be started with an older dump', async () => {
    const own = await OwnRedis.open();
    try {
      await set(own, 'old');
      const dump = await own.dump();
      await set(own, 'new');
      const {pid} = own;
      await own.kill();
      expect(own.isRunning).toBe(false);
      await own.start();
      expect(await get(own)).toBe('new');
      expect(own.pid).not.toBe(pid);
      await own.stop();
      await own.start({dump});
      expect(await get(own)).toBe('old');
      // The append-only file contains the data of the dump too.
      await own.kill();
      await own.start();
      expect(await get(own)).toBe('old');
      await own.kill();
      await own.start({args: ['--appendonly', 'no']});
      expect(await withRedis(own.url, (redis) => redis.config('GET', 'appendonly'))).toEqual([
        'appendonly',
        'no',
      ]);
    } finally {
      await own.close();
    }
  });

  test('can have a replica, which keeps the data that it has received when it is promoted', async () => {
    const first = await OwnRedis.open();
    const second = await OwnRedis.open();
    const between = await TcpProxy.open(first.url);
    try {
      await set(first, 'received');
      await second.replicaOf(between);
      expect(await get(second)).toBe('received');
      await expect(set(second, 'refused')).rejects.toThrow('READONLY');
      between.hold();
      await set(first, 'missed');
      await first.kill();
      await second.promote();
      expect(await get(second)).toBe('received');
      await set(second, 'written');
    } finally {
      await between.close();
      await first.close();
      await second.close();
    }
  });
});
