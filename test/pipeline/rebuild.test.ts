/**
 * `projector rebuild` and `projector sync` on the real stack with a Redis of the test's own. Meanwhile a
 * shop writes and two workers run. Readers never see less data than before, the workers are not restarted,
 * and the result is exact.
 */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import {compare} from '../../stack/comparison.js';
import {WorkerProcess} from '../../stack/worker.js';
import {pause} from '../support/pace.js';
import {connectMysql, freshId, QUICK, startWorker, whenApplied} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {positions, readModel} from '../support/readModel.js';
import {redisRules} from '../support/redisRights.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {shopOfFile} from '../support/shop.js';
import {variables} from '../support/stack.js';
import {until} from '../support/until.js';
import {Workload} from '../support/workload.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: rebuild and sync. ${whyNot}\n`);

const BASE = 12_000_000;
const QUIET_ORDERS = 150;
/** No prefix: SWAPDB swaps whole databases, and the rules in deploy/acl/redis.acl are for such keys. */
const PREFIX = '';
const PASSWORD = 'Zq7Secret';
const seed = chosenSeed();

/** Reads continuously. It records a fault if an order or a counter is absent or older than before. */
class Reader {
  readonly #redis: Redis;
  readonly #quiet: ReadonlyMap<string, Record<string, string>>;
  readonly #rising: string;
  readonly #product: string;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  rounds = 0;
  readonly faults: string[] = [];

  constructor(
    redis: Redis,
    watched: {quiet: ReadonlyMap<string, Record<string, string>>; rising: string; product: string},
  ) {
    this.#redis = redis;
    this.#quiet = watched.quiet;
    this.#rising = watched.rising;
    this.#product = watched.product;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
    this.#redis.disconnect();
  }

  async #run(): Promise<void> {
    let total = 0;
    while (!this.#end.signal.aborted) {
      for (const [id, wanted] of this.#quiet) {
        const found = await this.#redis.hgetall(`${PREFIX}order:${id}`);
        if (JSON.stringify(found) !== JSON.stringify(wanted))
          this.faults.push(`order ${id}: ${JSON.stringify(found)}`);
      }
      const sold = await this.#redis.get(`${PREFIX}product:${this.#product}:sold`);
      if (sold !== String(QUIET_ORDERS)) this.faults.push(`the counter: ${sold ?? 'absent'}`);
      const now = Number((await this.#redis.hget(`${PREFIX}order:${this.#rising}`, 'total_amount')) ?? '-1');
      if (now < total) this.faults.push(`the rising order went from ${total} back to ${now}`);
      total = now;
      this.rounds++;
    }
  }
}

(whyNot === undefined ? describe : describe.skip)(`rebuild and sync, seed ${seed}`, () => {
  let own: OwnRedis;
  let redis: Redis;
  let mysql: Connection;
  let connections: Connection[];
  let workload: Workload;
  let workers: WorkerProcess[] = [];
  let quiet: ReadonlyMap<string, Record<string, string>>;
  let rising: string;
  const product = freshId();

  const urlOf = (user: 'projector' | 'operator', database = 0): string =>
    own.url.replace('//', `//${user}:${PASSWORD}@`).replace(/0$/, String(database));
  const settings = (): Record<string, string> => ({
    REDIS_URL: urlOf('projector'),
    REDIS_KEY_PREFIX: PREFIX,
    KAFKA_GROUP_ID: 'replaced',
  });
  const command = (...args: string[]): WorkerProcess =>
    new WorkerProcess({...variables(), ...QUICK, ...settings(), REDIS_URL: urlOf('operator')}, args);
  const ended = async (process: WorkerProcess): Promise<{code: number | null; output: string}> => {
    const {code} = await process.exited;
    return {code, output: process.output};
  };
  const place = async (total: string): Promise<string> => {
    const [user, id] = [freshId(), freshId()];
    await mysql.query('INSERT INTO orders (id, user_id, total_amount) VALUES (?, ?, ?)', [id, user, total]);
    const line = 'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (?, ?, 1, 1)';
    await mysql.query(line, [id, product]);
    return id;
  };
  /** Until `work` is done, the shop writes transactions and the total of one order rises. */
  const whileTrading = async (work: () => Promise<void>): Promise<void> => {
    const end = new AbortController();
    const trading = async (): Promise<void> => {
      while (!end.signal.aborted) {
        await workload.transact(10);
        await pause();
      }
    };
    const raising = async (): Promise<void> => {
      while (!end.signal.aborted) {
        await mysql.query('UPDATE orders SET total_amount = total_amount + 1 WHERE id = ?', [rising]);
        await pause();
      }
    };
    await Promise.all([work().finally(() => end.abort()), trading(), raising()]);
  };
  const differences = async (): Promise<readonly string[]> => {
    await whenApplied({mysql, redis}, [PREFIX], {timeoutMs: 90_000});
    return (await compare(mysql, redis, {prefix: PREFIX})).differences;
  };
  const stagingKeys = async (): Promise<string[]> => {
    const other = redis.duplicate({db: 15});
    try {
      return await other.keys('*');
    } finally {
      other.disconnect();
    }
  };

  beforeAll(async () => {
    const users = (['projector', 'operator'] as const).flatMap((user) => [
      ...['--user', user, 'on', ...redisRules(PASSWORD, user)],
    ]);
    own = await OwnRedis.open({args: users});
    redis = new Redis(own.url);
    mysql = await connectMysql();
    connections = await Promise.all([connectMysql(), connectMysql()]);
    workload = new Workload(connections, seed, {base: BASE});
    workers = [startWorker('replaced', settings()), startWorker('replaced', settings())];
    const placed: string[] = [];
    for (let i = 0; i < QUIET_ORDERS; i++) placed.push(await place(`${i}.50`));
    rising = await place('0.00');
    await mysql.query('DELETE FROM order_items WHERE order_id = ?', [rising]);
    await workload.transact(200);
    expect(await differences()).toEqual([]);
    quiet = new Map(
      await Promise.all(placed.map(async (id) => [id, await redis.hgetall(`${PREFIX}order:${id}`)] as const)),
    );
  }, 300_000);

  afterAll(async () => {
    for (const worker of workers) await worker.end('SIGTERM');
    redis.disconnect();
    for (const connection of [mysql, ...connections]) await connection.end();
    await own.close();
  });

  const expectUnnoticed = (reader: Reader): void => {
    expect(reader.faults.slice(0, 5)).toEqual([]);
    expect(reader.rounds).toBeGreaterThan(2);
    expect(workers.filter(({isRunning}) => !isRunning).map(({output}) => output.slice(-1_500))).toEqual([]);
  };

  test('a rebuild that is killed under load resumes at its next run, and readers never see older data (I15, L9, C4, G7) (F10)', async () => {
    const reader = new Reader(redis.duplicate(), {quiet, rising, product});
    let output = '';
    await whileTrading(async () => {
      const first = command('rebuild');
      const other = redis.duplicate({db: 15});
      await until(
        async () => (await other.get(`${PREFIX}projector:staging`)) === 'rebuild' || !first.isRunning,
        () => `the rebuild to begin: ${first.output}`,
        60_000,
      );
      expect(await first.end('SIGKILL')).toEqual({code: null, signal: 'SIGKILL'});
      other.disconnect();
      // The lock of the killed process has not expired, so the next run stops with `rebuild-refused`.
      const early = await ended(command('rebuild'));
      expect(early).toMatchObject({
        code: 5,
        output: expect.stringContaining('rebuild-refused: another run holds the rebuild lock') as string,
      });
      await redis.del(`${PREFIX}projector:rebuild`);
      const second = await ended(command('rebuild', '--json'));
      expect(second).toMatchObject({code: 0});
      output = second.output;
    });
    await reader.stop();
    expect(output).toContain('resuming the unfinished run with the data in');
    expect(output).toMatch(/cutover done: readers see the new content/);
    expectUnnoticed(reader);
    expect(await differences()).toEqual([]);
    expect(await stagingKeys()).toEqual([]);
    expect(await redis.exists(`${PREFIX}projector:rebuild`)).toBe(0);
    process.stderr.write(
      `figure: rebuild under traffic: ${/workers paused for \d+ ms/.exec(output)?.[0] ?? ''}\n`,
    );
  }, 300_000);

  test('each of two rebuilds has the same content as the live data, byte by byte (G7, I7)', async () => {
    expect(await differences()).toEqual([]);
    const lived = await readModel(redis, PREFIX);
    for (const run of [1, 2]) {
      expect(await ended(command('rebuild'))).toMatchObject({code: 0});
      await whenApplied({mysql, redis}, [PREFIX]);
      const made = await readModel(redis, PREFIX);
      // Each call of `whenApplied` changes the marker orders, so they are not compared.
      const isMarker = (key: string): boolean => /^order(_lines)?:-|^report:users$/.test(key);
      const withoutMarkers = (content: Map<string, string>): [string, string][] =>
        [...content].filter(([key]) => !isMarker(key));
      expect([run, withoutMarkers(made)]).toEqual([run, withoutMarkers(lived)]);
    }
  }, 300_000);

  test('sync does not change a Redis that holds orders, and with --replace it recreates the read model under load (I15, S8)', async () => {
    const before = await readModel(redis, PREFIX);
    const skipped = await ended(command('sync'));
    expect(skipped).toMatchObject({
      code: 0,
      output: expect.stringMatching(/holds [1-9]\d* orders\nnothing was done/) as string,
    });
    expect(await readModel(redis, PREFIX)).toEqual(before);

    const reader = new Reader(redis.duplicate(), {quiet, rising, product});
    await whileTrading(async () => {
      expect(await ended(command('sync', '--replace'))).toMatchObject({
        code: 0,
        output: expect.stringMatching(
          /orders and [\d,]+ line items were read from mysql[\s\S]*cutover done: readers/,
        ) as string,
      });
      await workload.transact(50);
    });
    await reader.stop();
    expectUnnoticed(reader);
    expect(await differences()).toEqual([]);
    expect(await stagingKeys()).toEqual([]);
  }, 300_000);

  test('sync loads an empty Redis from MySQL, and a worker then keeps it up to date (I15)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'projector-target-'));
    const target = join(folder, 'url');
    writeFileSync(target, urlOf('operator', 7));
    const [first, again] = [
      await ended(command('sync', '--target-file', target)),
      await ended(command('sync', '--target-file', target)),
    ];
    rmSync(folder, {recursive: true});
    expect(first).toMatchObject({code: 0});
    expect(again).toMatchObject({code: 0, output: expect.stringContaining('nothing was done') as string});
    const loaded = redis.duplicate({db: 7});
    const follower = startWorker('filled', {REDIS_URL: urlOf('projector', 7), REDIS_KEY_PREFIX: PREFIX});
    try {
      await workload.transact(50);
      await whenApplied({mysql, redis: loaded}, [PREFIX], {timeoutMs: 60_000});
      expect((await compare(mysql, loaded, {prefix: PREFIX})).differences).toEqual([]);
    } finally {
      await follower.end('SIGTERM');
      loaded.disconnect();
    }
  }, 120_000);

  test('a rebuild that is not possible stops before it changes anything, and names the reason', async () => {
    const refused = async (args: string[], text: RegExp, code = 5): Promise<void> => {
      expect(await ended(command(...args))).toMatchObject({
        code,
        output: expect.stringMatching(text) as string,
      });
    };
    await redis.set('session:1', 'x');
    await refused(
      ['rebuild'],
      /rebuild-refused: redis:\S+ holds 1 key that does not belong to this read model \("session:1"\)/,
    );
    await refused(['rebuild', '--dry-run'], /holds 1 key that does not belong to this read model/);
    await redis.del('session:1');
    const other = redis.duplicate({db: 15});
    await other.set('note', 'x');
    await refused(['rebuild'], /must be empty, but holds 1 key \("note"\)/);
    await refused(['rebuild', '--dry-run'], /must be empty, but holds 1 key \("note"\)/);
    await other.del('note');
    other.disconnect();
    await refused(['rebuild', '--dry-run'], /nothing was done \(--dry-run\)/, 0);
    await refused(['rebuild', '--target', 'http://x'], /must be a URL that begins with redis:/, 2);
    expect(await stagingKeys()).toEqual([]);
    expect(await differences()).toEqual([]);
  }, 120_000);

  test('offsets reset replays the topic over the live data and ends in the same state, but never skips records (I1, I3)', async () => {
    const before = await positions(redis, PREFIX);
    const reset = await ended(command('offsets', 'reset', '--to', 'earliest', '--yes', '--json'));
    expect(reset).toMatchObject({code: 0});
    const {partitions} = JSON.parse(reset.output) as {partitions: {partition: number; to: string}[]};
    expect(partitions.map(({partition, to}) => [partition, to])).toEqual(
      [...before.keys()].sort((a, b) => a - b).map((n) => [n, '0']),
    );
    const sum = async (): Promise<bigint> =>
      [...(await positions(redis, PREFIX)).values()].reduce((total, next) => total + next, 0n);
    const goal = [...before.values()].reduce((total, next) => total + next, 0n);
    await until(
      async () => (await sum()) >= goal,
      () => 'the replay to finish',
      60_000,
    );
    expect(await differences()).toEqual([]);
    const forward = await ended(
      command('offsets', 'reset', '--to', '999999999', '--partition', '0', '--yes'),
    );
    expect(forward).toMatchObject({code: 2, output: expect.stringContaining('would skip records') as string});
    const unasked = await ended(command('offsets', 'reset', '--to', 'earliest'));
    expect(unasked).toMatchObject({code: 2, output: expect.stringContaining('use --yes') as string});
    const later = await ended(command('offsets', 'reset', '--to', '2099-01-01T00:00:00Z', '--yes', '--json'));
    expect([later.code, (JSON.parse(later.output) as {partitions: unknown}).partitions]).toEqual([0, []]);
    expect(await ended(command('offsets', 'reset', '--to', 'latest', '--yes'))).toMatchObject({code: 2});
  }, 120_000);

  test('the rules of deploy/acl/redis.acl are sufficient for rebuild, sync, offsets reset, verify and a repair', async () => {
    await redis.hincrby('report:totals', 'revenue', 1);
    await redis.hset(`order:${rising}`, 'items', 'x');
    expect(await ended(command('verify'))).toMatchObject({code: 3});
    expect(await ended(command('verify', '--against', 'topic'))).toMatchObject({code: 3});
    const {connectorFile} = await shopOfFile();
    expect(await ended(command('verify', '--repair', '--connector-file', connectorFile))).toMatchObject({
      code: 0,
    });
    expect(await ended(command('verify', '--against', 'topic'))).toMatchObject({code: 0});
    expect(await differences()).toEqual([]);
    expect(await redis.call('ACL', 'LOG')).toEqual([]);
    expect(workers.map(({output}) => output.includes(PASSWORD))).toEqual([false, false]);
  }, 120_000);
});
