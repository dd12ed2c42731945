/**
 * The network between the worker and Redis is slow, splits replies, delivers nothing, resets connections, or
 * leads to another server.
 */
import dns from 'node:dns';
import {longRun} from '../support/arbitraries.js';
import {order} from '../support/changes.js';
import {expectBalance, OwnBench, report, notified} from '../support/ownBench.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: the network to Redis. ${whyNot}\n`);

/** The chunks are large, so that a reset hits a script or a reply at any byte. */
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

  test('a rate of 10 kB/s makes the worker slower, but causes no reset to the stored position (F43)', async () => {
    own.proxy.slow({bytesPerSecond: 10_000});
    own.bench.write(longRun(101, 400));
    const worker = await own.worker({settings: BIG_CHUNKS, timeoutMs: 5_000});
    await own.expectSound(worker);
    expect(worker.projector.counts.positionResets).toBe(0);
  });

  test('a chunk that takes longer than the Redis timeout at a low rate arrives late, and is counted once (F43) (C2)', async () => {
    own.proxy.slow({bytesPerSecond: 20_000});
    own.bench.write(
      Array.from({length: 900}, (_, id) => order(String(id), {user: String(id), extra: ['x'.repeat(60)]})),
    );
    // One chunk has about 50 kB. It takes about 2.5 s at this rate, longer than the timeout.
    const settings = {chunkOrdersMax: 500, chunkRecordsMax: 2_000, queueBytesMax: 4_000_000};
    const worker = await own.worker({settings, timeoutMs: 1_000});
    // Each reset sends the chunk again, and its bytes wait behind the earlier ones.
    await own.bench.caughtUp(90_000);
    own.proxy.slow({});
    await own.bench.expectExact();
    expect(worker.projector.counts.positionResets).toBeGreaterThan(0);
    await worker.stop();
    expectBalance(worker);
  });

  test('replies that arrive byte by byte cause no reset to the stored position (F43)', async () => {
    own.proxy.slice();
    own.bench.write(longRun(102, 300));
    const worker = await own.worker();
    await own.expectSound(worker);
    expect(worker.projector.counts.positionResets).toBe(0);
  });

  test('a latency of 500 ms +- 200 makes the worker slower, but causes no reset to the stored position (F42)', async () => {
    own.proxy.slow({latencyMs: 150, jitterMs: 200});
    own.bench.write(longRun(103, 300));
    const worker = await own.worker({settings: BIG_CHUNKS});
    await own.expectSound(worker);
    expect(worker.projector.counts.positionResets).toBe(0);
  });

  test('a worker loses no record if its connections are reset in the middle of requests, at any byte (F45)', async () => {
    own.proxy.slow({bytesPerSecond: 40_000});
    own.bench.write(longRun(104));
    const worker = await own.worker({settings: {...BIG_CHUNKS, chunkRecordsMax: 40}});
    for (const at of [60n, 180n, 300n]) {
      await own.bench.midway(at);
      // The next script is in flight, and only a part of it is sent.
      own.proxy.cutAll();
    }
    own.proxy.slow({});
    await own.bench.caughtUp();
    // Each reset causes one waiting line. It causes none if the worker had reconnected before it sent the
    // next request.
    const lines = worker.messages.filter((line) => line.startsWith('waiting:')).length;
    expect(lines).toBeLessThanOrEqual(3);
    await own.expectSound(worker, {
      waiting: Array<RegExp>(lines).fill(/^waiting: Redis at \S+ did not respond: \S/),
    });
  });

  test('a worker waits while packets are dropped without a reset for longer than the Redis timeout, and then resumes (F46)', async () => {
    own.bench.write(longRun(105));
    const worker = await own.worker({timeoutMs: 500});
    for (let time = 1; time <= 2; time++) {
      await own.bench.midway(BigInt(time) * 200n);
      own.proxy.hold();
      await notified(worker, /^waiting:/, time);
      // Packets of new connections are dropped too.
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

  test('a worker resumes when its address leads to another server with the same data (F47)', async () => {
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

  test('a worker retries while the name of its Redis cannot be resolved, and then resumes (F47)', async () => {
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
      () => 'more than 3 lookups of the name',
    );
    isKnown = true;
    await recovered('F47: caught up once the name resolves', async () => await own.bench.caughtUp());
    await own.expectSound(worker, {waiting: [/^waiting: Redis at redis:\/\/redis\.shop\.test:/]});
  });
});

type Done = (error: Error | null, ...found: unknown[]) => void;
