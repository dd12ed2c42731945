/**
 * Every preset in shops/ on the tables and rows of its shop system: the state in Redis is the one that SQL gives (`expected.json`), through
 * the stream, after a rebuild and after a sync, and `verify` finds no difference.
 */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import {createConnection, type Connection} from 'mysql2/promise';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {parseItems} from '../../src/redis-model/storedItems.js';
import {WorkerProcess} from '../../stack/worker.js';
import {QUICK, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {ForeignShop} from '../../stack/foreignShop.js';
import {chosenSeed, Random} from '../support/random.js';
import {connectRoot, createForeignShop} from '../support/shop.js';
import {testStack, variables} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: shops. ${whyNot}\n`);

const PRESETS = readdirSync('shops').flatMap((file) => (file.endsWith('.env') ? [file.slice(0, -4)] : []));
const TIMEOUT_MS = 60_000;
/** Transactions of the random business. */
const STEPS = inTier({test: 100, soak: 3_000});
const seed = chosenSeed();
/** Values that JavaScript could not hold exactly are texts. */
const AS_TEXT = {dateStrings: true, supportBigNumbers: true, bigNumberStrings: true} as const;

/** The state of a shop, in the words of its `expected.json`. */
interface State {
  readonly orders: Readonly<
    Record<string, {user_id: string; total_amount: string; items: readonly (readonly string[])[]}>
  >;
  /** Products and buyers whose sum is 0 are left out. */
  readonly sold: Readonly<Record<string, string>>;
  readonly spent: Readonly<Record<string, string>>;
  readonly totals: Readonly<Record<string, string>>;
}

function settingsOf(preset: string): Record<string, string> {
  const lines = readFileSync(join('shops', `${preset}.env`), 'utf8').split('\n');
  const settings = lines.flatMap((line) => {
    const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value.replace(/^'(.*)'$/, '$1')] as const];
  });
  return Object.fromEntries(settings);
}

function expectedOf(preset: string): State {
  const {orders, sold, spent, totals} = JSON.parse(
    readFileSync(join('shops', preset, 'expected.json'), 'utf8'),
  ) as Omit<State, 'totals'> & {totals: Record<string, string | number>};
  return {
    orders,
    spent: Object.fromEntries(Object.entries(spent).filter(([, sum]) => /[1-9]/.test(sum))),
    sold: Object.fromEntries(Object.entries(sold).filter(([, units]) => units !== '0')),
    totals: Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, String(value)])),
  };
}

function major(minor: string, decimals: number): string {
  if (decimals === 0) return minor;
  const digits = minor.replace('-', '').padStart(decimals + 1, '0');
  return `${minor.startsWith('-') ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** A quantity as in `expected.json`: without zeros at the end. */
function withoutZeros(quantity: string): string {
  return quantity.includes('.') ? quantity.replace(/\.?0+$/, '') : quantity;
}

interface Decimals {
  readonly money: number;
  readonly quantity: number;
}

async function stateOf(redis: Redis, prefix: string, decimals: Decimals): Promise<State> {
  const keys = keysWithPrefix(prefix);
  const names = await redis.keys(`${prefix}*`);
  const orders: Record<string, State['orders'][string]> = {};
  const sold: Record<string, string> = {};
  for (const name of names) {
    const id = keys.orderIdOf(name);
    if (id !== undefined) {
      const {user_id = '', total_amount = ''} = await redis.hgetall(name);
      const items = parseItems((await redis.get(keys.orderLines(id))) ?? '') ?? [];
      orders[id] = {
        user_id,
        total_amount,
        items: items.map((item) => [item.id, item.productId, withoutZeros(item.quantity)]),
      };
    }
    const product = name.startsWith(`${prefix}product:`)
      ? name.slice(prefix.length).split(':')[1]
      : undefined;
    const units = product === undefined ? '0' : ((await redis.get(name)) ?? '0');
    if (product !== undefined && units !== '0') sold[product] = withoutZeros(major(units, decimals.quantity));
  }
  const scores = await redis.zrange(keys.reportUsers, '0', '-1', 'WITHSCORES');
  const spent: Record<string, string> = {};
  for (let i = 0; i < scores.length; i += 2)
    spent[scores[i] ?? ''] = major(BigInt(Number(scores[i + 1])).toString(), decimals.money);
  const {orders: count = '0', units = '0', revenue = '0'} = await redis.hgetall(keys.reportTotals);
  const totals = {
    orders: count,
    units: withoutZeros(major(units, decimals.quantity)),
    revenue: major(revenue, decimals.money),
  };
  return {orders, sold, spent, totals};
}

(whyNot === undefined ? describe : describe.skip)('the presets of shop systems', () => {
  let own: OwnRedis;
  let redis: Redis;
  let root: Connection;

  beforeAll(async () => {
    own = await OwnRedis.open();
    redis = new Redis(own.url);
    root = await connectRoot();
  });
  afterAll(async () => {
    redis.disconnect();
    await root.end();
    await own.close();
  });

  test.each(PRESETS)(
    `%s ends in the state that SQL gives, also after a rebuild, a sync and kill -9 in random business, and verify agrees (I9) (I16), seed ${seed}`,
    async (preset) => {
      const settings = settingsOf(preset);
      const database = `${preset.replaceAll('-', '_')}_${process.pid}_${Date.now().toString(36)}`;
      const prefix = `${preset}:`;
      const decimals = {
        money: Number(settings['MONEY_DECIMALS'] ?? '2'),
        quantity: Number(settings['QUANTITY_DECIMALS'] ?? '0'),
      };
      const {host, port, user, password} = testStack().env.mysql;
      const ours: Variables = {
        ...QUICK,
        ...settings,
        SOURCE_DATABASE: database,
        MYSQL_URL: `mysql://${user}:${password}@${host}:${port}/${database}`,
        KAFKA_TOPIC: `${database}.order-events`,
        KAFKA_GROUP_ID: database,
        REDIS_URL: own.url,
        REDIS_KEY_PREFIX: prefix,
        // The worker after the kill need not wait until the session of the killed one has expired.
        PROJECTOR_INSTANCE_ID: database,
      };
      const run = async (...args: readonly string[]): Promise<void> => {
        const {status, stdout, stderr} = await projector(args, ours);
        if (status !== 0)
          throw new Error(`projector ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
      };
      await redis.flushall();
      const schema = readFileSync(join('shops', preset, 'schema.sql'), 'utf8');
      await createForeignShop(root, database, schema);
      await run('connector', 'apply');
      let worker = new WorkerProcess({...variables(), ...ours});
      try {
        await root.query(`USE ${database}`);
        await root.query(readFileSync(join('shops', preset, 'rows.sql'), 'utf8'));
        const expected = expectedOf(preset);
        let found: State | undefined;
        await until(
          async () =>
            JSON.stringify(sorted((found = await stateOf(redis, prefix, decimals)))) ===
            JSON.stringify(sorted(expected)),
          () => `the expected state. The end of the worker's output: ${worker.output.slice(-1_000)}`,
          TIMEOUT_MS,
        ).catch(async (error: unknown) => {
          // The reason is usually a connector that has stopped, or a record that was rejected.
          const {stdout, stderr} = await projector(['connector', 'status'], ours);
          process.stderr.write(
            `${preset}: ${stdout}${stderr.slice(0, 6_000)}\n${worker.output.slice(-2_000)}`,
          );
          expect(found).toEqual(expected);
          throw error;
        });
        await run('verify', '--wait', '20');
        await run('rebuild');
        expect(await stateOf(redis, prefix, decimals)).toEqual(expected);
        await run('sync', '--replace');
        expect(await stateOf(redis, prefix, decimals)).toEqual(expected);
        await run('verify', '--wait', '20');

        const connection = await createConnection({uri: ours['MYSQL_URL'] ?? '', ...AS_TEXT});
        const schema = sourceSchema(readConfig(ours, []));
        const shop = await ForeignShop.open({connection, schema, random: new Random(seed)});
        for (let step = 0; step < STEPS; step++) {
          if (step === STEPS / 2) {
            await worker.end('SIGKILL');
            worker = new WorkerProcess({...variables(), ...ours});
          }
          await shop.trade();
        }
        await connection.end();
        // Rows that do not fit are skipped. They must not be the rule.
        expect(shop.done.transactions).toBeGreaterThan(STEPS / 3);
        await run('verify', '--wait', '60');
      } finally {
        await worker.end('SIGTERM');
        await run('connector', 'delete');
      }
    },
    180_000,
  );
});

/** The same content with its fields in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
