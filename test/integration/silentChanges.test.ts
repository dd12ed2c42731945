/** Which changes write no row event, asked of a real MySQL: the facts are found with SELECT on both tables alone. */
import {readFileSync} from 'node:fs';
import {createConnection, type Connection} from 'mysql2/promise';
import {createShopDatabase} from '../../stack/shopDatabase.js';
import {warnOfSilentChanges} from '../../src/cli/silentChanges.js';
import {MysqlClient} from '../../src/clients/mysql.js';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {SILENT_CHANGE_CHECKS, silentChangeChecks} from '../../src/operations/doctor/silentChangeChecks.js';
import {AUDIT} from '../../src/upstream/silentChange.js';
import {findSilentChangeFacts, type SilentChangeFacts} from '../../src/upstream/silentChangeFacts.js';
import {silentChanges} from '../../src/upstream/silentChanges.js';
import {connectRoot} from '../support/shop.js';
import {testStack} from '../support/stack.js';

const STAMP = `${process.pid}_${Date.now().toString(36)}`;
const READER = `reader_${STAMP}`;
const PASSWORD = 'secret';
const schema = sourceSchema(readConfig({}, []));

let root: Connection;
const databases: string[] = [];
beforeAll(async () => {
  root = await connectRoot();
  await root.query(`CREATE USER '${READER}'@'%' IDENTIFIED BY '${PASSWORD}'`);
});
afterAll(async () => {
  for (const database of databases.toReversed()) await root.query(`DROP DATABASE ${database}`);
  await root.query(`DROP USER '${READER}'@'%'`);
  await root.end();
});

/** Creates a database in which the reader may SELECT from both tables only. Resolves with its name. */
async function create(name: string, tables: string): Promise<string> {
  const database = `silent_${name}_${STAMP}`;
  await createShopDatabase(root, {database, user: testStack().env.mysql.user, schema: tables});
  databases.push(database);
  for (const table of ['orders', 'order_items'])
    await root.query(`GRANT SELECT ON ${database}.${table} TO '${READER}'@'%'`);
  return database;
}

async function withClient<T>(database: string, work: (client: MysqlClient) => Promise<T>): Promise<T> {
  const {host, port} = testStack().env.mysql;
  const client = new MysqlClient({url: `mysql://${READER}:${PASSWORD}@${host}:${port}/${database}`});
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.close();
  }
}

async function factsOf(database: string): Promise<SilentChangeFacts> {
  return await withClient(
    database,
    async (client) =>
      await client.consistentSnapshot(async (ask) => await findSilentChangeFacts(ask, schema)),
  );
}

function found(facts: SilentChangeFacts): string[] {
  return silentChanges(facts, schema).map(({kind, what}) => `${kind}: ${what}`);
}

function withVersion(facts: SilentChangeFacts, version: string): SilentChangeFacts {
  const variables = new Map([
    ...facts.variables,
    ['version', version],
    ['innodb_native_foreign_keys', 'OFF'],
  ]);
  return {...facts, variables};
}

describe('the tables of the LOG430 lab', () => {
  let facts: SilentChangeFacts;
  let database: string;
  beforeAll(async () => {
    database = await create('lab', readFileSync('shops/log430-lab/schema.sql', 'utf8'));
    facts = await factsOf(database);
  });

  test('doctor warns of the cascade from users on MySQL 8.0, and of nothing else (F88)', () => {
    const answer = {kind: 'answer', value: withVersion(facts, '8.0.15')} as const;
    const checks = silentChangeChecks({tables: answer, silentChanges: answer}, schema);
    const verdicts = checks.map(({name, verdict}) => `${name}: ${verdict}`);
    expect(checks.map(({name}) => name)).toEqual([...SILENT_CHANGE_CHECKS]);
    expect(verdicts).toEqual([
      'foreign-keys: warn',
      'items-on-delete: ok',
      'storage: ok',
      'binlog-sessions: ok',
      'prepared-transactions: skipped',
    ]);
    expect(checks[0]?.detail).toMatch(/orders\.user_id -> users\.id \(ON DELETE CASCADE\)/);
    expect(checks[0]?.fix).toContain('`projector audit --repair`');
  });

  test('the same foreign keys have no warning on MySQL 9.7', () => {
    expect(found(withVersion(facts, '9.7.0'))).toEqual([]);
  });

  test('a command prints one line for each finding, and never rejects', async () => {
    const lines: string[] = [];
    const note = (text: string): void => void lines.push(text);
    await withClient(database, async (client) => await warnOfSilentChanges(client, schema, note));
    // A server from MySQL 9.6 on writes the events of the cascade.
    expect(lines).toEqual(
      found(facts).length === 0 ? [] : [expect.stringMatching(/^warning: foreign key orders/), AUDIT],
    );
    const closed = new MysqlClient({url: `mysql://nobody@127.0.0.1:1/${database}`});
    lines.length = 0;
    await warnOfSilentChanges(closed, schema, note);
    expect(lines).toEqual([expect.stringMatching(/^warning: could not check MySQL .*is closed$/)]);
  });
});

test('every kind of table is found with SELECT on both tables alone', async () => {
  const parents = await create(
    'parents',
    'CREATE TABLE orders (id INT PRIMARY KEY); CREATE TABLE order_items (id INT)',
  );
  const database = await create(
    'every',
    `CREATE TABLE members (id INT, shop INT, PRIMARY KEY (id, shop));
     CREATE TABLE orders (
       id INT PRIMARY KEY, user_id INT NULL, parent_id INT NULL, shop_id INT NULL, net DECIMAL(10, 2) NOT NULL,
       total_amount DECIMAL(12, 2) AS (net * 1.2) STORED,
       created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, year INT AS (id + 1) VIRTUAL,
       FOREIGN KEY (parent_id) REFERENCES orders (id) ON DELETE CASCADE,
       FOREIGN KEY (user_id, shop_id) REFERENCES members (id, shop) ON DELETE SET NULL ON UPDATE CASCADE,
       FOREIGN KEY (shop_id) REFERENCES ${parents}.orders (id) ON DELETE CASCADE);
     CREATE TABLE order_items (id INT, order_id INT NOT NULL, product_id INT NOT NULL, quantity INT NOT NULL)
       PARTITION BY HASH (id) PARTITIONS 2`,
  );
  const facts = withVersion(await factsOf(database), '8.4.0');
  expect(found(facts)).toEqual([
    expect.stringMatching(/^foreign-keys: .*orders\.parent_id -> orders\.id \(ON DELETE CASCADE\)/),
    expect.stringMatching(
      /^foreign-keys: .*orders\.user_id, orders\.shop_id -> members\.id, members\.shop \(ON DELETE SET NULL, ON UPDATE CASCADE\)/,
    ),
    expect.stringMatching(
      new RegExp(`^foreign-keys: .*orders\\.shop_id -> ${parents}\\.orders\\.id \\(ON DELETE CASCADE\\)`),
    ),
    expect.stringMatching(/^items-on-delete: there is no foreign key/),
    expect.stringMatching(/^partitions: order_items is partitioned/),
    expect.stringMatching(/^generated-columns: orders\.total_amount is a generated column/),
  ]);
  expect(facts.tables.find(({name}) => name === 'orders')?.generated.map(({name}) => name)).toEqual([
    'total_amount',
    'year',
  ]);
});

test('MyISAM has no foreign keys', async () => {
  const database = await create(
    'myisam',
    `SET default_storage_engine = MyISAM; CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, total_amount DECIMAL(10, 2));
     CREATE TABLE order_items (id INT PRIMARY KEY, order_id INT, product_id INT, quantity INT,
       FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE);
     SET default_storage_engine = InnoDB`,
  );
  expect(found(await factsOf(database))).toEqual([
    expect.stringMatching(/^items-on-delete: /),
    expect.stringMatching(/^engines: order_items uses the storage engine MyISAM/),
    expect.stringMatching(/^engines: orders uses the storage engine MyISAM/),
  ]);
});

describe('accounts and XA transactions', () => {
  let database: string;
  beforeAll(async () => {
    database = await create('rights', readFileSync('shops/log430-lab/schema.sql', 'utf8'));
  });

  test('a user without rights on mysql.* sees its own privileges only', async () => {
    expect((await factsOf(database)).accounts).toEqual({count: 0, isComplete: false});
    await root.query(`GRANT SESSION_VARIABLES_ADMIN ON *.* TO '${READER}'@'%'`);
    expect((await factsOf(database)).accounts).toEqual({count: 1, isComplete: false});
    await root.query(`REVOKE SESSION_VARIABLES_ADMIN ON *.* FROM '${READER}'@'%'`);
  });

  test('a user that may read mysql.* sees all accounts, and the internal accounts of MySQL do not count', async () => {
    await root.query(`GRANT SELECT ON mysql.* TO '${READER}'@'%'`);
    const before = (await factsOf(database)).accounts;
    const [rows] = await root.query(
      `SELECT COUNT(*) AS total FROM mysql.user WHERE Super_priv = 'Y' AND user NOT LIKE 'mysql.%'`,
    );
    expect(before).toEqual({count: (rows as {total: number}[])[0]?.total, isComplete: true});
    await root.query(`GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO '${READER}'@'%'`);
    expect((await factsOf(database)).accounts).toEqual({count: before.count + 1, isComplete: true});
    await root.query(`REVOKE SYSTEM_VARIABLES_ADMIN ON *.* FROM '${READER}'@'%'`);
    await root.query(`REVOKE SELECT ON mysql.* FROM '${READER}'@'%'`);
  });

  test('BINLOG_ADMIN is not enough to change the binlog settings of a session, and each counted privilege is', async () => {
    const {host, port} = testStack().env.mysql;
    const reader = {host, port, database, user: READER, password: PASSWORD};
    for (const [privilege, isEnough] of [
      ['BINLOG_ADMIN', false],
      ['SESSION_VARIABLES_ADMIN', true],
      ['SYSTEM_VARIABLES_ADMIN', true],
    ] as const) {
      await root.query(`GRANT ${privilege} ON *.* TO '${READER}'@'%'`);
      for (const setting of [
        'sql_log_bin = 0',
        "binlog_format = 'STATEMENT'",
        "binlog_row_image = 'MINIMAL'",
        "binlog_row_value_options = 'PARTIAL_JSON'",
      ]) {
        const session = await createConnection(reader);
        const outcome = session.query(`SET SESSION ${setting}`).then(
          () => undefined,
          (error: unknown) => (error as {errno: number}).errno,
        );
        expect([privilege, setting, await outcome]).toEqual([
          privilege,
          setting,
          isEnough ? undefined : 1227,
        ]);
        await session.end();
      }
      await root.query(`REVOKE ${privilege} ON *.* FROM '${READER}'@'%'`);
    }
  });

  test('a statement that fires a trigger with binlog settings fails, and the settings stay', async () => {
    await root.query(`USE ${database}`);
    for (const [setting, errno] of [
      ["binlog_format = 'STATEMENT'", 1560],
      ['sql_log_bin = 0', 1695],
      ["binlog_row_value_options = 'PARTIAL_JSON'", 1765],
    ] as const) {
      await root.query(`CREATE TRIGGER quiet BEFORE INSERT ON users FOR EACH ROW SET SESSION ${setting}`);
      await expect(root.query("INSERT INTO users (name, email) VALUES ('a', 'a')")).rejects.toMatchObject({
        errno,
      });
      await root.query('DROP TRIGGER quiet');
    }
    const [rows] = await root.query('SELECT @@binlog_format AS format, @@sql_log_bin AS log');
    expect(rows).toEqual([{format: 'ROW', log: 1}]);
  });

  test('prepared XA transactions are counted with XA_RECOVER_ADMIN, and unknown without it', async () => {
    await root.query(
      `XA START '${database}'; INSERT INTO ${database}.users (name, email) VALUES ('a', 'a'); XA END '${database}'; XA PREPARE '${database}'`,
    );
    try {
      expect((await factsOf(database)).prepared).toBeUndefined();
      // The session of the XA transaction accepts no other statement (error 1399).
      const other = await connectRoot();
      await other.query(`GRANT XA_RECOVER_ADMIN ON *.* TO '${READER}'@'%'`);
      await other.end();
      expect((await factsOf(database)).prepared).toBe(1);
    } finally {
      await root.query(`XA ROLLBACK '${database}'`);
    }
    expect((await factsOf(database)).prepared).toBe(0);
  });
});
