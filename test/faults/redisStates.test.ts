/**
 * States of Redis that no worker causes: missing keys, positions that were changed by hand, and late replies.
 */
import {OwnBench, report, notified} from '../support/ownBench.js';
import {longRun} from '../support/arbitraries.js';
import {item, order} from '../support/changes.js';
import {recordOf} from '../support/records.js';
import {redisRules} from '../support/redisRights.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: odd states of Redis. ${whyNot}\n`);

const POSITION = 'projector:position:test.events:';

(whyNot === undefined ? describe : describe.skip)('a Redis in a state that no worker causes', () => {
  let own: OwnBench;
  beforeEach(async () => (own = await OwnBench.open()));
  afterEach(async () => await own.close());

  const keys = async (): Promise<string[]> => await own.bench.redis.redis.keys('*');

  describe('positions without their data (I1, I5)', () => {
    const remove = async (isLeft: (key: string) => boolean): Promise<void> => {
      const gone = (await keys()).filter((key) => !isLeft(key));
      await own.bench.redis.redis.del(...gone);
    };

    test.each([
      {name: 'all of it', isLeft: (key: string) => key.startsWith('projector:'), key: 'report:totals'},
      {name: 'the totals', isLeft: (key: string) => key !== 'report:totals', key: 'report:totals'},
      {name: 'the layout', isLeft: (key: string) => key !== 'projector:layout', key: 'projector:layout'},
    ])('$name: the worker halts before it writes, and names the missing key', async ({isLeft, key}) => {
      own.bench.write(longRun(71));
      const worker = await own.worker();
      await own.bench.expectExact();
      await remove(isLeft);
      const left = await own.bench.redis.snapshot();
      own.bench.write(longRun(72, 50));
      const detail = new RegExp(
        `^Redis at \\S+: CORRUPT ${key} is missing, although Redis holds a position$`,
      );
      await own.expectHalt(worker, 'read-model-corrupt', detail);
      // The next worker halts with the same error.
      await own.expectHalt(await own.worker(), 'read-model-corrupt', detail);
      expect(await own.bench.redis.snapshot()).toEqual(left);
      // The advice is to rebuild the read model. A worker also fills an empty Redis.
      await own.call('FLUSHALL');
      await own.expectSound(await own.worker());
    });
  });

  test.each([
    {name: 'while the worker runs', isRunning: true},
    {name: 'before it starts', isRunning: false},
  ])(
    'if Redis loses the position of a partition $name, that partition is replayed (I1, I3)',
    async ({isRunning}) => {
      own.bench.write(longRun(73));
      const first = await own.worker();
      await own.bench.expectExact();
      if (!isRunning) await first.stop();
      await own.call('DEL', `${POSITION}1`);
      const worker = isRunning ? first : await own.worker();
      own.bench.write(longRun(74, 60));
      await own.expectSound(worker);
    },
  );

  test('a partition whose position was reset by hand to an earlier one is replayed from there (I1, I3)', async () => {
    own.bench.write(longRun(75, 300));
    const worker = await own.worker();
    await own.bench.caughtUp();
    const old = String(await own.call('GET', `${POSITION}2`));
    own.bench.write(longRun(76, 300));
    await own.bench.expectExact();
    await own.call('SET', `${POSITION}2`, old);
    await notified(worker, /reset to the stored position .*although this worker wrote nothing/);
    await own.expectSound(worker);
  });

  test('a partition whose position was set by hand, without a fingerprint, is replayed from there (I3)', async () => {
    own.bench.write(longRun(77));
    const worker = await own.worker();
    await own.bench.expectExact();
    await own.call('SET', `${POSITION}0`, 'v1 7');
    await notified(worker, /reset to the stored position .*although this worker wrote nothing/);
    await own.expectSound(worker);
  });

  test('a worker halts if the positions are those of another topic with the same name and enough records (I10)', async () => {
    own.bench.write(longRun(78));
    await (await own.worker()).stop();
    await own.expectSound(await own.worker());
    const before = await own.bench.redis.snapshot();
    const {low, high} = own.bench.topic.range(0);
    const others = Array.from({length: Number(high - low) + 5}, (_, i) =>
      recordOf(i === 0 ? order('3', {user: '8', extra: ['new']}) : item('3/1', {quantity: String(i)})),
    );
    own.bench.topic.replace(0, ...others);
    const worker = await own.worker();
    await own.expectHalt(
      worker,
      'topic-replaced',
      /test\.events\[0\]: the record at offset \d+ is not the record that was applied/,
    );
    expect(await own.bench.redis.snapshot()).toEqual(before);
  });

  test.each(['hset', 'hincrby', 'mset', 'zadd', 'zrem', 'hdel', 'del', 'set'])(
    'a running worker that loses the right to %s halts, and no chunk is applied in part (F39) (I5)',
    async (command) => {
      own.bench.write(longRun(79));
      const worker = await own.worker();
      await own.bench.midway(150n);
      await own.call('ACL', 'SETUSER', 'projector', `-${command}`);
      own.bench.write(longRun(82, 100));
      await own.expectHalt(
        worker,
        'redis-denied',
        new RegExp(
          `^Redis at \\S+ denied access: NOPERM this user has no permission to run ${command.toUpperCase()} on `,
        ),
      );
      await own.bench.expectExactSoFar();
      expect(await own.bench.positions()).not.toEqual(own.bench.ends);
      await own.call('ACL', 'SETUSER', 'projector', ...redisRules('Zq7Secret'));
      await own.call('ACL', 'LOG', 'RESET');
      await own.expectSound(await own.worker());
    },
  );

  test('a reply that arrives after the Redis timeout has no effect (I4, C2)', async () => {
    own.bench.write(longRun(80));
    const worker = await own.worker({timeoutMs: 300});
    for (let time = 1; time <= 3; time++) {
      await own.bench.midway(BigInt(time) * 130n);
      own.proxy.hold(['replies']);
      await notified(worker, /^waiting:/, time);
      // Redis has executed the scripts. Their replies arrive only after `release`, on connections that the
      // worker has closed.
      await until(
        () => own.proxy.connections > 1,
        () => 'a second connection of the worker',
      );
      const backMs = performance.now();
      own.proxy.release();
      await notified(worker, /^recovered: /, time);
      report(`late answers: going on ${((performance.now() - backMs) / 1_000).toFixed(1)} s after they came`);
    }
    const late = /^waiting: Redis at \S+ did not respond: Socket timeout\b/;
    await own.expectSound(worker, {waiting: [late, late, late]});
  });

  test.each([
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'CLUSTERDOWN Hash slot not served',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'MISCONF Errors writing to the AOF file: No space left on device',
    'NOREPLICAS Not enough good replicas to write.',
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'UNKILLABLE Sorry the script already executed write commands against the dataset.',
  ])('the error %j is translated to redis-unreachable, which the worker retries (F36)', async (text) => {
    const script = {name: 'refuses', lua: `return redis.error_reply(${JSON.stringify(text)})`};
    await expect(own.bench.redis.client.run(script, 'key', [])).rejects.toMatchObject({
      kind: 'redis-unreachable',
      detail: `Redis at ${own.bench.redis.client.address} cannot process commands: ${text}`,
    });
  });
});
