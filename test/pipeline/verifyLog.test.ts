/**
 * `projector verify --against topic` compares Redis with a replay of the topic while the shop writes.
 * Afterwards the staging database is empty.
 */
import type {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import {AGAINST_LOG, LogVerification} from '../support/logVerification.js';
import {ended, type OwnShop} from '../support/ownShop.js';
import {freshId} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {readModel} from '../support/readModel.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: verify against the topic. ${whyNot}\n`);

const BASE = 14_000_000;
const PREFIX = 'told:';
const seed = chosenSeed();

(whyNot === undefined ? describe : describe.skip)(`verify against the topic, seed ${seed}`, () => {
  let log: LogVerification;
  let shop: OwnShop;
  let redis: Redis;
  let mysql: Connection;

  beforeAll(async () => {
    log = await LogVerification.open('told', {base: BASE, seed});
    ({shop} = log);
    ({redis, mysql} = shop);
  }, 120_000);

  afterAll(async () => await log.close());

  test('verify finds no difference without MySQL while the shop writes, and leaves no data (L11)', async () => {
    await shop.whileTrading(async () => {
      for (let run = 0; run < 3; run++) {
        const {code, output, verdict} = await log.verified('--wait', '10');
        expect([run, code, verdict.findings, output.slice(-500)]).toEqual([run, 0, [], expect.any(String)]);
        expect(verdict.looked.orders).toBeGreaterThan(100);
        expect(output).toMatch(/caught up with the topic: [\d,]+ records in redis:\S+\/15/);
      }
    });
    await log.expectNothingLeft();
  }, 240_000);

  test('verify finds and names each kind of damage, and repairs nothing', async () => {
    const product = freshId();
    const ids = Array.from({length: 5}, () => freshId());
    for (const id of ids) {
      await mysql.query('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 12.50)', [id, id]);
      const line = 'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (?, ?, 2, 1)';
      await mysql.query(line, [id, product]);
    }
    await shop.applied();
    const whole = await readModel(redis, PREFIX);
    const [changed, deleted, relined, typeless, scored] = ids as [string, string, string, string, string];
    const ghost = freshId();
    const before = await redis.get(log.key(`order_lines:${relined}`));
    await redis.hset(log.key(`order:${changed}`), 'total_amount', '99.99');
    await redis.del(log.key(`order:${deleted}`), log.key(`order_lines:${deleted}`));
    await redis.set(log.key(`order_lines:${relined}`), (before ?? '').replace(/\d+$/, '3'));
    await redis.del(log.key(`order:${typeless}`));
    await redis.lpush(log.key(`order:${typeless}`), 'x');
    await redis.hset(log.key(`order:${ghost}`), {id: ghost, user_id: '5', total_amount: '1.00'});
    await redis.set(log.key(`order_lines:${ghost}`), `1:${product}:1`);
    await redis.incr(log.key(`product:${product}:sold`));
    await redis.set(log.key(`product:${ghost}:sold`), '3');
    await redis.zincrby(log.key('report:products'), 1, product);
    await redis.zincrby(log.key('report:users'), 7, scored);
    await redis.hincrby(log.key('report:totals'), 'units', 1);
    await redis.set(log.key('order:{abc}'), 'x');

    const {code, output, verdict} = await log.verified();
    expect([code, output]).toEqual([
      3,
      expect.stringMatching(/differences-found: 13 differences between Redis and the topic/),
    ]);
    expect(
      verdict.findings.map(({kind, key: at, field}) => `${kind} ${at} ${field ?? ''}`.trim()).sort(),
    ).toEqual(
      [
        `order-differs ${log.key(`order:${changed}`)} total_amount`,
        `order-missing ${log.key(`order:${deleted}`)}`,
        `order-missing ${log.key(`order_lines:${deleted}`)}`,
        `order-differs ${log.key(`order_lines:${relined}`)}`,
        `order-differs ${log.key(`order:${typeless}`)}`,
        `order-ghost ${log.key(`order:${ghost}`)}`,
        `order-ghost ${log.key(`order_lines:${ghost}`)}`,
        `counter-differs ${log.key(`product:${product}:sold`)}`,
        `counter-differs ${log.key(`product:${ghost}:sold`)}`,
        `score-differs ${log.key('report:products')} ${product}`,
        `score-differs ${log.key('report:users')} ${scored}`,
        `total-differs ${log.key('report:totals')} units`,
        `key-malformed ${log.key('order:{abc}')}`,
      ].sort(),
    );
    await log.expectNothingLeft();
    // Without --json the output is a table.
    const shown = await ended(shop.command([...AGAINST_LOG, '--limit', '1']));
    expect(shown.output).toMatch(/^difference +key +field +topic +Redis$/m);
    expect(await redis.exists(log.key('order:{abc}'))).toBe(1);

    // A rebuild from the topic restores the content from before the damage.
    await redis.del(log.key('order:{abc}'));
    expect(await ended(shop.command(['rebuild']))).toMatchObject({code: 0});
    await shop.applied();
    const isMarker = (name: string): boolean => /^order(_lines)?:-|^report:users$/.test(name);
    const withoutMarkers = (content: Map<string, string>): [string, string][] =>
      [...content].filter(([name]) => !isMarker(name));
    expect(withoutMarkers(await readModel(redis, PREFIX))).toEqual(withoutMarkers(whole));
    expect((await log.verified()).verdict).toMatchObject({differences: 0});
  }, 240_000);

  test('verify leaves no data if it is interrupted while it replays or while it waits', async () => {
    await redis.incr(log.key('product:1:sold'));
    for (const text of ['caught up with the topic', 'to check again']) {
      const running = log.begin();
      await log.notified(running, text);
      const {code} = await running.end('SIGTERM');
      expect([text, code]).toEqual([text, 143]);
      expect(running.output).toContain('stopped; run the command again');
      await log.expectNothingLeft();
    }
    const running = log.begin();
    await until(
      async () =>
        (await log.staging.get(log.key('projector:staging')))?.startsWith('verify ') === true ||
        !running.isRunning,
      () => `the replay to begin: ${running.output}`,
      60_000,
    );
    expect((await running.end('SIGINT')).code).toBe(130);
    await log.expectNothingLeft();
    await redis.decr(log.key('product:1:sold'));
  }, 120_000);
});
