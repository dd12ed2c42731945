/**
 * Another Redis takes the place of the one that the worker wrote to, and has not received its newest writes. Redis calls
 * this normal: an acknowledged write may be lost in a failover. The position is lost with it, so the worker replays.
 */
import {longRun} from '../support/arbitraries.js';
import {expectBalance, OwnBench, report, notified} from '../support/ownBench.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {whyNoOwnRedis, type OwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';
import type {Worker} from '../support/workerBench.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Redis failovers. ${whyNot}\n`);

const AWAY = /^waiting: Redis at redis:\/\/127\.0\.0\.1:\d+\/0 did not respond: \S/;

(whyNot === undefined ? describe : describe.skip)('a failover', () => {
  let own: OwnBench;
  let replica: OwnRedis;
  /** Between the first Redis and its replica. */
  let link: TcpProxy;
  beforeEach(async () => {
    own = await OwnBench.open({isFollowed: true});
    replica = await own.another();
    link = await TcpProxy.open(own.redis.url);
    await replica.replicaOf(link);
  });
  afterEach(async () => {
    await own.close();
    await link.close();
  });

  /** The replica has received no more than this, and the first Redis goes on for a good while. */
  async function fallBehind(records: bigint): Promise<void> {
    link.hold();
    await own.bench.midway(records);
  }

  async function failOver(worker: Worker): Promise<void> {
    await own.proxy.goAway();
    await notified(worker, /^waiting:/);
    await replica.promote();
    await own.leadTo(replica);
  }

  test('to a stale replica: what it has not received is replayed (F29)', async () => {
    const log = longRun(31);
    own.bench.write(log.slice(0, 300));
    const worker = await own.worker();
    await own.bench.midway(150n);
    await fallBehind(280n);
    own.bench.write(log.slice(300));
    await own.bench.midway(400n);
    await own.redis.kill();
    await failOver(worker);
    const backMs = performance.now();
    await own.bench.caughtUp();
    report(`F29: caught up ${((performance.now() - backMs) / 1_000).toFixed(1)} s after the failover`);
    await own.expectSound(worker, {waiting: [AWAY]});
  });

  test('to a stale replica while nothing is to be done is noticed, too (F29)', async () => {
    const log = longRun(32);
    own.bench.write(log.slice(0, 300));
    const worker = await own.worker();
    await own.bench.caughtUp();
    const received = await own.bench.positions();
    await until(
      async () => (await lagOfReplica()) === 0,
      () => 'a replica that has everything',
    );
    link.hold();
    own.bench.write(log.slice(300));
    await own.bench.expectExact();
    expect(await own.bench.positions()).not.toEqual(received);
    await own.redis.kill();
    await failOver(worker);
    await own.expectSound(worker, {waiting: [AWAY]});
    expect(worker.projector.counts.applied).toBeGreaterThan(log.length);
  });

  async function lagOfReplica(): Promise<number> {
    const info = String(await own.call('INFO', 'replication'));
    const end = /^master_repl_offset:(\d+)/m.exec(info)?.[1];
    const reached = /^slave0:.*\boffset=(\d+)/m.exec(info)?.[1];
    return Number(end) - Number(reached);
  }

  test('with a split brain: what the old primary took after it vanishes, and is replayed (F30)', async () => {
    const log = longRun(33);
    own.bench.write(log.slice(0, 200));
    const worker = await own.worker();
    await own.bench.caughtUp();
    link.hold();
    // Two primaries now; the worker still writes to the old one.
    await replica.promote();
    own.bench.write(log.slice(200, 450));
    await own.bench.expectExact();
    own.bench.write(log.slice(450));
    await own.bench.midway(500n);
    await failOver(worker);
    await own.bench.expectExact();

    // The old one follows the new one, forgets what it took alone, and leads again one day.
    await own.redis.replicaOf(replica);
    await own.proxy.goAway();
    await notified(worker, /^waiting:/, 2);
    await own.redis.promote();
    await own.leadTo(own.redis);
    own.bench.write(longRun(34, 100));
    await own.expectSound(worker, {waiting: [AWAY, AWAY]});
  });

  test('with a split brain and a worker on either side: only the log decides (F30) (C1)', async () => {
    const log = longRun(35);
    own.bench.write(log.slice(0, 300));
    const left = await TcpProxy.open(own.redis.url);
    const leftUrl = new URL(own.workerUrl);
    leftUrl.port = String(left.port);
    const behind = await own.worker({redisUrl: leftUrl.href});
    await own.bench.midway(100n);
    link.hold();
    await replica.promote();
    await own.leadTo(replica);
    const successor = await own.worker();
    own.bench.write(log.slice(300));
    await own.bench.expectExact();

    // The one that stayed behind finds its way to the new primary, and still believes that the partitions are its own.
    await left.close();
    await notified(behind, /^waiting:/);
    const back = await TcpProxy.open(replica.url, {port: left.port});
    try {
      own.bench.write(longRun(36, 200));
      await own.bench.expectExact();
      await notified(behind, /^recovered: /);
      await expect(behind.stop()).resolves.toBeUndefined();
      expectBalance(behind);
      await own.expectSound(successor);
    } finally {
      await back.close();
    }
  });
});
