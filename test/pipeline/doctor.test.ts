/**
 * `projector doctor` on real servers: a stack that is well, and with one thing after the other broken on purpose. The check that it
 * belongs to names it, and no other one fails.
 */
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {Redis} from 'ioredis';
import {WorkerProcess} from '../../stack/worker.js';
import {BASE, connectorOption, doctor, expectFail, PATIENT_S, SECRET, SHOP} from '../support/doctorBench.js';
import {whileFrozen} from '../support/freeze.js';
import {createTopic, produce} from '../support/kafka.js';
import {Pipeline, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {connectRoot, shopOfFile} from '../support/shop.js';
import {testStack, variables} from '../support/stack.js';
import {until} from '../support/until.js';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open(SHOP);
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
  expect(stdout).toMatch(/^ok {7}redis-rights +the user has every right that a worker needs$/m);
  expect(stdout).toMatch(/^\d+ ok, 0 warn, 0 fail, 1 skipped, in \d/m);
});

describe('the topic', () => {
  /** Without the stack's connector, which writes to another topic. */
  const on = (topic: string): Variables => ({
    KAFKA_TOPIC: topic,
    CONNECT_URL: '',
    REDIS_KEY_PREFIX: `${topic}:`,
  });

  test('is not there', async () => {
    expectFail(await doctor(on(`${SHOP}.none`)), /^topic: topic \S+ does not exist/, 4);
  });

  test('deletes old records', async () => {
    await createTopic(`${SHOP}.short`, {config: {'retention.ms': '604800000'}});
    expectFail(await doctor(on(`${SHOP}.short`)), /^retention: .*retention\.ms=604800000/, 5);
  });

  test('is compacted', async () => {
    await createTopic(`${SHOP}.compact`, {config: {'cleanup.policy': 'compact'}});
    expectFail(await doctor(on(`${SHOP}.compact`)), /^cleanup-policy: .*compact/, 2);
  });

  test('holds amounts in another decimal mode', async () => {
    await createTopic(`${SHOP}.precise`);
    const value = {
      op: 'c',
      before: null,
      after: {id: 5, user_id: 1, total_amount: 'EaM='},
      source: {table: 'orders', ts_ms: 1},
    };
    await produce(`${SHOP}.precise`, [{key: '5', value: JSON.stringify(value)}]);
    const notified = await doctor(on(`${SHOP}.precise`));
    expectFail(notified, /^records: .*decimal\.handling\.mode=string/, 5);
    expect(JSON.stringify(notified)).not.toContain('EaM=');
  });
});

describe('the read model', () => {
  const redis = new Redis(testStack().env.redis.url);
  afterAll(() => redis.disconnect());

  test('was filled with other settings', async () => {
    expectFail(await doctor({ORDER_EXTRA_COLUMNS: 'status'}), /^layout: .*columns/, 5);
  });

  test('has a position beyond the end of the log', async () => {
    const topic = `${SHOP}.positions`;
    await createTopic(topic);
    await redis.set(`${topic}:projector:position:${topic}:0`, 'v1 5');
    expectFail(
      await doctor({KAFKA_TOPIC: topic, CONNECT_URL: '', REDIS_KEY_PREFIX: `${topic}:`}),
      /^positions: partition 0 is at offset 5, but the topic ends at offset 0/,
      5,
    );
  });

  test('has a record in quarantine: a warning', async () => {
    await redis.hset(`${SHOP}:projector:quarantine`, 'x:0:1', '{}');
    const {status, warn} = await doctor();
    await redis.hdel(`${SHOP}:projector:quarantine`, 'x:0:1');
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^quarantine: 1 record is quarantined/)]]);
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
      const notified = await doctor({}, {timeoutS: 5});
      expect(notified.fail).toContainEqual(expect.stringMatching(/^mysql: MySQL did not respond within/));
      await Promise.resolve();
    });
  });

  test('gives the user no right to read the lines', async () => {
    const {host, port, database} = testStack().env.mysql;
    const root = await connectRoot();
    try {
      await root.query(`CREATE USER IF NOT EXISTS 'reader'@'%' IDENTIFIED BY '${SECRET}'`);
      await root.query(`GRANT SELECT ON ${database}.orders TO 'reader'@'%'`);
      const notified = await doctor({MYSQL_URL: `mysql://reader:${SECRET}@${host}:${port}/${database}`});
      expectFail(notified, /^tables: .*denied access.*order_items/, 5);
    } finally {
      await root.query("DROP USER IF EXISTS 'reader'@'%'");
      await root.end();
    }
  });

  test('has other decimals than the settings', async () => {
    const notified = await doctor({MONEY_DECIMALS: '3'});
    expect(notified.fail.filter((text) => text.startsWith('tables: '))).toEqual([
      expect.stringMatching(/with 2 decimals, but MONEY_DECIMALS is 3/),
    ]);
    expect(notified.status).toBe(5);
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
    const name = `${SHOP}-precise`;
    const topic = `${SHOP}.other`;
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
      // A moment after its answer Connect may not name the new connector among the others.
      await until(
        async () => (await fetch(`${connect.url}/connectors/${name}/status`)).ok,
        () => `${name} among the connectors`,
      );
      const {fail} = await doctor({KAFKA_TOPIC: topic, REDIS_KEY_PREFIX: `${topic}:`});
      expect(fail).toContainEqual(
        expect.stringMatching(/^connector-settings: .*decimal\.handling\.mode=precise/),
      );
    } finally {
      await fetch(`${connect.url}/connectors/${name}`, {method: 'DELETE'});
    }
  });

  test('Kafka Connect is away', async () => {
    expectFail(await doctor({CONNECT_URL: 'http://127.0.0.1:1'}), /^connect: .*did not respond/, 4);
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
    const child = new WorkerProcess({...variables(), ...BASE, PROJECTOR_HTTP_PORT: port}, [
      'doctor',
      '--timeout',
      String(PATIENT_S),
      ...(await connectorOption()),
    ]);
    const {code} = await child.exited;
    expect([code, child.output]).toEqual([
      2,
      expect.stringMatching(/^fail +http +another program listens on/m),
    ]);
  });

  test('is where a worker answers, and `status` asks it', async () => {
    const line = await listening(pipeline.worker);
    expect((await doctor({PROJECTOR_HTTP_PORT: line})).skipped).toEqual([]);
    const {status, stdout} = await projector(['status'], {PROJECTOR_HTTP_PORT: line});
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
    () => (port = worker.log.find(({msg}) => msg === 'http server listening')?.['port']) !== undefined,
    () => `the port of a worker: ${worker.output}`,
  );
  return String(port);
}
