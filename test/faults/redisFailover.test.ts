/**
 * Another Redis replaces the one that the worker wrote to, and has not received its newest writes. Redis
 * documents that a failover can lose acknowledged writes. The position is lost with them, so the worker
 * replays the records.
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
  /** The proxy between the first Redis and its replica. */
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

  /** Holds the replication. Resolves when the first Redis has applied at least this number of records. */
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

  test('a worker replays the records that are missing on a stale replica after a failover (F29)', async () => {
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

  test('an idle worker notices a failover to a stale replica, and replays the missing records (F29)', async () => {
    const log = longRun(32);
    own.bench.write(log.slice(0, 300));
    const worker = await own.worker();
    await own.bench.caughtUp();
    const received = await own.bench.positions();
    await until(
      async () => (await lagOfReplica()) === 0,
      () => 'a replica that has received all writes',
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

  test('a worker replays the records whose writes to the old primary were lost after a split brain (F30)', async () => {
    const log = longRun(33);
    own.bench.write(log.slice(0, 200));
    const worker = await own.worker();
    await own.bench.caughtUp();
    link.hold();
    // There are two primaries now, and the worker still writes to the old one.
    await replica.promote();
    own.bench.write(log.slice(200, 450));
    await own.bench.expectExact();
    own.bench.write(log.slice(450));
    await own.bench.midway(500n);
    await failOver(worker);
    await own.bench.expectExact();

    // The old primary becomes a replica of the new one and loses the writes that only it has received. Later
    // it is promoted again.
    await own.redis.replicaOf(replica);
    await own.proxy.goAway();
    await notified(worker, /^waiting:/, 2);
    await own.redis.promote();
    await own.leadTo(own.redis);
    own.bench.write(longRun(34, 100));
    await own.expectSound(worker, {waiting: [AWAY, AWAY]});
  });

  test('after a split brain with a worker on either side, Redis equals the fold of the topic (F30) (C1)', async () => {
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

    // The worker that stayed with the old primary connects to the new one. It still assumes that it owns the
    // partitions.
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
