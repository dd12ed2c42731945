/** `projector verify --against log`: Redis proved by a replay of the log, while the shop is at work, and nothing of that is left. */
import type {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import type {WorkerProcess} from '../../stack/worker.js';
import {createTopic, produce} from '../support/kafka.js';
import {ended, endedWithJson, OwnShop, type Ended} from '../support/ownShop.js';
import {freshId, type Variables} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {readModel} from '../support/readModel.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: verify against the log. ${whyNot}\n`);

const BASE = 14_000_000;
const PREFIX = 'told:';
const seed = chosenSeed();

interface Verdict {
  readonly differences: number;
  readonly looked: {readonly orders: number; readonly keys: number};
  readonly findings: readonly {kind: string; key: string; field: string | null}[];
}

(whyNot === undefined ? describe : describe.skip)(`verify against the log, seed ${seed}`, () => {
  let shop: OwnShop;
  let redis: Redis;
  let spare: Redis;
  let mysql: Connection;

  const command = (args: readonly string[], extra: Variables = {}): WorkerProcess =>
    shop.command(args, extra);
  const AGAINST_LOG = ['verify', '--against', 'log', '--wait', '20'];
  const verified = async (...args: string[]): Promise<Ended & {readonly verdict: Verdict}> => {
    const {json, ...end} = await endedWithJson(command([...AGAINST_LOG, '--json', ...args]));
    return {...end, verdict: json as Verdict};
  };
  const applied = async (): Promise<void> => await shop.applied();
  const told = async (process: WorkerProcess, text: string): Promise<void> => {
    await until(
      () => process.output.includes(text) || !process.isRunning,
      () => `"${text}" in ${process.output}`,
      60_000,
    );
  };
  const expectNothingLeft = async (): Promise<void> => {
    expect(await spare.keys('*')).toEqual([]);
    expect(await redis.exists(`${PREFIX}projector:rebuild`)).toBe(0);
  };
  const key = (name: string): string => `${PREFIX}${name}`;

  beforeAll(async () => {
    shop = await OwnShop.open('told', {base: BASE, seed, settings: {MYSQL_URL: ''}});
    ({redis, mysql} = shop);
    spare = redis.duplicate({db: 15});
  }, 120_000);

  afterAll(async () => {
    spare.disconnect();
    await shop.close();
  });

  test('no false alarm beside a shop at work, without MySQL, and nothing is left (L11)', async () => {
    await shop.whileTrading(async () => {
      for (let run = 0; run < 3; run++) {
        const {code, output, verdict} = await verified('--wait', '10');
        expect([run, code, verdict.findings, output.slice(-500)]).toEqual([run, 0, [], expect.any(String)]);
        expect(verdict.looked.orders).toBeGreaterThan(100);
        expect(output).toMatch(/caught up with the log: [\d,]+ records in redis:\S+\/15/);
      }
    });
    await expectNothingLeft();
  }, 240_000);

  test('each kind of damage is found and named, and nothing is mended', async () => {
    const product = freshId();
    const ids = Array.from({length: 5}, () => freshId());
    for (const id of ids) {
      await mysql.query('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, 12.50)', [id, id]);
      const line = 'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (?, ?, 2, 1)';
      await mysql.query(line, [id, product]);
    }
    await applied();
    const whole = await readModel(redis, PREFIX);
    const [changed, deleted, relined, typeless, scored] = ids as [string, string, string, string, string];
    const ghost = freshId();
    const before = await redis.get(key(`order_lines:${relined}`));
    await redis.hset(key(`order:${changed}`), 'total_amount', '99.99');
    await redis.del(key(`order:${deleted}`), key(`order_lines:${deleted}`));
    await redis.set(key(`order_lines:${relined}`), (before ?? '').replace(/\d+$/, '3'));
    await redis.del(key(`order:${typeless}`));
    await redis.lpush(key(`order:${typeless}`), 'x');
    await redis.hset(key(`order:${ghost}`), {id: ghost, user_id: '5', total_amount: '1.00'});
    await redis.set(key(`order_lines:${ghost}`), `1:${product}:1`);
    await redis.incr(key(`product:${product}:sold`));
    await redis.set(key(`product:${ghost}:sold`), '3');
    await redis.zincrby(key('report:products'), 1, product);
    await redis.zincrby(key('report:users'), 7, scored);
    await redis.hincrby(key('report:totals'), 'units', 1);
    await redis.set(key('order:abc'), 'x');

    const {code, output, verdict} = await verified();
    expect([code, output]).toEqual([
      3,
      expect.stringMatching(/differences-found: 13 places in Redis differ from the log/),
    ]);
    expect(
      verdict.findings.map(({kind, key: at, field}) => `${kind} ${at} ${field ?? ''}`.trim()).sort(),
    ).toEqual(
      [
        `order-differs ${key(`order:${changed}`)} total_amount`,
        `order-missing ${key(`order:${deleted}`)}`,
        `order-missing ${key(`order_lines:${deleted}`)}`,
        `order-differs ${key(`order_lines:${relined}`)}`,
        `order-differs ${key(`order:${typeless}`)}`,
        `order-ghost ${key(`order:${ghost}`)}`,
        `order-ghost ${key(`order_lines:${ghost}`)}`,
        `counter-differs ${key(`product:${product}:sold`)}`,
        `counter-differs ${key(`product:${ghost}:sold`)}`,
        `score-differs ${key('report:products')} ${product}`,
        `score-differs ${key('report:users')} ${scored}`,
        `total-differs ${key('report:totals')} units`,
        `key-malformed ${key('order:abc')}`,
      ].sort(),
    );
    await expectNothingLeft();
    // As a table, too.
    const shown = await ended(command([...AGAINST_LOG, '--limit', '1']));
    expect(shown.output).toMatch(/^difference +key +field +log +Redis$/m);
    expect(await redis.exists(key('order:abc'))).toBe(1);

    // Made anew from the log, it is what the log tells.
    await redis.del(key('order:abc'));
    expect(await ended(command(['rebuild']))).toMatchObject({code: 0});
    await applied();
    const isMarker = (name: string): boolean => /^order(_lines)?:-|^report:users$/.test(name);
    const withoutMarkers = (content: Map<string, string>): [string, string][] =>
      [...content].filter(([name]) => !isMarker(name));
    expect(withoutMarkers(await readModel(redis, PREFIX))).toEqual(withoutMarkers(whole));
    expect((await verified()).verdict).toMatchObject({differences: 0});
  }, 240_000);

  test('interrupted while it replays, and while it waits, it leaves nothing', async () => {
    await redis.incr(key('product:1:sold'));
    for (const text of ['caught up with the log', 'places to look at again']) {
      const running = command(AGAINST_LOG);
      await told(running, text);
      const {code} = await running.end('SIGTERM');
      expect([text, code]).toEqual([text, 143]);
      expect(running.output).toContain('stopped; start it again');
      await expectNothingLeft();
    }
    const running = command(AGAINST_LOG);
    await until(
      async () =>
        (await spare.get(key('projector:spare')))?.startsWith('verify ') === true || !running.isRunning,
      () => `a replay that has begun: ${running.output}`,
      60_000,
    );
    expect((await running.end('SIGINT')).code).toBe(130);
    await expectNothingLeft();
    await redis.decr(key('product:1:sold'));
  }, 120_000);

  test("what a killed one has left is no beginning of a rebuild, and in nobody's way (C4)", async () => {
    const begun = async (): Promise<void> => {
      const killed = command(AGAINST_LOG);
      await told(killed, 'caught up with the log');
      expect(await killed.end('SIGKILL')).toEqual({code: null, signal: 'SIGKILL'});
      // Not even by accident: what is there now was changed by somebody.
      expect(await spare.get(key('projector:spare'))).toMatch(/^verify /);
      await spare.hset(key('report:totals'), 'orders', '1');
      expect(await ended(command(AGAINST_LOG))).toMatchObject({
        code: 5,
        output: expect.stringMatching(/rebuild-refused: another one runs \(\S+ verify on /) as string,
      });
      await redis.del(key('projector:rebuild'));
    };
    await redis.incr(key('product:1:sold'));
    await begun();
    const {code, verdict} = await verified();
    expect([code, verdict.findings.map(({kind}) => kind)]).toEqual([3, ['counter-differs']]);
    await begun();
    const rebuilt = await ended(command(['rebuild']));
    expect(rebuilt).toMatchObject({code: 0});
    expect(rebuilt.output).not.toContain('going on with what is in');
    await expectNothingLeft();
    expect((await verified()).verdict).toMatchObject({differences: 0});
  }, 180_000);

  test('what an unfinished rebuild would go on with is kept, unless told otherwise', async () => {
    const first = command(['rebuild']);
    await until(
      async () => (await spare.get(key('projector:spare'))) === 'rebuild' || !first.isRunning,
      () => `a rebuild that has begun: ${first.output}`,
      60_000,
    );
    await first.end('SIGKILL');
    await redis.del(key('projector:rebuild'));
    expect(await ended(command(AGAINST_LOG))).toMatchObject({
      code: 5,
      output: expect.stringMatching(/rebuild-refused: .*an unfinished `rebuild` would go on with/) as string,
    });
    expect(await spare.get(key('projector:spare'))).toBe('rebuild');
    expect(await redis.exists(key('projector:rebuild'))).toBe(0);
    expect((await verified('--restart')).verdict).toMatchObject({differences: 0});
    await expectNothingLeft();
  }, 120_000);

  test('what cannot be done is refused before anything is touched', async () => {
    const refused = async (process: WorkerProcess, code: number, text: RegExp): Promise<void> => {
      expect(await ended(process)).toMatchObject({code, output: expect.stringMatching(text) as string});
    };
    await spare.set('note', 'x');
    await refused(command(AGAINST_LOG), 5, /rebuild-refused: .*must be empty, and holds 1 keys \("note"\)/);
    expect(await spare.keys('*')).toEqual(['note']);
    await spare.del('note');
    await refused(command(AGAINST_LOG, {REDIS_SPARE_DATABASE: '0'}), 2, /REDIS_SPARE_DATABASE is 0/);
    await expectNothingLeft();
  }, 60_000);

  test('a record that cannot be applied ends it, with the way out', async () => {
    const topic = `told-${Date.now().toString(36)}`;
    await createTopic(topic);
    await produce(topic, [{key: '5', value: 'no JSON, a-customer-secret'}]);
    const {code, output} = await ended(command(AGAINST_LOG, {KAFKA_TOPIC: topic, KEY_PREFIX: `${topic}:`}));
    expect([code, output]).toEqual([
      5,
      expect.stringMatching(
        /verify-halted: the log cannot be replayed: .*offset 0.*Compare with MySQL instead: `projector verify`/,
      ),
    ]);
    expect(output).not.toContain('a-customer-secret');
    expect(await spare.keys('*')).toEqual([]);
  }, 60_000);

  test('a Redis that is silent for a moment is waited for (L11)', async () => {
    await redis.incr(key('product:1:sold'));
    const running = command(AGAINST_LOG, {REDIS_TIMEOUT_MS: '1000'});
    await told(running, 'places to look at again');
    shop.own.pause();
    await told(running, 'waiting: ').finally(() => shop.own.resume());
    expect(await ended(running)).toMatchObject({
      code: 3,
      output: expect.stringMatching(
        /waiting: [^\n]*\nit answers again; going on\n[\s\S]*counter-differs/,
      ) as string,
    });
    await redis.decr(key('product:1:sold'));
    await expectNothingLeft();
  }, 60_000);
});
