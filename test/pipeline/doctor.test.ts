/**
 * `projector doctor` on real servers. The tests run it on a healthy stack, and then with one fault at a
 * time. The check for this fault must fail and name it. Other checks may fail only if they depend on the
 * same server.
 */
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {Redis} from 'ioredis';
import {SILENT_CHANGE_CHECKS} from '../../src/operations/doctor/silentChangeChecks.js';
import {WorkerProcess} from '../../stack/worker.js';
import {BASE, connectorOption, doctor, expectFail, PATIENT_S, SECRET, SHOP} from '../support/doctorBench.js';
import {whileFrozen} from '../support/freeze.js';
import {createTopic, produce} from '../support/kafka.js';
import {Pipeline, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {connectRoot, shopOfFile} from '../support/shop.js';
import {testStack, variables} from '../support/stack.js';
import {until} from '../support/until.js';

/** The user of MYSQL_URL has no right to list XA transactions. */
const XA_UNKNOWN: unknown = expect.stringMatching(/^prepared-transactions: .*requires XA_RECOVER_ADMIN$/);

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open(SHOP);
  await pipeline.placeOrder('12.50', [['7', 2]]);
  await pipeline.applied();
});
afterAll(async () => await pipeline.close());

test('doctor on a healthy stack reports no failure and no warning, and skips only the unknown HTTP port and the XA transactions', async () => {
  const {status, fail, warn, skipped, names} = await doctor();
  expect([status, fail, warn, skipped]).toEqual([0, [], [], [expect.stringMatching(/^http: /), XA_UNKNOWN]]);
  expect(names.length).toBeGreaterThanOrEqual(20);
});

test('doctor skips the checks of servers that are not configured, and names the missing setting', async () => {
  const {status, fail, skipped} = await doctor({MYSQL_URL: '', CONNECT_URL: ''});
  expect([status, fail]).toEqual([0, []]);
  for (const name of ['mysql', 'binlog', 'mysql-grants', 'tables', ...SILENT_CHANGE_CHECKS])
    expect(skipped).toContainEqual(expect.stringMatching(new RegExp(`^${name}: MYSQL_URL is not set`)));
  for (const name of ['connect', 'connector', 'connector-settings'])
    expect(skipped).toContainEqual(`${name}: CONNECT_URL is not set`);
});

test('doctor without --json prints one line for each check and a summary', async () => {
  const {status, stdout} = await projector(
    ['doctor', '--timeout', String(PATIENT_S), ...(await connectorOption())],
    BASE,
  );
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ok {7}redis-rights +the user has every right that a worker needs$/m);
  expect(stdout).toMatch(/^\d+ ok, 0 warn, 0 fail, 2 skipped, in \d/m);
});

describe('checks of the topic', () => {
  /**
   * Settings for another topic, without Kafka Connect, because the connector of the stack does not write to
   * it.
   */
  const on = (topic: string): Variables => ({
    KAFKA_TOPIC: topic,
    CONNECT_URL: '',
    REDIS_KEY_PREFIX: `${topic}:`,
  });

  test('doctor fails if the topic does not exist', async () => {
    expectFail(await doctor(on(`${SHOP}.none`)), /^topic: topic \S+ does not exist/, 4);
  });

  test('doctor fails if the topic deletes old records', async () => {
    await createTopic(`${SHOP}.short`, {config: {'retention.ms': '604800000'}});
    expectFail(await doctor(on(`${SHOP}.short`)), /^retention: .*retention\.ms=604800000/, 5);
  });

  test('doctor fails if the topic is compacted', async () => {
    await createTopic(`${SHOP}.compact`, {config: {'cleanup.policy': 'compact'}});
    expectFail(await doctor(on(`${SHOP}.compact`)), /^cleanup-policy: .*compact/, 2);
  });

  test('doctor fails if the topic holds amounts in another decimal mode, and does not show them', async () => {
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

describe('checks of the read model', () => {
  const redis = new Redis(testStack().env.redis.url);
  afterAll(() => redis.disconnect());

  test('doctor fails if Redis was filled with other settings', async () => {
    expectFail(await doctor({ORDER_EXTRA_COLUMNS: 'status'}), /^layout: .*columns/, 5);
  });

  test('doctor fails if a position is beyond the end of the topic', async () => {
    const topic = `${SHOP}.positions`;
    await createTopic(topic);
    await redis.set(`${topic}:projector:position:${topic}:0`, 'v1 5');
    expectFail(
      await doctor({KAFKA_TOPIC: topic, CONNECT_URL: '', REDIS_KEY_PREFIX: `${topic}:`}),
      /^positions: partition 0 is at offset 5, but the topic ends at offset 0/,
      5,
    );
  });

  test('doctor warns if a record is quarantined', async () => {
    await redis.hset(`${SHOP}:projector:quarantine`, 'x:0:1', '{}');
    const {status, warn} = await doctor();
    await redis.hdel(`${SHOP}:projector:quarantine`, 'x:0:1');
    expect([status, warn]).toEqual([0, [expect.stringMatching(/^quarantine: 1 record is quarantined/)]]);
  });
});

describe('checks of MySQL', () => {
  test('doctor fails if MySQL is unreachable', async () => {
    expectFail(
      await doctor({MYSQL_URL: `mysql://shop:Zq7Secret@127.0.0.1:1/${testStack().env.mysql.database}`}),
      /^mysql: .*ECONNREFUSED/,
      4,
    );
  });

  test('doctor fails if MySQL hangs', async () => {
    await whileFrozen('mysql', async () => {
      const notified = await doctor({}, {timeoutS: 5});
      expect(notified.fail).toContainEqual(expect.stringMatching(/^mysql: MySQL did not respond within/));
      await Promise.resolve();
    });
  });

  test('doctor fails if the user has no right to read order_items', async () => {
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

  test('doctor fails if the columns of the amount have another type than MONEY_UNIT says', async () => {
    const notified = await doctor({MONEY_UNIT: 'minor'});
    expect(notified.fail.filter((text) => text.startsWith('tables: '))).toEqual([
      expect.stringMatching(
        /total_amount is decimal\(12,2\): an amount with MONEY_UNIT=minor must be TINYINT/,
      ),
    ]);
    expect(notified.status).toBe(5);
  });
});

describe('checks of the connector', () => {
  test('doctor fails if the connector is stopped', async () => {
    const {connector} = await shopOfFile();
    await connector.stop();
    try {
      expectFail(await doctor(), /^connector: shop_\w+ is STOPPED/, 4);
    } finally {
      await connector.resume();
    }
  });

  test('doctor fails if the connector has another decimal mode', async () => {
    const {connect} = testStack().env;
    const name = `${SHOP}-precise`;
    const topic = `${SHOP}.other`;
    await createTopic(topic);
    const {connector} = await shopOfFile();
    // The test does not wait until this connector runs, because doctor checks its settings.
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
      // Connect may not show a new connector immediately after it has accepted it.
      await until(
        async () => (await fetch(`${connect.url}/connectors/${name}/status`)).ok,
        () => `the status of connector ${name}`,
      );
      const {fail} = await doctor({KAFKA_TOPIC: topic, REDIS_KEY_PREFIX: `${topic}:`});
      expect(fail).toContainEqual(
        expect.stringMatching(/^connector-settings: .*decimal\.handling\.mode=precise/),
      );
    } finally {
      await fetch(`${connect.url}/connectors/${name}`, {method: 'DELETE'});
    }
  });

  test('doctor fails if Kafka Connect is unreachable', async () => {
    expectFail(await doctor({CONNECT_URL: 'http://127.0.0.1:1'}), /^connect: .*did not respond/, 4);
  });
});

describe('checks of Kafka', () => {
  test('doctor fails if no broker is reachable', async () => {
    expectFail(await doctor({KAFKA_BROKERS: '127.0.0.1:1'}), /^kafka: /, 4);
  });

  test('doctor fails if Kafka hangs', async () => {
    await whileFrozen('kafka', async () => {
      expect((await doctor({}, {timeoutS: 5})).fail).toContainEqual(expect.stringMatching(/^kafka: /));
      await Promise.resolve();
    });
    // A broker that was frozen needs some seconds until it leads its partitions again.
    let fail: readonly string[] = [];
    await until(
      async () => (fail = (await doctor({})).fail).length === 0,
      () => `Kafka to be available again: ${fail.join(' | ')}`,
      60_000,
    );
  });

  test('doctor fails if the host name of a broker cannot be resolved', async () => {
    const {fail, status} = await doctor({KAFKA_BROKERS: 'kafka.invalid:9092'});
    expect([fail.map((text) => text.replace(/:.*/, '')), status]).toEqual([['dns', 'kafka'], 4]);
  });
});

describe('checks of the HTTP port', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  test('doctor fails if another program listens on the port', async () => {
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

  test('doctor skips no check of its own port if a worker listens on the port, and `status` prints the state of this worker', async () => {
    const line = await listening(pipeline.worker);
    expect((await doctor({PROJECTOR_HTTP_PORT: line})).skipped).toEqual([XA_UNKNOWN]);
    const {status, stdout} = await projector(['status'], {PROJECTOR_HTTP_PORT: line});
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^state +running\nready +yes$/m)]);
  });
});

test('lag --watch prints the lag repeatedly until SIGINT, and then exits with 130', async () => {
  const child = new WorkerProcess({...variables(), ...BASE}, [
    'lag',
    '--watch',
    '--json',
    '--interval',
    '0.1',
  ]);
  await until(
    () => child.log.length >= 3,
    () => `three lines of output: ${child.output}`,
  );
  expect(await child.end('SIGINT')).toEqual({code: 130, signal: null});
  const looks = child.output.split('\n').filter((line) => line !== '');
  for (const look of looks) expect(JSON.parse(look)).toMatchObject({topic: testStack().env.topic});
});

async function listening(worker: WorkerProcess): Promise<string> {
  let port: unknown;
  await until(
    () => (port = worker.log.find(({msg}) => msg === 'http server listening')?.['port']) !== undefined,
    () => `the HTTP port in the log of the worker: ${worker.output}`,
  );
  return String(port);
}
