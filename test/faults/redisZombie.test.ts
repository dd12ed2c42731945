/**
 * A worker has lost its partition and has not noticed it. Its scripts expect a position that has moved, so
 * Redis rejects them, while its successor applies records. Nothing else protects Redis: Kafka rejects only
 * the offset commits of such a worker.
 */
import {ReadModel} from '../../src/apply/readModel.js';
import type {ApplyRequest} from '../../src/apply/script.js';
import {RedisClient} from '../../src/clients/redis/client.js';
import {NO_POSITION} from '../../src/redis-model/position.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {longRun} from '../support/arbitraries.js';
import {expectBalance, OwnBench, report} from '../support/ownBench.js';
import {chosenSeed, Random} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: stale writers. ${whyNot}\n`);

const TRIES = 1_000;
const TRIES_AT_ONCE = 10;
const ROUNDS = 5;
const seed = chosenSeed();

interface Sent {
  readonly partition: number;
  readonly request: ApplyRequest;
}

(whyNot === undefined ? describe : describe.skip)('a stale writer', () => {
  let own: OwnBench;
  let watched: jest.SpiedFunction<ReadModel['apply']>;
  beforeEach(async () => {
    own = await OwnBench.open();
    watched = jest.spyOn(ReadModel.prototype, 'apply');
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await own.close();
  });

  /** All scripts that workers have sent so far. */
  const sent = (): Sent[] => watched.mock.calls.map(([partition, request]) => ({partition, request}));

  test(`Redis rejects all ${TRIES} scripts of a stale writer while its successor applies records (C1, I1), seed ${seed}`, async () => {
    const random = new Random(seed);
    own.bench.write(longRun(51));
    const predecessor = await own.worker();
    await own.bench.midway(200n);
    await predecessor.stop();
    const stale = sent();
    const left = await own.bench.positions();
    const successor = await own.worker();
    await until(
      async () => (await own.bench.positions()).every((at, partition) => at > left[partition]!),
      () => 'a successor that has moved every position',
    );

    const client = new RedisClient({url: own.workerUrl, timeoutMs: 5_000});
    await client.connect();
    const model = own.bench.redis.modelOn(client);
    /** Sends an earlier script again: unchanged, or with other positions of the same partition. */
    const attempt = async (): Promise<string> => {
      const {partition, request} = random.pick(stale);
      const ofPartition = stale.filter((other) => other.partition === partition);
      const expected = random.chance(0.05) ? NO_POSITION : random.pick(ofPartition).request.expected;
      const {next} = random.pick(ofPartition).request;
      const tried = random.chance(0.3) ? request : {...request, expected, next};
      return (await model.apply(partition, tried)).kind;
    };
    const outcomes = new Map<string, number>();
    try {
      for (let tries = 0; tries < TRIES; tries += TRIES_AT_ONCE) {
        if (tries % 100 === 0) own.bench.write(longRun(52 + tries, 60));
        for (const kind of await Promise.all(Array.from({length: TRIES_AT_ONCE}, attempt))) {
          outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
        }
      }
    } finally {
      client.close();
    }
    report(`stale writer: ${JSON.stringify(Object.fromEntries(outcomes))} of ${TRIES} tries, seed ${seed}`);
    expect(Object.fromEntries(outcomes)).toEqual({rejected: TRIES});
    await own.expectSound(successor);
  });

  test('scripts that were in flight when a worker was cut off change nothing when they arrive (C1, I4)', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const ends = own.bench.ends.reduce((sum, end) => sum + end, 0n);
      own.bench.write(longRun(60 + round));
      const line = await TcpProxy.open(own.redis.url);
      const url = new URL(own.workerUrl);
      url.port = String(line.port);
      try {
        const cutOff = await own.worker({redisUrl: url.href, timeoutMs: 300});
        await own.bench.midway(ends + 100n);
        line.hold();
        await until(
          () => cutOff.messages.some((message) => message.startsWith('waiting:')),
          () => 'a waiting line of the worker that is cut off',
        );
        const successor = await own.worker();
        await own.bench.expectExact();
        // The scripts arrive now, also those on connections that the worker has closed.
        line.release();
        await until(
          () => cutOff.messages.some((message) => message.startsWith('recovered: ')),
          () => 'a recovery line of the worker that was cut off',
        );
        await own.bench.expectExact();
        await cutOff.stop();
        expectBalance(cutOff);
        await own.expectSound(successor);
      } finally {
        await line.close();
      }
    }
  });
});
