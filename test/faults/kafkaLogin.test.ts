/**
 * Logins to a broker with ACLs, with each SASL mechanism. The users have only the rights that
 * deploy/acl/kafka.sh grants.
 */
import {spawnSync} from 'node:child_process';
import {chmodSync, writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {javaCommand} from '../../stack/native/kafkaServer.js';
import {readState, type NativeState} from '../../stack/stackState.js';
import {TestCa} from '../support/certificates.js';
import {FaultBench} from '../support/faultBench.js';
import type {Variables} from '../support/pipeline.js';
import {SecureKafka, whyNoSecureKafka} from '../support/secureKafka.js';
import {projector} from '../support/projector.js';
import {testStack} from '../support/stack.js';
import {halted} from '../support/workerLog.js';

const whyNot = whyNoSecureKafka();
if (whyNot !== undefined) process.stderr.write(`skipped: logins to Kafka. ${whyNot}\n`);

const SECRET = 'Zq7Secret';
const USERS = ['projector', 'operator', 'reports', 'stranger'];

(whyNot === undefined ? describe : describe.skip)('a login to Kafka', () => {
  let ca: TestCa;
  let kafka: SecureKafka;
  let bench: FaultBench;
  let tokens: Server;
  /** Returns the token for the token endpoint. If undefined, the endpoint rejects the request. */
  let tokenFor: (() => string) | undefined;
  beforeAll(async () => {
    ca = new TestCa();
    kafka = await SecureKafka.open(
      ca,
      USERS.map((user) => ({user, password: SECRET})),
    );
    bench = await FaultBench.open('kafka-login', {brokers: kafka.brokers('PLAIN'), partitions: 2});
    grantByFile();
    tokens = createServer((_, response) => {
      if (tokenFor === undefined) response.writeHead(401).end('{"error":"invalid_client"}');
      else response.end(JSON.stringify({access_token: tokenFor(), expires_in: 3_600}));
    });
    await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
    await bench.write(40);
    // Each rule of the file starts a JVM, which takes seconds.
  }, 500_000);
  afterEach(async () => {
    for (const worker of bench.workers.splice(0)) await worker.end('SIGKILL');
  });
  afterAll(async () => {
    tokens.close();
    await bench.close();
    await kafka[Symbol.asyncDispose]();
    ca[Symbol.dispose]();
  });

  /** Runs deploy/acl/kafka.sh itself, with the ACL tool of Kafka. */
  function grantByFile(): void {
    const {program, args} = javaCommand(readState(testStack().name) as NativeState, [
      'org.apache.kafka.tools.AclCommand',
    ]);
    const command = join(ca.folder, 'kafka-acls.sh');
    writeFileSync(
      command,
      `#!/bin/sh\nexec ${[program, ...args].map((word) => `'${word}'`).join(' ')} "$@"\n`,
    );
    chmodSync(command, 0o755);
    const {status, stderr, stdout} = spawnSync('sh', ['deploy/acl/kafka.sh'], {
      encoding: 'utf8',
      env: {
        ...process.env,
        KAFKA_ACLS: command,
        BOOTSTRAP: kafka.brokers('PLAIN')[0],
        KAFKA_TOPIC: bench.topic,
        KAFKA_GROUP_ID: bench.group,
      },
    });
    if (status !== 0) throw new Error(`deploy/acl/kafka.sh failed: ${stderr}${stdout}`);
  }

  const at = (extra: Variables): Variables => ({
    KAFKA_BROKERS: kafka.brokers('SASL').join(','),
    KAFKA_SSL: 'true',
    KAFKA_SSL_CA_FILE: ca.cert,
    KAFKA_TOPIC: bench.topic,
    KAFKA_GROUP_ID: bench.group,
    REDIS_KEY_PREFIX: bench.prefix,
    PROJECTOR_LOG_LEVEL: 'debug',
    ...extra,
  });
  const login = (mechanism: string, user: string, password = SECRET): Variables =>
    at({KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: password});
  const oauth = (): Variables =>
    at({
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_OAUTH_TOKEN_URL: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
      KAFKA_OAUTH_CLIENT_ID: 'projector',
      KAFKA_OAUTH_CLIENT_SECRET: SECRET,
    });

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'a worker that logs in with %s applies records, and Kafka denies it nothing',
    async (mechanism) => {
      const worker = bench.start(login(mechanism, 'projector'));
      await bench.write(40);
      await bench.expectExact();
      expect(worker.output).not.toContain('AUTHORIZATION');
    },
  );

  test('a worker that logs in with oauthbearer applies records, and logs neither the token nor the secret', async () => {
    const token = kafka.token('projector');
    tokenFor = () => token;
    const worker = bench.start(oauth());
    await bench.write(40);
    await bench.expectExact();
    for (const secret of [SECRET, token]) expect(worker.output).not.toContain(secret);
  });

  test.each([
    ['a wrong password, plain', () => login('plain', 'projector', `${SECRET}Wrong`)],
    ['a wrong password, scram-sha-512', () => login('scram-sha-512', 'projector', `${SECRET}Wrong`)],
    [
      'a token for somebody else',
      () => ((tokenFor = () => kafka.token('projector', {audience: 'another'})), oauth()),
    ],
    ['a secret that the endpoint refuses', () => ((tokenFor = undefined), oauth())],
    ['a user without rights', () => login('scram-sha-512', 'stranger')],
  ])('%s: the last log line gives the reason, not the secret (F25a)', async (name, variables) => {
    const progress = await bench.progress();
    const worker = bench.start({PROJECTOR_START_TIMEOUT_MS: '1500', ...variables()});
    const {code, line} = await halted(worker);
    const expected: Readonly<Record<string, readonly [number, string, RegExp]>> = {
      'a token for somebody else': [4, 'kafka-unreachable', /rejects the OAuth token/],
    };
    const [exitCode, kind, words] = expected[name] ?? [
      5,
      'kafka-denied',
      /denied access to|rejected the request/,
    ];
    expect(line).toMatchObject({kind, exitCode, msg: expect.stringMatching(words) as string});
    expect(code).toBe(exitCode);
    expect(worker.output).not.toContain(SECRET);
    expect(await bench.progress()).toBe(progress);
  });

  test('with the documented rights, reports can run lag and offsets show, but only operator can run verify --against topic', async () => {
    bench.start(login('scram-sha-512', 'projector'));
    await bench.applied();
    for (const args of [['lag'], ['offsets', 'show']])
      expect(await projector(args, login('scram-sha-512', 'reports'))).toMatchObject({status: 0});
    expect(
      await projector(['verify', '--against', 'topic'], login('scram-sha-512', 'operator')),
    ).toMatchObject({
      status: 0,
    });
    const refused = await projector(['verify', '--against', 'topic'], login('scram-sha-512', 'reports'));
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('kafka-denied');
  });
});
