/**
 * Redis responds with an error that is temporary. The worker logs it in one line, keeps its records, and
 * resumes without a command. A rejected script has changed nothing.
 */
import {randomBytes} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, rmdirSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {RedisClient} from '../../src/clients/redis/client.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {longRun} from '../support/arbitraries.js';
import {OwnBench, report, notified} from '../support/ownBench.js';
import {clusterArgs, whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';
import type {Worker} from '../support/workerBench.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Redis that refuses. ${whyNot}\n`);

/** The pattern of the one log line that reports an error of Redis. */
function refusal(text: string): RegExp {
  const where = 'Redis at redis://127\\.0\\.0\\.1:\\d+/0 cannot process commands';
  return new RegExp(`^waiting: ${where}: ${text}.* \\{"kind":"redis-unreachable"\\}$`);
}

(whyNot === undefined ? describe : describe.skip)('a temporary error of Redis', () => {
  let own: OwnBench;
  beforeEach(async () => (own = await OwnBench.open()));
  afterEach(async () => await own.close());

  const info = async (section: string): Promise<string> => String(await own.call('INFO', section));
  const tells = async (section: string, text: string): Promise<void> => {
    await until(
      async () => (await info(section)).includes(text),
      () => `${text} in INFO ${section}`,
    );
  };

  /**
   * Calls `refuse` while a worker applies records, expects that it waits, and calls `allow` to end the error.
   */
  async function midStream(
    text: string,
    refuse: () => Promise<unknown>,
    allow: () => Promise<unknown>,
  ): Promise<void> {
    own.bench.write(longRun(41));
    const worker = await own.worker();
    await own.bench.midway(100n);
    await refuse();
    own.bench.write(longRun(47, 100));
    await notified(worker, refusal(text));
    await own.bench.expectExactSoFar();
    expect(await own.bench.positions()).not.toEqual(own.bench.ends);
    await allow();
    await goesOn(worker, text);
  }

  async function goesOn(worker: Worker, text: string): Promise<void> {
    const backMs = performance.now();
    await own.bench.caughtUp();
    report(`${text}: caught up ${((performance.now() - backMs) / 1_000).toFixed(1)} s after it was over`);
    await own.expectSound(worker, {waiting: [refusal(text)]});
  }

  const config = (name: string, value: string): Promise<unknown> => own.call('CONFIG', 'SET', name, value);

  test('OOM: a worker writes nothing in part while the memory of Redis is full, and resumes when memory is free (F34)', async () => {
    await midStream(
      "OOM command not allowed when used memory > 'maxmemory'",
      () => config('maxmemory', '1'),
      () => config('maxmemory', '0'),
    );
  });

  test('NOREPLICAS: a worker waits while Redis has too few replicas to accept writes (F36)', async () => {
    await midStream(
      'NOREPLICAS Not enough good replicas to write',
      () => config('min-replicas-to-write', '1'),
      () => config('min-replicas-to-write', '0'),
    );
  });

  test('MISCONF: a worker waits while Redis cannot save a snapshot (F36)', async () => {
    const obstacle = join(own.redis.folder, 'dump.rdb');
    mkdirSync(obstacle);
    await midStream(
      'MISCONF Redis is configured to save RDB snapshots',
      async () => {
        await config('save', '3600 1');
        await own.call('BGSAVE');
        await tells('persistence', 'rdb_last_bgsave_status:err');
      },
      async () => {
        rmdirSync(obstacle);
        await own.call('BGSAVE');
        await tells('persistence', 'rdb_last_bgsave_status:ok');
      },
    );
  });

  (existsSync('/dev/full') ? test : test.skip)(
    'MISCONF: a worker waits while the disk of the append-only file is full (F36)',
    async () => {
      const folder = join(own.redis.folder, 'appendonlydir');
      const rewritten = async (): Promise<void> => {
        await own.call('BGREWRITEAOF');
        await tells('persistence', 'aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0');
      };
      await midStream(
        'MISCONF Errors writing to the AOF file: No space left on device',
        async () => {
          const numbers = readdirSync(folder).map((name) => Number(/\.(\d+)\.incr\./.exec(name)?.[1] ?? 0));
          // Redis will append to the file of this name after the rewrite.
          symlinkSync('/dev/full', join(folder, `appendonly.aof.${Math.max(...numbers) + 1}.incr.aof`));
          await rewritten();
        },
        rewritten,
      );
    },
  );

  test('BUSY: a worker waits while Redis runs an endless script of another client, until SCRIPT KILL (F36)', async () => {
    await config('busy-reply-threshold', '50');
    const other = own.bench.redis.redis.duplicate();
    other.on('error', () => undefined);
    let endless: Promise<unknown> = Promise.resolve();
    try {
      own.bench.write(longRun(42));
      const worker = await own.worker();
      await own.bench.midway(100n);
      endless = other.eval('while true do end', 0).catch((error: unknown) => error);
      own.bench.write(longRun(47, 100));
      await notified(worker, refusal('BUSY Redis is busy running a script'));
      await own.call('SCRIPT', 'KILL');
      // Redis ends the script at its next step, after the reply to SCRIPT KILL.
      await endless;
      await goesOn(worker, 'BUSY Redis is busy running a script');
    } finally {
      await endless;
      other.disconnect();
    }
  });

  describe('on a replica', () => {
    test('READONLY: a worker with an open connection to the old primary connects to the new one at its address (F35)', async () => {
      await own.close();
      own = await OwnBench.open({isFollowed: true});
      const primary = await own.another();
      await primary.replicaOf(own.redis);
      own.bench.write(longRun(43));
      const worker = await own.worker();
      await own.bench.midway(100n);
      await primary.promote();
      own.proxy.leadTo(primary.url);
      await own.redis.replicaOf(primary);
      own.bench.write(longRun(47, 100));
      await notified(worker, refusal("READONLY You can't write against a read only replica"));
      // The connection of the test must go to the new primary too.
      own.bench.redis.redis.disconnect(true);
      await goesOn(worker, "READONLY You can't write against a read only replica");
    });

    test('READONLY: a worker waits until the replica is promoted again (F35)', async () => {
      const primary = await own.another();
      await primary.replicaOf(own.redis);
      await midStream(
        "READONLY You can't write against a read only replica",
        async () => {
          await primary.promote();
          await own.redis.replicaOf(primary);
        },
        () => own.redis.promote(),
      );
    });

    test('MASTERDOWN: a worker waits while the replica has lost its primary and must not serve stale data (F36)', async () => {
      const primary = await own.another();
      const link = await TcpProxy.open(primary.url);
      try {
        const log = longRun(44);
        own.bench.write(log.slice(0, 300));
        const worker = await own.worker();
        await own.bench.caughtUp();
        await primary.replicaOf(own.redis);
        await primary.promote();
        await own.redis.replicaOf(link);
        await config('replica-serve-stale-data', 'no');
        await link.goAway();
        await notified(
          worker,
          refusal("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'"),
        );
        own.bench.write(log.slice(300));
        await own.redis.promote();
        await goesOn(worker, 'MASTERDOWN');
      } finally {
        await link.close();
      }
    });

    test('LOADING: a worker waits while the replica loads the data of its primary (F36)', async () => {
      const text = 'LOADING Redis is loading the dataset in memory';
      const log = longRun(45);
      own.bench.write(log.slice(0, 300));
      const worker = await own.worker();
      await own.bench.caughtUp();
      await fillAnotherDatabase();
      // The primary has the same data but another replication history, so it sends all data.
      const primary = await own.another({dump: await own.redis.dump()});
      // Each key takes 20 ms to load, and Redis responds to clients between two keys.
      await config('loading-process-events-interval-bytes', '1024');
      await config('key-load-delay', '20000');
      await own.call('REPLICAOF', '127.0.0.1', String(primary.port));
      await notified(worker, refusal(text));
      // A client that connects meanwhile receives the same error.
      const client = new RedisClient({url: own.workerUrl, timeoutMs: 1_000});
      await expect(client.connect()).rejects.toMatchObject({
        kind: 'redis-unreachable',
        detail: expect.stringContaining(`cannot process commands: ${text}`) as string,
      });
      client.close();
      await config('key-load-delay', '0');
      await tells('replication', 'master_link_status:up');
      await own.redis.promote();
      own.bench.write(log.slice(300));
      await goesOn(worker, text);
    });

    async function fillAnotherDatabase(): Promise<void> {
      const filler = own.bench.redis.redis.duplicate({db: 5});
      for (let i = 0; i < 300; i++) await filler.set(`filler:${i}`, randomBytes(200).toString('base64'));
      filler.disconnect();
    }
  });

  test('CLUSTERDOWN: a worker waits while its address leads to a cluster without slots (F36) (S6)', async () => {
    const cluster = await own.another({args: await clusterArgs()});
    own.bench.write(longRun(46));
    const worker = await own.worker();
    await own.bench.midway(100n);
    // The proxy keeps listening, so that a server responds at every moment.
    own.proxy.leadTo(cluster.url);
    own.proxy.cutAll();
    await notified(worker, /^waiting:/);
    await own.leadTo(own.redis);
    await own.expectSound(worker, {
      waiting: [/^waiting: Redis at \S+ (?:cannot process commands: CLUSTERDOWN|did not respond)/],
    });
  });
});
