/**
 * `projector doctor` on real servers: a stack that is well, and with one thing after the other broken on purpose. The check that it
 * belongs to names it, and no other one fails.
 */
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {Redis} from 'ioredis';
import {WorkerProcess} from '../../stack/worker.js';
import {whileFrozen} from '../support/freeze.js';
import {createTopic, produce} from '../support/kafka.js';
import {Pipeline, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {redisRules} from '../support/redisRights.js';
import {connectRoot, shopOfFile} from '../support/shop.js';
import {testStack, variables} from '../support/stack.js';
import {until} from '../support/until.js';

const SECRET = 'Zq7Secret';

interface Told {
  readonly status: number | null;
  readonly tookMs: number;
  /** `name: detail` of each check with this verdict. */
  readonly fail: readonly string[];
  readonly warn: readonly string[];
  readonly skipped: readonly string[];
  readonly names: readonly string[];
}

const shop = `doctor-${Date.now().toString(36)}`;
const BASE: Variables = {KEY_PREFIX: `${shop}:`, KAFKA_GROUP_ID: shop};

/** A machine that is overloaded by other tests is no silent server. */
const PATIENT_S = 60;

async function doctor(extra: Variables = {}, {timeoutS = PATIENT_S} = {}): Promise<Told> {
  const startedMs = performance.now();
  const {status, stdout, stderr} = await projector(
    ['doctor', '--json', '--timeout', String(timeoutS), ...(await connectorOption())],
    {
      ...BASE,
      ...extra,
    },
  );
  const wholeMs = Math.round(performance.now() - startedMs);
  expect(stdout).not.toContain(SECRET);
  expect(stderr).toBe('');
  const {checks, tookMs} = JSON.parse(stdout) as {
    checks: {name: string; verdict: string; detail: string; fix: string | null}[];
    tookMs: number;
  };
  const those = (verdict: string): string[] =>
    checks.filter((check) => check.verdict === verdict).map(({name, detail}) => `${name}: ${detail}`);
  for (const {verdict, fix} of checks) expect(fix !== null).toBe(verdict === 'fail' || verdict === 'warn');
  const told = {fail: those('fail'), warn: those('warn'), skipped: those('skipped')};
  process.stderr.write(
    `figure: doctor took ${tookMs} ms, ${wholeMs} ms with its start: ${told.fail.join(' | ').slice(0, 150) || 'nothing fails'}\n`,
  );
  return {status, tookMs, ...told, names: checks.map(({name}) => name)};
}

async function connectorOption(): Promise<string[]> {
  return ['--connector-file', (await shopOfFile()).connectorFile];
}

/** Exactly this check fails, in these words, with this exit code. */
function expectFail(told: Told, wanted: RegExp, exitCode: number): void {
  expect([told.fail, told.status]).toEqual([[expect.stringMatching(wanted)], exitCode]);
}

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open(shop);
  await pipeline.placeOrder('12.50', [['7', 2]]);
  await pipeline.applied();
});
afterAll(async () => await pipeline.close());

test('a stack that is well: nothing fails, nothing is left out but the port that is not known', async () => {
  const {status, fail, warn, skipped, names} = await doctor();
  expect([status, fail, warn, skipped]).toEqual([0, [], [], [expect.stringMatching(/^http: /)]]);
  expect(names.length).toBeGreaterThanOrEqual(20);
});

test('servers that are not configured are left out, with the reason', async () => {
  const {status, fail, skipped} = await doctor({MYSQL_URL: '', CONNECT_URL: ''});
  expect([status, fail]).toEqual([0, []]);
  for (const name of ['mysql', 'binlog', 'mysql-grants', 'tables'])
    expect(skipped).toContainEqual(expect.stringMatching(new RegExp(`^${name}: MYSQL_URL is not set`)));
  for (const name of ['connect', 'connector', 'connector-settings'])
    expect(skipped).toContainEqual(`${name}: CONNECT_URL is not set`);
});

test('for people, too', async () => {
  const {status, stdout} = await projector(
    ['doctor', '--timeout', String(PATIENT_S), ...(await connectorOption())],
    BASE,
  );
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ok {7}redis-rights +every right that a worker needs$/m);
  expect(stdout).toMatch(/^\d+ ok, 0 warn, 0 fail, 1 skipped, in \d/m);
});

describe('the topic', () => {
  /** Without the stack's connector, which writes to another topic. */
  const on = (topic: string): Variables => ({KAFKA_TOPIC: topic, CONNECT_URL: '', KEY_PREFIX: `${topic}:`});

  test('is not there', async () => {
    expectFail(await doctor(on(`${shop}.none`)), /^topic: there is no topic/, 4);
  });

  test('deletes old records', async () => {
    await createTopic(`${shop}.short`, {config: {'retention.ms': '604800000'}});
    expectFail(await doctor(on(`${shop}.short`)), /^retention: .*retention\.ms=604800000/, 5);
  });

  test('is compacted', async () => {
    await createTopic(`${shop}.compact`, {config: {'cleanup.policy': 'compact'}});
    expectFail(await doctor(on(`${shop}.compact`)), /^cleanup-policy: .*compact/, 2);
  });

  test('holds amounts in another decimal mode', async () => {
    await createTopic(`${shop}.precise`);
    const value = {
      op: 'c',
      before: null,
      after: {id: 5, user_id: 1, total_amount: 'EaM='},
      source: {table: 'orders', ts_ms: 1},
    };
    await produce(`${shop}.precise`, [{key: '5', value: JSON.stringify(value)}]);
    const told = await doctor(on(`${shop}.precise`));
    expectFail(told, /^records: .*decimal\.handling\.mode=string/, 5);
    expect(JSON.stringify(told)).not.toContain('EaM=');
  });
});

describe('the read model', () => {
  const redis = new Redis(testStack().env.redis.url);
  afterAll(() => redis.disconnect());

  test('was filled with other settings', async () => {
    expectFail(await doctor({EXTRA_COLUMNS: 'status'}), /^layout: .*columns/, 5);
  });

  test('has a position beyond the end of the log', async () => {
    const topic = `${shop}.positions`;
    await createTopic(topic);
    await redis.set(`${topic}:projector:position:${topic}:0`, 'v1 5');
    expectFail(
      await doctor({KAFKA_TOPIC: topic, CONNECT_URL: '', KEY_PREFIX: `${topic}:`}),
      /^positions: partition 0 stands at 5, and the log ends at 0/,
      5,
    );
  });

  test('has a record set aside: a warning', async () => {
    await redis.hset(`${shop}:projector:quarantine`, 'x:0:1', '{}');
    const {status, warn} = await doctor();
    await redis.hdel(`${shop}:projector:quarantine`, 'x:0:1');
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^set-aside: 1 record is set aside/)]]);
  });
});

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Redis of its own. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('Redis', () => {
  let own: OwnRedis;
  let admin: Redis;
  beforeAll(async () => {
    own = await OwnRedis.open({args: ['--user', 'projector', 'on', ...redisRules(SECRET)]});
    admin = new Redis(own.url);
    admin.on('error', () => undefined);
  });
  afterAll(async () => {
    admin.disconnect();
    await own.close();
  });
  const user = (password = SECRET): Variables => ({
    REDIS_URL: `redis://projector:${password}@127.0.0.1:${own.port}/0`,
    // The rights of the README are for keys without a prefix.
    KEY_PREFIX: '',
  });

  test('with the rights of the README: nothing fails, and nothing is refused', async () => {
    expect((await doctor(user())).fail).toEqual([]);
    expect(await admin.call('ACL', 'LOG')).toEqual([]);
  });

  test('may evict orders', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expectFail(await doctor(user()), /^redis-eviction: maxmemory-policy allkeys-lru/, 5);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
  });

  test('keeps nothing over a restart: a warning', async () => {
    await admin.config('SET', 'appendonly', 'no');
    const {status, warn} = await doctor({REDIS_URL: own.url});
    await admin.config('SET', 'appendonly', 'yes');
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^redis-persistence: neither/)]]);
  });

  test('holds keys of others in the spare database: a warning', async () => {
    await admin.call('SELECT', '15');
    await admin.set('foreign', '1');
    const {status, warn} = await doctor(user());
    await admin.del('foreign');
    await admin.call('SELECT', '0');
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^spare-database: database 15 holds 1 keys/)]]);
  });

  test('has no such spare database: a warning', async () => {
    const {status, warn} = await doctor({...user(), REDIS_SPARE_DATABASE: '99'});
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^spare-database: .*index/)]]);
  });

  test('refuses a right', async () => {
    await admin.call('ACL', 'SETUSER', 'projector', '-hincrby');
    expectFail(await doctor(user()), /^redis-rights: .*NOPERM HINCRBY/, 5);
    await admin.call('ACL', 'SETUSER', 'projector', '+hincrby');
  });

  test('refuses the password', async () => {
    expectFail(await doctor(user('Zq7Wrong')), /^redis: .*WRONGPASS/, 5);
  });

  test('stands still', async () => {
    own.pause();
    const told = await doctor(user(), {timeoutS: 5});
    own.resume();
    expect(told.fail).toContainEqual(expect.stringMatching(/^redis: /));
    expect(told.status).toBe(4);
  });

  test('is away', async () => {
    await own.kill();
    expectFail(await doctor(user()), /^redis: Redis at .* does not answer: .*ECONNREFUSED/, 4);
    await own.start();
  });
});

describe('MySQL', () => {
  test('is away', async () => {
    expectFail(
      await doctor({MYSQL_URL: 'mysql://shop:Zq7Secret@127.0.0.1:1/shop'}),
      /^mysql: .*ECONNREFUSED/,
      4,
    );
  });

  test('stands still', async () => {
    await whileFrozen('mysql', async () => {
      const told = await doctor({}, {timeoutS: 5});
      expect(told.fail).toContainEqual(expect.stringMatching(/^mysql: MySQL has not answered within/));
      await Promise.resolve();
    });
  });

  test('gives the user no right to read the lines', async () => {
    const {host, port, database} = testStack().env.mysql;
    const root = await connectRoot();
    try {
      await root.query(`CREATE USER IF NOT EXISTS 'reader'@'%' IDENTIFIED BY '${SECRET}'`);
      await root.query(`GRANT SELECT ON ${database}.orders TO 'reader'@'%'`);
      const told = await doctor({MYSQL_URL: `mysql://reader:${SECRET}@${host}:${port}/${database}`});
      expectFail(told, /^tables: .*refuses.*order_items/, 5);
    } finally {
      await root.query("DROP USER IF EXISTS 'reader'@'%'");
      await root.end();
    }
  });

  test('has other decimals than the settings', async () => {
    const told = await doctor({MONEY_DECIMALS: '3'});
    expect(told.fail.filter((text) => text.startsWith('tables: '))).toEqual([
      expect.stringMatching(/with 2 decimals, and MONEY_DECIMALS is 3/),
    ]);
    expect(told.status).toBe(5);
  });
});

describe('the connector', () => {
  test('is stopped', async () => {
    const {connector} = await shopOfFile();
    await connector.stop();
    try {
      expectFail(await doctor(), /^connector: shop_\w+ is STOPPED/, 4);
    } finally {
      await connector.resume();
    }
  });

  test('has another decimal mode', async () => {
    const {connect} = testStack().env;
    const name = `${shop}-precise`;
    const topic = `${shop}.other`;
    await createTopic(topic);
    const {connector} = await shopOfFile();
    // A source that never connects: its settings are what is looked at.
    const config = {
      ...connector.config,
      name,
      'decimal.handling.mode': 'precise',
      'transforms.route.replacement': topic,
      'topic.prefix': name,
      'database.server.id': '190777',
      'schema.history.internal.kafka.topic': `${name}.schema-history`,
    };
    const put = await fetch(`${connect.url}/connectors/${name}/config`, {
      method: 'PUT',
      headers: {'content-type': 'application/json'},
      body: JSON.stringify(config),
    });
    expect(put.ok).toBe(true);
    try {
      const {fail} = await doctor({KAFKA_TOPIC: topic, KEY_PREFIX: `${topic}:`});
      expect(fail).toContainEqual(
        expect.stringMatching(/^connector-settings: .*decimal\.handling\.mode=precise/),
      );
    } finally {
      await fetch(`${connect.url}/connectors/${name}`, {method: 'DELETE'});
    }
  });

  test('Kafka Connect is away', async () => {
    expectFail(await doctor({CONNECT_URL: 'http://127.0.0.1:1'}), /^connect: .*does not answer/, 4);
  });
});

describe('Kafka', () => {
  test('is away', async () => {
    expectFail(await doctor({KAFKA_BROKERS: '127.0.0.1:1'}), /^kafka: /, 4);
  });

  test('stands still', async () => {
    await whileFrozen('kafka', async () => {
      expect((await doctor({}, {timeoutS: 5})).fail).toContainEqual(expect.stringMatching(/^kafka: /));
      await Promise.resolve();
    });
  });

  test('has a name that nobody knows', async () => {
    const {fail, status} = await doctor({KAFKA_BROKERS: 'kafka.invalid:9092'});
    expect([fail.map((text) => text.replace(/:.*/, '')), status]).toEqual([['dns', 'kafka'], 4]);
  });
});

describe('the port of a worker', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  test('is taken by something else', async () => {
    const port = String((server.address() as AddressInfo).port);
    const child = new WorkerProcess({...variables(), ...BASE, HTTP_PORT: port}, [
      'doctor',
      '--timeout',
      String(PATIENT_S),
      ...(await connectorOption()),
    ]);
    const {code} = await child.exited;
    expect([code, child.output]).toEqual([
      2,
      expect.stringMatching(/^fail +http +something else than a worker/m),
    ]);
  });

  test('is where a worker answers, and `status` asks it', async () => {
    const line = await listening(pipeline.worker);
    expect((await doctor({HTTP_PORT: line})).skipped).toEqual([]);
    const {status, stdout} = await projector(['status'], {HTTP_PORT: line});
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^state +running\nready +yes$/m)]);
  });
});

test('lag --watch looks until SIGINT, exit code 130', async () => {
  const child = new WorkerProcess({...variables(), ...BASE}, [
    'lag',
    '--watch',
    '--json',
    '--interval',
    '0.1',
  ]);
  await until(
    () => child.log.length >= 3,
    () => `three looks: ${child.output}`,
  );
  expect(await child.end('SIGINT')).toEqual({code: 130, signal: null});
  const looks = child.output.split('\n').filter((line) => line !== '');
  for (const look of looks) expect(JSON.parse(look)).toMatchObject({topic: testStack().env.topic});
});

async function listening(worker: WorkerProcess): Promise<string> {
  let port: unknown;
  await until(
    () => (port = worker.log.find(({msg}) => msg === 'probes and metrics')?.['port']) !== undefined,
    () => `the port of a worker: ${worker.output}`,
  );
  return String(port);
}
