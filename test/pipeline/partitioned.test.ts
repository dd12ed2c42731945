/**
 * The layout `partitioned` with the whole pipeline: a random shop, kill -9 of workers, and `verify`. On one Redis, and on a Redis Cluster
 * whose masters are killed, with the users of deploy/acl/redis-cluster.acl.
 */
import {Redis} from 'ioredis';
import {ForeignPipeline} from '../support/foreignPipeline.js';
import {produce} from '../support/kafka.js';
import {projector} from '../support/projector.js';
import {until} from '../support/until.js';
import {RedisCluster} from '../support/redisCluster.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import type {CommandResult} from '../support/stack.js';
import {chosenSeed} from '../support/random.js';
import {clusterRules, type RedisUser} from '../support/redisRights.js';
import {inTier} from '../support/tier.js';

const SCHEMA = `
  CREATE TABLE orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, user_id BIGINT NULL, total_amount DECIMAL(12,2) NOT NULL);
  CREATE TABLE order_items (id BIGINT PRIMARY KEY AUTO_INCREMENT, order_id BIGINT NOT NULL, product_id BIGINT NOT NULL,
    quantity INT NOT NULL, KEY (order_id), FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE);
  INSERT INTO orders VALUES (1, 7, 45.99), (2, NULL, 3.00), (3, 8, 0.50);
  INSERT INTO order_items VALUES (10, 1, 100, 2), (11, 1, 101, 1), (12, 3, 100, 5)`;
const STEPS = inTier({test: 200, soak: 1_000});
const PASSWORD = 'Zq7Secret';
const USERS = ['projector', 'operator', 'reports'] as const;
const seed = chosenSeed();

/** What both kinds of servers have in common. */
interface Place {
  /** The URL of the worker. */
  readonly url: string;
  /** The URL with another user. Without one, it is a user who may do everything. */
  readonly urlOf: (user?: RedisUser) => string;
  /** The commands for which a user had no right. */
  readonly denials: () => Promise<readonly unknown[]>;
  readonly settings: Record<string, string>;
  /** Kills a server while the shop trades, if there is another one that can replace it. */
  readonly disturb: (prefix: string) => Promise<void>;
  readonly onMasters: (work: (redis: Redis) => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Changes an order, and removes another one with its line items, without the knowledge of the worker. */
async function damage(redis: Redis): Promise<void> {
  const [changed, removed] = (await redis.keys('{*:*}:order:*')).sort();
  if (changed !== undefined) await redis.hset(changed, 'total_amount', '12.34');
  if (removed !== undefined) {
    await redis.del(removed);
    await redis.del(removed.replace('}:order:', '}:order_lines:'));
  }
}

async function oneRedis(): Promise<Place> {
  const redis = await OwnRedis.open();
  const {url} = redis;
  return {
    url,
    urlOf: () => url,
    denials: () => Promise.resolve([]),
    settings: {},
    disturb: async () => {
      await redis.kill();
      await redis.start();
    },
    onMasters: async (work) => {
      const connection = new Redis(url);
      await work(connection).finally(() => connection.disconnect());
    },
    close: async () => await redis.close(),
  };
}

async function clusterOfThree(): Promise<Place> {
  const rules = USERS.flatMap((user) => ['--user', user, ...clusterRules(PASSWORD, user, 'clustered:')]);
  const cluster = await RedisCluster.open({args: rules});
  const urlOf = (username?: RedisUser): string =>
    username === undefined
      ? cluster.url
      : Object.assign(new URL(cluster.url), {username, password: PASSWORD}).href;
  return {
    url: urlOf('projector'),
    urlOf,
    denials: async () => {
      const logs = await Promise.all(
        cluster.nodes.map(async (node) => (await cluster.on(node).call('ACL', 'LOG')) as unknown[]),
      );
      return logs.flat();
    },
    settings: {REDIS_CLUSTER_NODES: cluster.places.join(',')},
    disturb: async (prefix) => {
      const killed = await cluster.masterOf(prefix);
      await cluster.failover(killed);
      await cluster.restart(killed);
      await cluster.settled();
    },
    onMasters: async (work) => {
      for (const node of cluster.nodes) {
        const redis = cluster.on(node);
        if (((await redis.role()) as string[])[0] === 'master') await work(redis);
      }
    },
    close: async () => await cluster.close(),
  };
}

const ON_ONE_REDIS = {
  where: 'one Redis',
  open: oneRedis,
  name: 'parted',
  // A sum is repaired when the second pass finds the same difference.
  repairs: [
    ['audit', '--once', '--repair'],
    ['audit', '--once', '--repair'],
  ],
};
const ON_A_CLUSTER = {
  where: 'a cluster',
  open: clusterOfThree,
  name: 'clustered',
  repairs: [['verify', '--repair', '--wait', '60']],
};

(whyNoOwnRedis() === undefined ? describe : describe.skip).each([ON_ONE_REDIS, ON_A_CLUSTER])(
  'a random shop in the layout partitioned, on $where',
  ({open, name, repairs}) => {
    let place: Place;
    let shop: ForeignPipeline;

    beforeAll(async () => {
      place = await open();
      const settings = {REDIS_LAYOUT: 'partitioned', ...place.settings};
      shop = await ForeignPipeline.open({name, schema: SCHEMA, settings, redisUrl: place.url});
    }, 120_000);
    afterAll(async () => {
      await shop.close();
      await place.close();
    });

    /** Runs a command as this user. */
    const as = async (user: RedisUser, ...args: readonly string[]): Promise<CommandResult> =>
      await projector(args, {...shop.settings, REDIS_URL: place.urlOf(user)});

    /** Runs a command as `operator`. Rejects if it does not end with 0. */
    const run = async (...args: readonly string[]): Promise<void> => {
      const {status, stdout, stderr} = await as('operator', ...args);
      if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
    };

    test('is exact after kill -9 of workers and of a Redis (F90) (F92) (G2, G4)', async () => {
      await shop.trade(STEPS, seed);
      await run('verify', '--wait', '60');
      for (const prefix of [`{${name}:1}:`, `{${name}}:`]) {
        const disturbed = place.disturb(prefix);
        await shop.trade(STEPS, seed + 1);
        await disturbed;
        await run('verify', '--wait', '60');
      }
      expect(shop.worker.isRunning).toBe(true);
    }, 240_000);

    test('commands show it', async () => {
      const [row] = (
        await shop.root.query(
          'SELECT CAST(MIN(id) AS CHAR) AS id, CAST(COUNT(*) AS CHAR) AS orders FROM orders',
        )
      )[0] as [{id: string; orders: string}];
      const shown = async (user: RedisUser, ...args: string[]): Promise<unknown> => {
        const {status, stdout, stderr} = await as(user, ...args, '--json');
        if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
        return JSON.parse(stdout) as unknown;
      };
      const {id, orders} = row;
      for (const user of ['projector', 'reports'] as const) {
        expect(await shown(user, 'orders', 'count', '--scan')).toEqual({orders, scanned: orders});
        expect(await shown(user, 'orders', 'show', id)).toMatchObject({found: true, id});
        expect(await shown(user, 'report')).toMatchObject({totals: {orders}});
      }
      await shown('projector', 'offsets', 'show');
      expect(await shown('projector', 'lag')).toMatchObject({lagRecords: expect.anything() as unknown});
      const {checks} = (await shown('projector', 'doctor')) as {
        checks: {name: string; verdict: string; detail: string}[];
      };
      expect(checks.length).toBeGreaterThan(10);
      const isCluster = 'REDIS_CLUSTER_NODES' in place.settings;
      expect(checks.some((check) => check.name === 'redis-nodes')).toBe(isCluster);
      expect(checks.filter(({verdict}) => verdict === 'fail')).toEqual([]);
    });

    test('positions are set back, and counters and reports computed again, while the shop trades (I18, I19)', async () => {
      const trading = shop.trade(STEPS, seed + 2);
      await run('rebuild', '--reports');
      await run('offsets', 'reset', '--to', 'earliest', '--yes');
      await trading;
      await run('rebuild', '--reports');
      await run('verify', '--wait', '60');
      expect(shop.worker.isRunning).toBe(true);
    }, 240_000);

    test.each([['rebuild'], ['sync', '--replace']])(
      '`%s` replaces a damaged read model while the shop trades (G7)',
      async (...args) => {
        await place.onMasters(damage);
        const [{status, stdout, stderr}] = await Promise.all([
          as('operator', ...args, '--json'),
          shop.trade(STEPS, seed + 2),
        ]);
        expect({status, stderr}).toMatchObject({status: 0});
        expect(stderr).toContain('cutover done: readers see the new content');
        expect(JSON.parse(stdout)).toMatchObject({command: args[0], resumed: false});
        await run('verify', '--wait', '60');
        expect(shop.worker.isRunning).toBe(true);
      },
      240_000,
    );

    test('a quarantined record is listed and replayed, and the reports contain it (I19)', async () => {
      const [[{id}]] = (await shop.root.query(
        'SELECT CAST(MAX(id) AS CHAR) AS id FROM orders',
      )) as unknown as [[{id: string}]];
      await produce(shop.settings['KAFKA_TOPIC']!, [{key: id, value: '{"broken'}]);
      await until(
        async () => (await as('operator', 'dlq', 'list')).stdout.includes(id),
        () => 'the record to be quarantined',
      );
      await run('dlq', 'replay', '--all');
      expect((await as('operator', 'dlq', 'list')).stdout).toBe('');
      await run('verify', '--wait', '60');
    }, 120_000);

    test('what MySQL changed without a row event is repaired (I17, I19)', async () => {
      await shop.root.query('SET SESSION sql_log_bin = 0');
      await shop.root.query(
        'UPDATE orders SET total_amount = total_amount + 3, user_id = 77 ORDER BY id LIMIT 5',
      );
      await shop.root.query('UPDATE order_items SET quantity = quantity + 2 ORDER BY id LIMIT 7');
      await shop.root.query('DELETE FROM order_items ORDER BY id DESC LIMIT 3');
      await shop.root.query('SET SESSION sql_log_bin = 1');
      for (const args of repairs) await as('operator', ...args);
      await run('verify', '--wait', '60');
      expect(shop.worker.isRunning).toBe(true);
    }, 240_000);

    test('`sync` fills an empty prefix without a worker, and `--target` is refused', async () => {
      const settings = {
        ...shop.settings,
        REDIS_URL: place.urlOf(),
        REDIS_KEY_PREFIX: `${name}-two:`,
        KAFKA_GROUP_ID: `${name}-two`,
      };
      const planned = await projector(['sync', '--dry-run'], settings);
      expect(planned).toMatchObject({
        status: 0,
        stderr: expect.stringContaining('holds no unfinished run') as string,
      });
      const {status, stderr} = await projector(['sync'], settings);
      expect({status, stderr}).toMatchObject({status: 0});
      const verified = await projector(['verify', '--wait', '60'], settings);
      if (verified.status !== 0) throw new Error(`verify ended with ${verified.status}: ${verified.stderr}`);
      const refused = await as('operator', 'rebuild', '--target', place.url);
      expect(refused).toMatchObject({status: 2, stderr: expect.stringContaining('--target') as string});
    }, 120_000);

    test('`verify --against topic` says that it does not support the layout, and changes nothing', async () => {
      const {status, stderr} = await as('operator', 'verify', '--against', 'topic');
      expect({status, stderr}).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('does not support REDIS_LAYOUT=partitioned') as string,
      });
    });

    test('no user needed a right that deploy/acl/redis-cluster.acl does not give', async () => {
      expect(await place.denials()).toEqual([]);
    });
  },
);
