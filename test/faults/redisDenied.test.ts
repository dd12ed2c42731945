/**
 * The worker must not use this Redis, or Redis denies it access. The worker halts with exit code 5, and names
 * what is missing but no secret. A rejected script is never applied in part.
 */
import {Redis} from 'ioredis';
import {RedisClient} from '../../src/clients/redis/client.js';
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {FaultBench} from '../support/faultBench.js';
import {OwnBench, SECRET} from '../support/ownBench.js';
import {redisRules} from '../support/redisRights.js';
import {clusterArgs, whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';
import {halted, hasSaid} from '../support/workerLog.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Redis that denies. ${whyNot}\n`);

const WRONG = 'Zq7Wrong';

(whyNot === undefined ? describe : describe.skip)('a Redis that a worker cannot use', () => {
  let own: OwnBench;
  beforeEach(async () => (own = await OwnBench.open()));
  afterEach(async () => await own.close());

  const urlOf = (user: string, password: string, database = 0): string => {
    const url = new URL(own.workerUrl);
    Object.assign(url, {username: user, password, pathname: `/${database}`});
    return url.href;
  };

  describe('halts a worker at start with exit code 5 and one reason, without the secret', () => {
    interface Case {
      readonly name: string;
      readonly setUp: () => Promise<unknown>;
      readonly url: () => string;
      readonly kind: string;
      readonly msg: RegExp;
    }
    const CASES: readonly Case[] = [
      {
        name: 'WRONGPASS (F39)',
        setUp: () => Promise.resolve(),
        url: () => urlOf('projector', WRONG),
        kind: 'redis-denied',
        msg: /^Redis at \S+ denied access: WRONGPASS invalid username-password pair or user is disabled/,
      },
      {
        name: 'NOAUTH (F39)',
        setUp: () => own.call('CONFIG', 'SET', 'requirepass', SECRET),
        url: () => urlOf('', ''),
        kind: 'redis-denied',
        msg: /^Redis at \S+ denied access: NOAUTH /,
      },
      {
        name: 'NOPERM: a right that the script needs (F39)',
        setUp: () => own.call('ACL', 'SETUSER', 'projector', '-hincrby'),
        url: () => urlOf('projector', SECRET),
        kind: 'redis-denied',
        msg: /^Redis at \S+ denied access: NOPERM this user has no permission to run HINCRBY on projector:chunks$/,
      },
      {
        name: 'NOPERM: another database (F39)',
        setUp: () => own.call('ACL', 'SETUSER', 'projector', '-select'),
        url: () => urlOf('projector', SECRET, 3),
        kind: 'redis-denied',
        msg: /^Redis at \S+\/3 denied access: NOPERM .*'select'/,
      },
      {
        name: 'a Redis that may drop keys (F33) (S7)',
        setUp: () => own.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'),
        url: () => urlOf('projector', SECRET),
        kind: 'redis-evicts',
        msg: /^Redis at \S+ has maxmemory-policy allkeys-lru, which can evict orders$/,
      },
      {
        name: 'cluster mode, without slots (F41) (S6)',
        setUp: async () => await own.leadTo(await own.another({args: await clusterArgs()})),
        url: () => urlOf('projector', SECRET),
        kind: 'redis-clustered',
        msg: /^Redis at \S+ runs in cluster mode$/,
      },
      {
        name: 'cluster mode, a node of several (F41) (S6)',
        setUp: async () => {
          const node = await own.another({args: await clusterArgs()});
          const admin = new Redis(node.url);
          await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8000');
          admin.disconnect();
          await own.leadTo(node);
        },
        url: () => urlOf('projector', SECRET),
        kind: 'redis-clustered',
        msg: /^Redis at \S+ runs in cluster mode$/,
      },
    ];

    test.each(CASES)('$name', async ({setUp, url, kind, msg}) => {
      const faults = await FaultBench.open('faults-denied');
      try {
        await faults.write([order('5')]);
        await setUp();
        const worker = faults.start({REDIS_URL: url(), REDIS_KEY_PREFIX: ''});
        const {code, line} = await halted(worker);
        expect(code).toBe(5);
        expect(line).toMatchObject({level: 60, kind, exitCode: 5, runbook: `docs/runbook.md#${kind}`});
        expect(line['msg']).toMatch(msg);
        expect(worker.output).not.toMatch(new RegExp(`${SECRET}|${WRONG}`));
        if (kind !== 'redis-clustered') expect(await own.bench.redis.snapshot()).toEqual([]);
      } finally {
        await faults.close();
      }
    });
  });

  test('a Redis that was set to evict keys halts a running worker at its next connection (F33) (S7)', async () => {
    const faults = await FaultBench.open('faults-denied');
    try {
      await faults.write([order('5')]);
      const worker = faults.start({REDIS_URL: urlOf('projector', SECRET), REDIS_KEY_PREFIX: ''});
      await hasSaid(worker, /^partitions assigned/);
      await own.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      own.proxy.cutAll();
      const {code, line} = await halted(worker);
      expect([code, line]).toMatchObject([5, {kind: 'redis-evicts', exitCode: 5}]);
    } finally {
      await faults.close();
    }
  });

  describe('while the worker runs', () => {
    const connectionsCut = (): void => own.proxy.cutAll();

    test('a new password halts the worker with WRONGPASS at its next connection, and no chunk is applied in part (F39)', async () => {
      own.bench.write(longRun(91));
      const worker = await own.worker();
      await own.bench.midway(100n);
      await own.call('ACL', 'SETUSER', 'projector', 'resetpass', `>${WRONG}`);
      connectionsCut();
      await own.expectHalt(worker, 'redis-denied', /^Redis at \S+ denied access: WRONGPASS /);
      await own.bench.expectExactSoFar();
      await own.call('ACL', 'SETUSER', 'projector', `>${SECRET}`);
      await own.call('ACL', 'LOG', 'RESET');
      await own.expectSound(await own.worker());
    });

    test('an idle worker whose Redis user is deleted halts at the next position check (F39)', async () => {
      own.bench.write(longRun(92));
      const worker = await own.worker();
      await own.bench.expectExact();
      // Redis closes the connections of a user that is deleted.
      await own.call('ACL', 'DELUSER', 'projector');
      await own.expectHalt(worker, 'redis-denied', /^Redis at \S+ denied access: WRONGPASS /);
      await own.call('ACL', 'SETUSER', 'projector', 'on', ...redisRules(SECRET));
      await own.call('ACL', 'LOG', 'RESET');
      await own.expectSound(await own.worker());
    });

    test('an idle worker that loses the right to read the positions halts (F39)', async () => {
      own.bench.write(longRun(93));
      const worker = await own.worker();
      await own.bench.expectExact();
      await own.call('ACL', 'SETUSER', 'projector', '-mget');
      await own.expectHalt(worker, 'redis-denied', /^Redis at \S+ denied access: NOPERM .*'mget'/);
      await own.bench.expectExact();
    });

    test('a client that loses the right to select its database writes nothing to database 0 (F39)', async () => {
      const client = new RedisClient({url: urlOf('projector', SECRET, 3), timeoutMs: 1_000});
      try {
        await client.connect();
        await own.call('ACL', 'SETUSER', 'projector', '-select');
        connectionsCut();
        const key = 'projector:position:test.events:0';
        const script = {name: 'writes', lua: "return redis.call('SET', KEYS[1], ARGV[1])"};
        let answer: unknown;
        await until(
          async () => {
            answer = await client.run(script, key, ['v1 1']).catch((error: unknown) => error);
            // The script fails with `redis-unreachable` until the client has reconnected.
            return (answer as {kind?: string}).kind !== 'redis-unreachable';
          },
          () => String(answer),
        );
        expect(answer).toMatchObject({
          kind: 'redis-denied',
          detail: expect.stringMatching(/\/3 denied access: NOPERM .*'select'/) as string,
        });
        expect(await own.bench.redis.snapshot()).toEqual([]);
      } finally {
        client.close();
      }
    });
  });
});
