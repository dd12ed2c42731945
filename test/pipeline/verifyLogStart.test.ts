/**
 * `projector verify --against topic` starts when the staging database holds leftovers of other runs or
 * foreign keys, when a record cannot be applied, or when Redis hangs.
 */
import type {Redis} from 'ioredis';
import type {WorkerProcess} from '../../stack/worker.js';
import {createTopic, produce} from '../support/kafka.js';
import {LogVerification} from '../support/logVerification.js';
import {ended, type OwnShop} from '../support/ownShop.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined)
  process.stderr.write(`skipped: verify against the topic after other runs. ${whyNot}\n`);

const BASE = 14_500_000;
const seed = chosenSeed();

(whyNot === undefined ? describe : describe.skip)(
  `verify against the topic after other runs, seed ${seed}`,
  () => {
    let log: LogVerification;
    let shop: OwnShop;
    let redis: Redis;

    beforeAll(async () => {
      log = await LogVerification.open('retold', {base: BASE, seed});
      ({shop} = log);
      ({redis} = shop);
    }, 120_000);

    afterAll(async () => await log.close());

    test('the leftovers of a killed verify do not block the next run, and a rebuild does not resume from them (C4)', async () => {
      const begun = async (): Promise<void> => {
        const killed = log.begin();
        await log.notified(killed, 'caught up with the topic');
        expect(await killed.end('SIGKILL')).toEqual({code: null, signal: 'SIGKILL'});
        expect(await log.staging.get(log.key('projector:staging'))).toMatch(/^verify /);
        // The test changes the leftovers, so that a run that used them would find or cause a difference.
        await log.staging.hset(log.key('report:totals'), 'orders', '1');
        expect(await ended(log.begin())).toMatchObject({
          code: 5,
          output: expect.stringMatching(
            /rebuild-refused: another run holds the rebuild lock \(\S+ verify on /,
          ) as string,
        });
        await redis.del(log.key('projector:rebuild'));
      };
      await redis.incr(log.key('product:1:sold'));
      await begun();
      const {code, verdict} = await log.verified();
      expect([code, verdict.findings.map(({kind}) => kind)]).toEqual([3, ['counter-differs']]);
      await begun();
      const rebuilt = await ended(shop.command(['rebuild']));
      expect(rebuilt).toMatchObject({code: 0});
      expect(rebuilt.output).not.toContain('resuming the unfinished run with the data in');
      await log.expectNothingLeft();
      expect((await log.verified()).verdict).toMatchObject({differences: 0});
    }, 180_000);

    test('verify keeps the content of an unfinished rebuild, unless --restart is given', async () => {
      const first = shop.command(['rebuild']);
      await until(
        async () => (await log.staging.get(log.key('projector:staging'))) === 'rebuild' || !first.isRunning,
        () => `the rebuild to begin: ${first.output}`,
        60_000,
      );
      await first.end('SIGKILL');
      await redis.del(log.key('projector:rebuild'));
      expect(await ended(log.begin())).toMatchObject({
        code: 5,
        output: expect.stringMatching(
          /rebuild-refused: .*holds the content of an unfinished `rebuild`/,
        ) as string,
      });
      expect(await log.staging.get(log.key('projector:staging'))).toBe('rebuild');
      expect(await redis.exists(log.key('projector:rebuild'))).toBe(0);
      expect((await log.verified('--restart')).verdict).toMatchObject({differences: 0});
      await log.expectNothingLeft();
    }, 120_000);

    test('verify stops before it changes anything if it cannot use the staging database', async () => {
      const refused = async (process: WorkerProcess, code: number, text: RegExp): Promise<void> => {
        expect(await ended(process)).toMatchObject({code, output: expect.stringMatching(text) as string});
      };
      await log.staging.set('note', 'x');
      await refused(log.begin(), 5, /rebuild-refused: .*must be empty, but holds 1 key \("note"\)/);
      expect(await log.staging.keys('*')).toEqual(['note']);
      await log.staging.del('note');
      await refused(log.begin({REDIS_STAGING_DATABASE: '0'}), 2, /REDIS_STAGING_DATABASE is 0/);
      await log.expectNothingLeft();
    }, 60_000);

    test('a record that cannot be applied ends the comparison, and the message names another command', async () => {
      const topic = `told-${Date.now().toString(36)}`;
      await createTopic(topic);
      await produce(topic, [{key: '5', value: 'no JSON, a-customer-secret'}]);
      const {code, output} = await ended(log.begin({KAFKA_TOPIC: topic, REDIS_KEY_PREFIX: `${topic}:`}));
      expect([code, output]).toEqual([
        5,
        expect.stringMatching(
          /verify-halted: the topic cannot be replayed: .*offset 0.*Compare with MySQL instead: `projector verify`/,
        ),
      ]);
      expect(output).not.toContain('a-customer-secret');
      expect(await log.staging.keys('*')).toEqual([]);
    }, 60_000);

    test('verify waits while Redis hangs, and then finishes (L11)', async () => {
      await redis.incr(log.key('product:1:sold'));
      const running = log.begin({REDIS_TIMEOUT_MS: '1000'});
      await log.notified(running, 'to check again');
      shop.own.pause();
      await log.notified(running, 'waiting: ').finally(() => shop.own.resume());
      expect(await ended(running)).toMatchObject({
        code: 3,
        output: expect.stringMatching(/waiting: [^\n]*\nrecovered: [^\n]*\n[\s\S]*counter-differs/) as string,
      });
      await redis.decr(log.key('product:1:sold'));
      await log.expectNothingLeft();
    }, 60_000);
  },
);
