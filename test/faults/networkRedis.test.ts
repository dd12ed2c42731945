/** The network between the worker and Redis: slow, in pieces, silent, cut, and leading elsewhere. */
import dns from 'node:dns';
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {expectBalance, OwnBench, report, notified} from '../support/ownBench.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: the network to Redis. ${whyNot}\n`);

/** Larger than one script with its reply, so that a chunk is cut at any place. */
const BIG_CHUNKS = {chunkOrdersMax: 3, chunkRecordsMax: 200, queueBytesMax: 1_000_000};
const SILENT = /^waiting: Redis at redis:\/\/\S+ did not respond: Socket timeout\b/;

(whyNot === undefined ? describe : describe.skip)('the network to Redis', () => {
  let own: OwnBench;
  beforeEach(async () => (own = await OwnBench.open()));
  afterEach(async () => {
    jest.restoreAllMocks();
    own.proxy.pass();
    await own.close();
  });

  const recovered = async (row: string, what: () => Promise<void>): Promise<void> => {
    const begin = performance.now();
    await what();
    report(`${row}: ${((performance.now() - begin) / 1_000).toFixed(1)} s`);
  };

  test('carries 10 kB a second: slower, and nothing else (F43)', async () => {
    own.proxy.slow({bytesPerSecond: 10_000});
    own.bench.write(longRun(101, 400));
    const worker = await own.worker({settings: BIG_CHUNKS, timeoutMs: 5_000});
    await own.expectSound(worker);
    expect(worker.projector.counts.positionResets).toBe(0);
  });

  test('carries so little that a chunk takes longer than the worker waits: it arrives late, and counts once (F43) (C2)', async () => {
    own.proxy.slow({bytesPerSecond: 20_000});
    own.bench.write(
      Array.from({length: 900}, (_, id) => order(String(id), {user: String(id), extra: ['x'.repeat(60)]})),
    );
    // One chunk would be some 50 kB.
    const settings = {chunkOrdersMax: 500, chunkRecordsMax: 2_000, queueBytesMax: 4_000_000};
    const worker = await own.worker({settings, timeoutMs: 1_000});
    await own.bench.caughtUp();
    own.proxy.slow({});
    await own.bench.expectExact();
    expect(worker.projector.counts.positionResets).toBeGreaterThan(0);
    await worker.stop();
    expectBalance(worker);
  });

  test('delivers replies byte by byte (F43)', async () => {
    own.proxy.slice();
    own.bench.write(longRun(102, 300));
    const worker = await own.worker();
    await own.expectSound(worker);
    expect(worker.projector.counts.positionResets).toBe(0);
  });

  test('takes 500 ms there and back, 200 more or less: slower, and nothing else (F42)', async () => {
    own.proxy.slow({latencyMs: 150, jitterMs: 200});
    own.bench.write(longRun(103, 300));
    const worker = await own.worker({settings: BIG_CHUNKS});
    await own.expectSound(worker);
    expect(worker.projector.counts.positionResets).toBe(0);
  });

  test('cuts connections in the middle of requests, at any byte (F45)', async () => {
    own.proxy.slow({bytesPerSecond: 40_000});
    own.bench.write(longRun(104));
    const worker = await own.worker({settings: {...BIG_CHUNKS, chunkRecordsMax: 40}});
    for (const at of [60n, 180n, 300n]) {
      await own.bench.midway(at);
      // The next script is on its way, in parts.
      own.proxy.cutAll();
    }
    own.proxy.slow({});
    await own.bench.caughtUp();
    // A cut is one line, or none when the next connection was there before anyone asked.
    const lines = worker.messages.filter((line) => line.startsWith('waiting:')).length;
    expect(lines).toBeLessThanOrEqual(3);
    await own.expectSound(worker, {
      waiting: Array<RegExp>(lines).fill(/^waiting: Redis at \S+ did not respond: \S/),
    });
  });

  test('is a black hole, without an end of the connection, for longer than the worker waits (F46)', async () => {
    own.bench.write(longRun(105));
    const worker = await own.worker({timeoutMs: 500});
    for (let time = 1; time <= 2; time++) {
      await own.bench.midway(BigInt(time) * 200n);
      own.proxy.hold();
      await notified(worker, /^waiting:/, time);
      // New connections are swallowed, too.
      const before = own.proxy.connections;
      await until(
        () => own.proxy.connections > before,
        () => `more than ${before} connections`,
      );
      await own.bench.expectExactSoFar();
      own.proxy.release();
      await recovered('F46: recovered', async () => await notified(worker, /^recovered: /, time));
    }
    await own.expectSound(worker, {waiting: [SILENT, SILENT]});
  });

  test('leads to another server with the same data, on the same address (F47)', async () => {
    await own.close();
    own = await OwnBench.open({isFollowed: true});
    const other = await own.another();
    await other.replicaOf(own.redis);
    own.bench.write(longRun(106));
    const worker = await own.worker();
    await own.bench.midway(200n);
    await own.proxy.goAway();
    await notified(worker, /^waiting:/);
    await other.promote();
    await own.redis.kill();
    await own.leadTo(other);
    await recovered('F47: caught up at the new address', async () => await own.bench.caughtUp());
    await own.expectSound(worker, {waiting: [/^waiting: Redis at \S+ did not respond: \S/]});
  });

  test('has a name that no longer resolves, and then means another address (F47)', async () => {
    const NAME = 'redis.shop.test';
    let isKnown = true;
    const lookup = dns.lookup.bind(dns) as (...args: unknown[]) => void;
    jest.spyOn(dns, 'lookup').mockImplementation(((name: string, options: unknown, done: Done) => {
      if (name !== NAME) lookup(name, options, done);
      else if (isKnown) lookup('127.0.0.1', options, done);
      else
        process.nextTick(
          done,
          Object.assign(new Error(`getaddrinfo ENOTFOUND ${NAME}`), {code: 'ENOTFOUND'}),
        );
    }) as typeof dns.lookup);
    own.bench.write(longRun(107));
    const url = new URL(own.workerUrl);
    url.hostname = NAME;
    const worker = await own.worker({redisUrl: url.href});
    await own.bench.midway(200n);
    isKnown = false;
    own.proxy.cutAll();
    await notified(worker, /^waiting: Redis at redis:\/\/redis\.shop\.test:\d+\/0 did not respond: \S/);
    await until(
      () => jest.mocked(dns.lookup).mock.calls.filter(([name]) => name === NAME).length > 3,
      () => 'a name that is asked for again and again',
    );
    isKnown = true;
    await recovered('F47: caught up once the name resolves', async () => await own.bench.caughtUp());
    await own.expectSound(worker, {waiting: [/^waiting: Redis at redis:\/\/redis\.shop\.test:/]});
  });
});

type Done = (error: Error | null, ...found: unknown[]) => void;
