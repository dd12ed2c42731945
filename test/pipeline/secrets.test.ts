/**
 * The settings contain secrets, with valid and wrong values, and the log level is `debug`. No output may
 * contain a secret (I11).
 */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {WorkerProcess} from '../../stack/worker.js';
import type {Setting} from '../../src/config/setting.js';
import {SETTINGS} from '../../src/config/settings.js';
import {TestCa} from '../support/certificates.js';
import {QUICK, type Variables} from '../support/pipeline.js';
import {projector, projectorBatch} from '../support/projector.js';
import {OwnRedis} from '../support/redisServer.js';
import {redisRules} from '../support/redisRights.js';
import {shopOfFile} from '../support/shop.js';
import {testStack, variables} from '../support/stack.js';
import {until} from '../support/until.js';

const SECRET = 'Zq7Secret';
const COMMANDS = [
  ['config'],
  ['config', '--json'],
  ['report'],
  ['orders', 'count'],
  ['lag'],
  ['dlq', 'list'],
  ['verify', '--sample', '1'],
];
/** This command needs the connector file of this shop. */
let connectorStatus: string[];

let redis: OwnRedis;
let ca: TestCa;
let folder: string;
beforeAll(async () => {
  connectorStatus = ['connector', 'status', '--file', (await shopOfFile()).connectorFile];
  redis = await OwnRedis.open({args: ['--user', 'projector', 'on', ...redisRules(SECRET)]});
  ca = new TestCa();
  folder = mkdtempSync(join(tmpdir(), 'order-projector-secrets-'));
});
afterAll(async () => {
  await redis.close();
  ca[Symbol.dispose]();
  rmSync(folder, {recursive: true, force: true});
});

function good(): Variables {
  const {mysql, connect} = testStack().env;
  return {
    REDIS_URL: `redis://projector:${SECRET}@127.0.0.1:${redis.port}/0`,
    MYSQL_URL: `mysql://${mysql.user}:${mysql.password}@${mysql.host}:${mysql.port}/${mysql.database}`,
    CONNECT_URL: connect.url.replace('://', `://somebody:${SECRET}@`),
  };
}

const WRONG = [
  'redis',
  'no redis',
  'mysql',
  'no mysql',
  'no connect',
  'no url',
  'plain',
  'scram',
  'oauth',
  'sentinel',
  'tls',
  'half of it',
] as const;

function wrong(): Readonly<Record<(typeof WRONG)[number], Variables>> {
  const {mysql} = testStack().env;
  const {cert, key} = ca.issue();
  const sasl = {KAFKA_SASL_USERNAME: 'projector', KAFKA_SASL_PASSWORD: SECRET};
  return {
    redis: {...good(), REDIS_URL: `redis://projector:${SECRET}Wrong@127.0.0.1:${redis.port}/0`},
    'no redis': {...good(), REDIS_URL: `redis://projector:${SECRET}@127.0.0.1:1/0`},
    mysql: {...good(), MYSQL_URL: `mysql://shop:${SECRET}@${mysql.host}:${mysql.port}/shop`},
    'no mysql': {...good(), MYSQL_URL: `mysql://shop:${SECRET}@127.0.0.1:1/shop`},
    'no connect': {...good(), CONNECT_URL: `http://somebody:${SECRET}@127.0.0.1:1`},
    'no url': {...good(), REDIS_URL: `http://:${SECRET}@127.0.0.1`, MYSQL_URL: `${SECRET}@host`},
    plain: {...good(), ...sasl, KAFKA_SASL_MECHANISM: 'plain'},
    scram: {...good(), ...sasl, KAFKA_SASL_MECHANISM: 'scram-sha-256'},
    oauth: {
      ...good(),
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_OAUTH_TOKEN_URL: `http://127.0.0.1:1/token?key=${SECRET}`,
      KAFKA_OAUTH_CLIENT_ID: 'projector',
      KAFKA_OAUTH_CLIENT_SECRET: SECRET,
    },
    sentinel: {
      ...good(),
      REDIS_URL: `redis://projector:${SECRET}@shop/0`,
      REDIS_SENTINELS: '127.0.0.1:1',
      REDIS_SENTINEL_PASSWORD: SECRET,
    },
    tls: {...good(), KAFKA_SSL: 'true', KAFKA_SSL_CERT_FILE: cert, KAFKA_SSL_KEY_FILE: key},
    'half of it': {...good(), KAFKA_SASL_PASSWORD: SECRET, REDIS_TLS_KEY_FILE: key},
  };
}

const LOUD = {
  PROJECTOR_LOG_LEVEL: 'debug',
  PROJECTOR_START_TIMEOUT_MS: '500',
  KAFKA_CONNECTION_TIMEOUT_MS: '500',
};

test('a running worker shows no secret in its log or in an HTTP response', async () => {
  const worker = new WorkerProcess({
    ...variables(),
    ...QUICK,
    ...LOUD,
    PROJECTOR_START_TIMEOUT_MS: '30000',
    ...good(),
  });
  try {
    await until(
      () => worker.log.some(({msg}) => msg === 'partitions assigned'),
      () => `the worker to receive its partitions: ${worker.output.slice(-1_500)}`,
      60_000,
    );
    const port = worker.log.find(({msg}) => msg === 'http server listening')?.['port'] as number;
    for (const path of ['/', '/livez', '/readyz', '/startupz', '/metrics', '/status']) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      expect(await answer.text()).not.toContain(SECRET);
      expect(JSON.stringify([...answer.headers])).not.toContain(SECRET);
    }
  } finally {
    await worker.end('SIGTERM');
  }
  expect(worker.output).not.toContain(SECRET);
});

test('commands with valid settings exit with 0 and print no secret', async () => {
  const all = [...COMMANDS, connectorStatus];
  const results = await projectorBatch(all, {...LOUD, PROJECTOR_START_TIMEOUT_MS: '30000', ...good()});
  expect(results.map(({args, code}) => [args, code])).toEqual(all.map((args) => [args, 0]));
  for (const {args, output} of results)
    expect({args, output}).toMatchObject({output: expect.not.stringContaining(SECRET) as string});
});

test.each(WRONG)('commands with a wrong setting print no secret: %s', async (name) => {
  const works = ['mysql', 'no mysql', 'no connect'].includes(name);
  const commands = [['config'], ['lag'], ['report'], connectorStatus, ['verify', '--sample', '1']];
  // With these settings a worker starts and does not exit, so `run` is left out.
  const all = works ? commands : [['run'], ...commands];
  const results = await projectorBatch(all, {...LOUD, PROJECTOR_HTTP_PORT: 'off', ...wrong()[name]});
  expect(results.map(({args}) => args)).toEqual(all);
  for (const {args, output} of results) {
    expect({args, output}).toMatchObject({output: expect.not.stringContaining(SECRET) as string});
    expect(output).not.toContain('PRIVATE KEY');
  }
  expect(results.filter(({args, code}) => args[0] === 'run' && code === 0)).toEqual([]);
});

test('REDIS_URL may come from a file, and `config` redacts it', async () => {
  const secrets = (Object.values(SETTINGS) as Setting<unknown>[]).filter(({secret}) => secret === true);
  expect(secrets.length).toBeGreaterThan(7);
  const file = join(folder, 'url');
  writeFileSync(file, `${good()['REDIS_URL'] ?? ''}\n`);
  const {stdout, status} = await projector(['config', '--json'], {REDIS_URL: '', REDIS_URL_FILE: file});
  expect(status).toBe(0);
  const row = (JSON.parse(stdout) as {name: string; value: string}[]).find(({name}) => name === 'REDIS_URL');
  expect(row?.value).toBe('<redacted>');
  expect(await projector(['orders', 'count'], {REDIS_URL: '', REDIS_URL_FILE: file})).toMatchObject({
    status: 0,
  });
});
