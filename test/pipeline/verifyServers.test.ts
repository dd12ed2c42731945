/**
 * `projector verify` runs while Redis has not caught up, while servers are unreachable or hang, and while
 * the connector is stopped.
 */
import type {Redis} from 'ioredis';
import type {Connection, RowDataPacket} from 'mysql2/promise';
import {OwnShop, verification, verified, type Verified} from '../support/ownShop.js';
import type {Variables} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {shopOfFile} from '../support/shop.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: verify without its servers. ${whyNot}\n`);

const BASE = 13_500_000;
const PREFIX = 'unseen:';
const seed = chosenSeed();

(whyNot === undefined ? describe : describe.skip)(`verify without its servers, seed ${seed}`, () => {
  let shop: OwnShop;
  let redis: Redis;
  let mysql: Connection;

  const verify = async (args: readonly string[] = [], extra: Variables = {}): Promise<Verified> =>
    await verified(shop, args, extra);
  const applied = async (): Promise<void> => await shop.applied();

  beforeAll(async () => {
    shop = await OwnShop.open('unseen', {base: BASE, seed});
    ({redis, mysql} = shop);
  }, 120_000);

  afterAll(async () => await shop.close());

  test('verify reports that Redis has not caught up instead of differences, and names unreachable servers', async () => {
    await shop.worker.end('SIGTERM');
    await shop.workload.transact(10);
    const behind = await verify(['--wait', '10']);
    expect([behind.code, behind.output]).toEqual([
      4,
      expect.stringContaining('Redis did not reach the end of the topic'),
    ]);
    shop.startAgain();
    await applied();

    const away = 'mysql://root@127.0.0.1:1/shop';
    expect(await verify([], {MYSQL_URL: away})).toMatchObject({
      code: 4,
      output: expect.stringContaining('mysql-unreachable') as string,
    });
    expect(await verify([], {REDIS_URL: 'redis://127.0.0.1:1/0'})).toMatchObject({
      code: 4,
      output: expect.stringContaining('redis-unreachable') as string,
    });
    expect(await verify(['--limit', 'x'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('must be a whole number') as string,
    });
  }, 120_000);

  test('verify waits while Redis hangs, connects to MySQL again after a lost connection, and finishes (L11)', async () => {
    const connectionsOf = async (): Promise<string[]> => {
      const [rows] = await mysql.query<RowDataPacket[]>('SHOW PROCESSLIST');
      return rows.map((row) => String(row['Id']));
    };
    await redis.incr(`${PREFIX}product:1:sold`);
    const others = new Set(await connectionsOf());
    const command = await verification(shop, [], {REDIS_TIMEOUT_MS: '1000'});
    const notified = async (text: string): Promise<void> => {
      await until(
        () => command.output.includes(text) || !command.isRunning,
        () => `"${text}" in ${command.output}`,
      );
    };
    await notified('to check again');
    shop.own.pause();
    try {
      await notified('waiting: Redis');
      const its = (await connectionsOf()).filter((id) => !others.has(id));
      expect(its).toHaveLength(1);
      await mysql.query(`KILL ${its.join('')}`);
    } finally {
      shop.own.resume();
    }
    const {code} = await command.exited;
    expect([code, command.output]).toEqual([3, expect.stringMatching(/recovered: \S+ after \d/)]);
    expect(command.output).toMatch(/"differences":1,/);
    expect(command.output).toMatch(/waiting: MySQL at \S+ is not available: /);
    await redis.decr(`${PREFIX}product:1:sold`);
  }, 60_000);

  test('a repair is rejected if the connector is stopped or Kafka Connect is unreachable, and runs with a note if CONNECT_URL is not set', async () => {
    const damaged = await redis.incr(`${PREFIX}product:1:sold`);
    const {connector} = await shopOfFile();
    await connector.stop();
    try {
      expect(await verify(['--repair'])).toMatchObject({
        code: 5,
        output: expect.stringMatching(
          /repair-refused: connector shop_\w+ is STOPPED, without a task: .* Make sure that the connector runs/,
        ) as string,
      });
    } finally {
      await connector.resume();
    }
    expect(await verify(['--repair'], {CONNECT_URL: 'http://127.0.0.1:1'})).toMatchObject({
      code: 4,
      output: expect.stringContaining('connect-unreachable') as string,
    });
    expect(await verify(['--repair'], {KAFKA_TOPIC: 'other'})).toMatchObject({
      code: 2,
      output: expect.stringContaining('name the right file with --connector-file') as string,
    });
    expect(await redis.get(`${PREFIX}product:1:sold`)).toBe(String(damaged));
    const unasked = await verify(['--repair'], {CONNECT_URL: ''});
    expect(unasked).toMatchObject({
      code: 0,
      output: expect.stringContaining('CONNECT_URL is not set') as string,
    });
    expect(unasked.verdict.repaired).toBe(1);
  }, 120_000);
});
