/** `projector doctor` on a Redis of its own. The tests cause one fault at a time. */
import {Redis} from 'ioredis';
import {BASE, connectorOption, doctor, expectFail, SECRET, SHOP} from '../support/doctorBench.js';
import {Pipeline, type Variables} from '../support/pipeline.js';
import {projectorBatch} from '../support/projector.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {redisRules} from '../support/redisRights.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: doctor and Redis. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('checks of Redis', () => {
  let own: OwnRedis;
  let admin: Redis;
  let pipeline: Pipeline;
  beforeAll(async () => {
    // Without a worker in the group, or without a record in the topic, doctor would print more warnings.
    pipeline = await Pipeline.open(SHOP);
    await pipeline.applied();
    own = await OwnRedis.open({args: ['--user', 'projector', 'on', ...redisRules(SECRET)]});
    admin = new Redis(own.url);
    admin.on('error', () => undefined);
  });
  afterAll(async () => {
    admin.disconnect();
    await pipeline.close();
    await own.close();
  });
  const user = (password = SECRET): Variables => ({
    REDIS_URL: `redis://projector:${password}@127.0.0.1:${own.port}/0`,
    // The rules in deploy/acl/redis.acl are for keys without a prefix.
    REDIS_KEY_PREFIX: '',
  });

  test('no check fails with the rules of deploy/acl/redis.acl, and Redis rejects no command', async () => {
    expect((await doctor(user())).fail).toEqual([]);
    expect(await admin.call('ACL', 'LOG')).toEqual([]);
  });

  test('doctor fails if Redis may evict orders', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expectFail(await doctor(user()), /^redis-eviction: maxmemory-policy allkeys-lru/, 5);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
  });

  test('doctor warns if Redis does not keep its data over a restart', async () => {
    await admin.config('SET', 'appendonly', 'no');
    const {status, warn} = await doctor({REDIS_URL: own.url});
    await admin.config('SET', 'appendonly', 'yes');
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^redis-persistence: neither/)]]);
  });

  test('doctor warns if the staging database holds foreign keys', async () => {
    await admin.call('SELECT', '15');
    await admin.set('foreign', '1');
    const {status, warn} = await doctor(user());
    await admin.del('foreign');
    await admin.call('SELECT', '0');
    expect([status, warn]).toEqual([
      0,
      [expect.stringMatching(/^staging-database: database 15 holds 1 key /)],
    ]);
  });

  test('doctor warns if the staging database does not exist', async () => {
    const {status, warn} = await doctor({...user(), REDIS_STAGING_DATABASE: '99'});
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^staging-database: .*index/)]]);
  });

  test('doctor fails if the user may not run a command, and names the command', async () => {
    await admin.call('ACL', 'SETUSER', 'projector', '-hincrby');
    expectFail(await doctor(user()), /^redis-rights: .*NOPERM this user has no permission to run HINCRBY/, 5);
    await admin.call('ACL', 'SETUSER', 'projector', '+hincrby');
  });

  test('doctor fails if Redis rejects the password, and no output contains the password', async () => {
    const args = ['doctor', ...(await connectorOption())];
    const [run] = await projectorBatch([args], {...BASE, ...user('Zq7Wrong')});
    expect(run).toMatchObject({code: 5, output: expect.stringContaining('WRONGPASS') as string});
    expect(run?.output).not.toContain('Zq7Wrong');
    expectFail(await doctor(user('Zq7Wrong')), /^redis: .*WRONGPASS/, 5);
  });

  test('doctor fails if Redis hangs', async () => {
    own.pause();
    const notified = await doctor(user(), {timeoutS: 5});
    own.resume();
    expect(notified.fail).toContainEqual(expect.stringMatching(/^redis: /));
    expect(notified.status).toBe(4);
  });

  test('doctor fails if Redis is unreachable', async () => {
    await own.kill();
    expectFail(await doctor(user()), /^redis: Redis at .* did not respond: .*ECONNREFUSED/, 4);
    await own.start();
  });
});
