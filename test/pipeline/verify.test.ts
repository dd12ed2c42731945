/**
 * `projector verify` reports no difference while a shop writes, and it finds and repairs each kind of
 * damage.
 */
import type {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import {compare} from '../../stack/comparison.js';
import {OwnShop, verified, type Verified} from '../support/ownShop.js';
import {freshId} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: verify. ${whyNot}\n`);

const BASE = 13_000_000;
const PREFIX = 'seen:';
const seed = chosenSeed();

(whyNot === undefined ? describe : describe.skip)(`verify, seed ${seed}`, () => {
  let shop: OwnShop;
  let redis: Redis;
  let mysql: Connection;

  const verify = async (args: readonly string[] = []): Promise<Verified> => await verified(shop, args);
  const applied = async (): Promise<void> => await shop.applied();

  beforeAll(async () => {
    shop = await OwnShop.open('seen', {base: BASE, seed});
    ({redis, mysql} = shop);
  }, 120_000);

  afterAll(async () => await shop.close());

  test('two concurrent runs, a third run and a sample find no difference while the shop writes', async () => {
    await shop.whileTrading(async () => {
      const run = async (): Promise<void> => {
        const {code, output, verdict} = await verify(['--wait', '10']);
        expect([code, verdict.findings, output.slice(-500)]).toEqual([0, [], expect.any(String)]);
      };
      await Promise.all([run(), run()]);
      await run();
      expect((await verify(['--sample', '20', '--wait', '10'])).verdict.findings).toEqual([]);
    });
  }, 180_000);

  test('verify finds, names and repairs each kind of damage (F32) (I15)', async () => {
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
    // The 11 that were found, and the sums that the repairs of orders have changed.
    expect(unasked.verdict.repaired).toBeGreaterThan(11);
    expect(repaired.verdict.repaired).toBe(1);
    expect((await verify()).verdict).toMatchObject({differences: 0, open: 0});
    expect(await redis.get('session:1')).toBe('of another program');
    // The fences of the repair have paused the worker. It must still run and apply changes.
    await shop.workload.transact(30);
    await applied();
    expect((await compare(mysql, redis, {prefix: PREFIX})).differences).toEqual([]);
    expect(shop.worker.isRunning).toBe(true);
  }, 240_000);
});
