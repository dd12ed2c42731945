/** `projector verify`: no false alarm beside a shop at work, every kind of damage found, and mended. */
import type {Redis} from 'ioredis';
import type {Connection, RowDataPacket} from 'mysql2/promise';
import {compare} from '../../stack/comparison.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {endedWithJson, OwnShop, type Ended} from '../support/ownShop.js';
import {freshId} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {shopOfFile} from '../support/shop.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: verify. ${whyNot}\n`);

const BASE = 13_000_000;
const PREFIX = 'seen:';
const RUNS_UNDER_TRAFFIC = inTier({test: 3, soak: 10});
const seed = chosenSeed();

interface Verdict {
  readonly differences: number;
  readonly open: number;
  readonly repaired: number;
  readonly findings: readonly {
    kind: string;
    key: string;
    field: string | null;
    expected: string | null;
    found: string | null;
  }[];
}

(whyNot === undefined ? describe : describe.skip)(`verify, seed ${seed}`, () => {
  let shop: OwnShop;
  let redis: Redis;
  let mysql: Connection;
  let connectorFile: string;

  const begun = (args: readonly string[] = [], extra = {}): WorkerProcess =>
    shop.command(['verify', '--json', '--connector-file', connectorFile, ...args], extra);
  const verify = async (
    args: readonly string[] = [],
    extra = {},
  ): Promise<Ended & {readonly verdict: Verdict}> => {
    const {json, ...end} = await endedWithJson(begun(args, extra));
    return {...end, verdict: json as Verdict};
  };
  const applied = async (): Promise<void> => await shop.applied();

  beforeAll(async () => {
    shop = await OwnShop.open('seen', {base: BASE, seed});
    ({redis, mysql} = shop);
    ({connectorFile} = await shopOfFile());
  }, 120_000);

  afterAll(async () => await shop.close());

  test(
    `no false alarm in ${RUNS_UNDER_TRAFFIC} runs beside a shop at work`,
    async () => {
      await shop.whileTrading(async () => {
        for (let run = 0; run < RUNS_UNDER_TRAFFIC; run++) {
          const {code, output, verdict} = await verify(['--wait', '10']);
          expect([run, code, verdict.findings, output.slice(-500)]).toEqual([run, 0, [], expect.any(String)]);
        }
        expect((await verify(['--sample', '20', '--wait', '10'])).verdict.findings).toEqual([]);
      });
    },
    inTier({test: 180_000, soak: 900_000}),
  );

  test('each kind of damage is found, named, and mended (I15)', async () => {
    const product = freshId();
    const ids = Array.from({length: 8}, () => freshId());
    for (const id of ids) {
      await mysql.query('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 12.50)', [id, id]);
      const line = 'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (?, ?, 2, 1)';
      await mysql.query(line, [id, product]);
    }
    await applied();
    const [changed, deleted, lineless, typeless, scored, ...rest] = ids as [
      string,
      string,
      string,
      string,
      string,
    ];
    expect(rest).toHaveLength(3);
    const ghost = freshId();
    const key = (name: string): string => `${PREFIX}${name}`;
    await redis.hset(key(`order:${changed}`), 'total_amount', '99.99');
    await redis.del(key(`order:${deleted}`), key(`order_lines:${deleted}`));
    await redis.del(key(`order_lines:${lineless}`));
    await redis.del(key(`order:${typeless}`));
    await redis.lpush(key(`order:${typeless}`), 'x');
    await redis.hset(key(`order:${ghost}`), {
      id: ghost,
      user_id: '5',
      total_amount: '1.00',
      items_count: '0',
      items: '',
    });
    await redis.incr(key(`product:${product}:sold`));
    await redis.zincrby(key('report:users'), 7, scored);
    await redis.zadd(key('report:products'), 3, ghost);
    await redis.set(key(`product:${ghost}:sold`), '3');
    await redis.hincrby(key('report:totals'), 'revenue', 1);
    await redis.set(key('order:abc'), 'x');
    await redis.set('session:1', 'of another program');

    const {code, output, verdict} = await verify();
    expect([code, output]).toEqual([3, expect.stringContaining('differences-found')]);
    const found = verdict.findings.map((finding) =>
      `${finding.kind} ${finding.key} ${finding.field ?? ''}`.trim(),
    );
    expect(found.sort()).toEqual(
      [
        `order-differs ${key(`order:${changed}`)} total_amount`,
        `order-missing ${key(`order:${deleted}`)}`,
        `order-missing ${key(`order_lines:${deleted}`)}`,
        `order-missing ${key(`order_lines:${lineless}`)}`,
        `order-differs ${key(`order:${typeless}`)}`,
        `order-ghost ${key(`order:${ghost}`)}`,
        `counter-differs ${key(`product:${product}:sold`)}`,
        `score-differs ${key('report:users')} ${scored}`,
        `score-differs ${key('report:products')} ${ghost}`,
        `counter-differs ${key(`product:${ghost}:sold`)}`,
        `total-differs ${key('report:totals')} revenue`,
        `key-malformed ${key('order:abc')}`,
      ].sort(),
    );
    expect(verdict.findings.find(({kind}) => kind === 'total-differs')?.expected).toMatch(/^\d+$/);

    const unasked = await verify(['--repair']);
    expect(unasked.verdict.findings.map(({kind}) => kind)).toEqual(['key-malformed']);
    const repaired = await verify(['--repair', '--remove-malformed']);
    expect([repaired.code, repaired.verdict.findings, repaired.output.slice(-300)]).toEqual([
      0,
      [],
      expect.any(String),
    ]);
    expect([unasked.verdict.repaired, repaired.verdict.repaired]).toEqual([11, 1]);
    expect((await verify()).verdict).toMatchObject({differences: 0, open: 0});
    expect(await redis.get('session:1')).toBe('of another program');
    // The workers were held still for moments, and go on.
    await shop.workload.transact(30);
    await applied();
    expect((await compare(mysql, redis, {prefix: PREFIX})).differences).toEqual([]);
    expect(shop.worker.isRunning).toBe(true);
  }, 240_000);

  test('a Redis that is behind is no Redis that differs, and servers that are away are named', async () => {
    await shop.worker.end('SIGTERM');
    await shop.workload.transact(10);
    const behind = await verify(['--wait', '10']);
    expect([behind.code, behind.output]).toEqual([
      4,
      expect.stringContaining('Redis did not reach the end of the log'),
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

  test('servers that are silent for a moment are waited for: Redis, and a connection to MySQL that is lost (L11)', async () => {
    const connectionsOf = async (): Promise<string[]> => {
      const [rows] = await mysql.query<RowDataPacket[]>('SHOW PROCESSLIST');
      return rows.map((row) => String(row['Id']));
    };
    await redis.incr(`${PREFIX}product:1:sold`);
    const others = new Set(await connectionsOf());
    const command = begun([], {REDIS_TIMEOUT_MS: '1000'});
    const told = async (text: string): Promise<void> => {
      await until(
        () => command.output.includes(text) || !command.isRunning,
        () => `"${text}" in ${command.output}`,
      );
    };
    await told('places to look at again');
    shop.own.pause();
    try {
      await told('waiting: Redis');
      const its = (await connectionsOf()).filter((id) => !others.has(id));
      expect(its).toHaveLength(1);
      await mysql.query(`KILL ${its.join('')}`);
    } finally {
      shop.own.resume();
    }
    const {code} = await command.exited;
    expect([code, command.output]).toEqual([3, expect.stringContaining('it answers again; going on')]);
    expect(command.output).toMatch(/"differences":1,/);
    expect(command.output).toMatch(/waiting: MySQL at \S+ does not answer: /);
    await redis.decr(`${PREFIX}product:1:sold`);
  }, 60_000);

  test('a repair is refused while the connector stands, and where it cannot be asked', async () => {
    // Other tests may have sold the product too: their orders are in this MySQL.
    const damaged = await redis.incr(`${PREFIX}product:1:sold`);
    const {connector} = await shopOfFile();
    await connector.stop();
    try {
      expect(await verify(['--repair'])).toMatchObject({
        code: 5,
        output: expect.stringMatching(
          /repair-refused: connector shop_\w+ is STOPPED, without a task: .* Let the connector run/,
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
