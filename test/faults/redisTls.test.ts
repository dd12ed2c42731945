/** TLS to Redis with a private CA, also with a certificate that expires while a worker runs. */
import {Redis} from 'ioredis';
import {freePorts} from '../../stack/ports.js';
import {TestCa, type Certificate} from '../support/certificates.js';
import {FaultBench} from '../support/faultBench.js';
import type {Variables} from '../support/pipeline.js';
import {OwnRedis, tlsPortArgs, whyNoOwnRedis} from '../support/redisServer.js';
import {projectorProcess, type CommandResult} from '../support/stack.js';
import {hasSaid, halted} from '../support/workerLog.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: TLS to Redis. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('TLS to Redis', () => {
  let ca: TestCa;
  let good: Certificate;
  let ours: Certificate;
  let own: OwnRedis;
  /** Connects to the port without TLS. */
  let admin: Redis;
  let tlsPort: number;
  let bench: FaultBench;
  beforeAll(async () => {
    ca = new TestCa();
    good = ca.issue();
    ours = ca.issue({name: 'worker'});
    [tlsPort = 0] = await freePorts(1);
    own = await OwnRedis.open({args: tlsPortArgs(tlsPort, {ca, certificate: good})});
    admin = new Redis(own.url);
    bench = await FaultBench.open('redis-tls', {redis: new Redis(own.url), partitions: 2});
    await bench.write(40);
  });
  afterEach(async () => {
    for (const worker of bench.workers.splice(0)) await worker.end('SIGKILL');
    await shows(good);
    await admin.config('SET', 'tls-auth-clients', 'no');
  });
  afterAll(async () => {
    admin.disconnect();
    await bench.close();
    await own.close();
    ca[Symbol.dispose]();
  });

  /** Makes Redis present this certificate on new connections. */
  const shows = async ({cert, key}: Certificate): Promise<void> => {
    await admin.call('CONFIG', 'SET', 'tls-cert-file', cert, 'tls-key-file', key);
  };
  const settings = (extra: Variables = {}): Variables => ({
    REDIS_URL: `rediss://127.0.0.1:${tlsPort}/0`,
    REDIS_TLS_CA_FILE: ca.cert,
    ...extra,
  });
  const withOurs = (): Variables => ({REDIS_TLS_CERT_FILE: ours.cert, REDIS_TLS_KEY_FILE: ours.key});

  test('a worker with the right CA applies records, and orders count, verify and rebuild use TLS too', async () => {
    bench.start(settings());
    await bench.write(40);
    await bench.expectExact();
    const command = (args: readonly string[]): CommandResult =>
      projectorProcess(args, {KAFKA_TOPIC: bench.topic, REDIS_KEY_PREFIX: bench.prefix, ...settings()});
    expect(command(['orders', 'count'])).toMatchObject({status: 0});
    expect(command(['verify', '--against', 'topic', '--json']).stdout).toContain('"differences":0');
    expect(command(['rebuild'])).toMatchObject({status: 0});
    await bench.expectExact({ends: false});
  });

  test('a worker with a client certificate applies records if Redis requires one', async () => {
    await admin.config('SET', 'tls-auth-clients', 'yes');
    bench.start(settings(withOurs()));
    await bench.write(40);
    await bench.expectExact();
  });

  test('REDIS_TLS_SERVER_NAME replaces the host of the address if the certificate contains another name', async () => {
    await shows(ca.issue({altNames: 'DNS:redis.example.com'}));
    bench.start(settings({REDIS_TLS_SERVER_NAME: 'redis.example.com'}));
    await bench.write(40);
    await bench.expectExact();
  });

  interface Case {
    readonly name: string;
    readonly setUp?: () => Promise<unknown>;
    readonly extra?: () => Variables;
    readonly reason: RegExp;
  }
  const CASES: readonly Case[] = [
    {
      name: 'another CA',
      extra: () => ({REDIS_TLS_CA_FILE: ours.cert}),
      reason: /: the server certificate is not signed by a trusted CA$/,
    },
    {
      name: 'no CA given: the public ones do not know it, whatever Node.js is told',
      extra: () => ({REDIS_TLS_CA_FILE: '', NODE_TLS_REJECT_UNAUTHORIZED: '0'}),
      reason: /: the server certificate is not signed by a trusted CA$/,
    },
    {
      name: 'a certificate that has expired',
      setUp: async () => await shows(ca.issue({isExpired: true})),
      reason: /: the server certificate has expired$/,
    },
    {
      name: 'a certificate for another name',
      setUp: async () => await shows(ca.issue({altNames: 'DNS:redis.example.com'})),
      reason: /: the server certificate was issued for another name \(/,
    },
    {
      name: 'no client certificate where Redis asks for one',
      setUp: async () => await admin.config('SET', 'tls-auth-clients', 'yes'),
      reason: /: the server .*client certificate$/,
    },
  ];

  test.each(CASES)(
    '$name: every log line about it gives the reason (F39)',
    async ({setUp, extra, reason}) => {
      await setUp?.();
      const progress = await bench.progress();
      const worker = bench.start(settings({PROJECTOR_START_TIMEOUT_MS: '4000', ...extra?.()}));
      const {code, line} = await halted(worker);
      expect(code).toBe(4);
      expect(line).toMatchObject({level: 60, kind: 'tls-failed', runbook: 'docs/runbook.md#tls-failed'});
      expect(line['msg']).toMatch(/^TLS connection to Redis at rediss:\/\/127\.0\.0\.1:\d+\/0 failed: /);
      expect(line['msg']).toMatch(reason);
      // Earlier attempts were logged with the same reason. On a slow machine there is none, because the first
      // attempt was the last one.
      const notified = worker.log.filter(({level, kind}) => level !== 60 && kind === 'tls-failed');
      for (const {msg} of notified) expect(msg).toMatch(reason);
      expect(await bench.progress()).toBe(progress);
    },
  );

  test('a worker logs that the server certificate has expired, waits, and resumes with a new certificate', async () => {
    const worker = bench.start(settings());
    await bench.write(200);
    await bench.applied();
    await shows(ca.issue({isExpired: true}));
    // Redis keeps open connections, so the test closes them. The next connection fails.
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await hasSaid(
      worker,
      /^waiting: TLS connection to Redis at \S+ failed: the server certificate has expired$/,
    );
    const progress = await bench.progress();
    await bench.write(200);
    expect(await bench.progress()).toBe(progress);
    expect(worker.isRunning).toBe(true);
    await shows(good);
    await hasSaid(worker, /^recovered: /);
    await bench.expectExact();
  });
});
