/**
 * `projector dlq` as an operator uses it, with changes that come from MySQL through Debezium and Kafka. A
 * worker with a wrong setting quarantines records. They are replayed after the setting is corrected.
 */
import {canonicalText} from '../../src/domain/canonical.js';
import {endOffsets, partitionOf, produce} from '../support/kafka.js';
import {connectMysql, freshId, Pipeline, startWorker, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {positions} from '../support/readModel.js';
import {shopOfFile} from '../support/shop.js';
import {type CommandResult} from '../support/stack.js';
import {until} from '../support/until.js';

/** One column of each type that MySQL and Debezium may print differently. */
const COLUMNS: Readonly<Record<string, readonly [type: string, value: string, kind?: 'time' | 'json']>> = {
  a_double: ['DOUBLE', '1.50'],
  // Without it, Debezium 3.6.1 cannot read the binlog of MySQL 8.0.15: it counts the numeric columns in another way when one is a YEAR.
  a_small_double: ['DOUBLE', '0.1'],
  a_tiny: ['TINYINT', '-7'],
  a_flag: ['BOOLEAN', '1'],
  a_bit: ['BIT(1)', "b'1'"],
  a_year: ['YEAR', '2026'],
  a_decimal: ['DECIMAL(8, 3)', '12.500'],
  a_big: ['BIGINT', '-9007199254740993'],
  an_enum: ["ENUM('small', 'large')", "'large'"],
  a_text: ['TEXT', '\'naïve 🛒 "quoted"\''],
  some_bytes: ['VARBINARY(8)', "x'00ff10'"],
  a_date: ['DATE', "'2026-11-23'", 'time'],
  a_time: ['TIME(3)', "'08:05:09.120'", 'time'],
  a_datetime: ['DATETIME(6)', "'2026-11-23 08:05:09.123400'", 'time'],
  a_json: ['JSON', `'{"b": [1, 2.5, true, null], "a": "x: ü, \\\\" y"}'`, 'json'],
  a_null: ['VARCHAR(5)', 'NULL'],
};
const EXTRA = [
  'status',
  'created_at:time',
  ...Object.entries(COLUMNS).map(([name, [, , kind]]) => (kind ? `${name}:${kind}` : name)),
];
let shop: Pipeline;
let topic: string;
/** The settings of the worker and of the commands. */
let right: Variables;
let fromLog: Variables;
let wrong: Variables;

beforeAll(async () => {
  const mysql = await connectMysql();
  const columns = Object.entries(COLUMNS).map(([name, [type]]) => `ADD COLUMN ${name} ${type} NULL`);
  await mysql.query(`ALTER TABLE orders ${columns.join(', ')}`);
  await mysql.end();
  ({topic} = await shopOfFile());
  right = {
    KAFKA_TOPIC: topic,
    REDIS_KEY_PREFIX: 'dlq:',
    KAFKA_GROUP_ID: 'dlq',
    ORDER_EXTRA_COLUMNS: EXTRA.join(','),
    PROJECTOR_QUARANTINE_MAX: '1000',
  };
  fromLog = {...right, MYSQL_URL: ''};
  wrong = {...right, ORDER_TOTAL_AMOUNT_COLUMN: 'a_null'};
  shop = await Pipeline.open('dlq', right);
  await shop.applied(60_000);
});

afterAll(async () => {
  await shop.close();
});

afterEach(async () => {
  await restarted(right);
  await shop.applied();
  expect(await differences()).toEqual([]);
  expect((await projector(['dlq', 'drop', '--all', '--yes'], right)).status).toBe(0);
});

/**
 * The comparison covers only the five fields of an order, so the lines about the extra columns are removed.
 */
async function differences(): Promise<readonly string[]> {
  const isOther = /^order:-?\d+ (?:status|created_at|an?_\w+|some_bytes): MySQL -, /;
  return (await shop.differences()).filter((line) => !isOther.test(line));
}

async function restarted(settings: Readonly<Record<string, string>>): Promise<void> {
  await shop.worker.end('SIGTERM');
  shop.worker = startWorker('dlq', settings);
}

/**
 * Resolves when the worker has consumed this number of records from the partition of the order, counted
 * from `before`. With the wrong setting the marker orders are quarantined too, so the test compares
 * positions instead.
 */
async function readToEnd(
  orderId: string,
  records: number,
  before: ReadonlyMap<number, bigint>,
): Promise<void> {
  const partition = partitionOf(orderId, 6);
  const end = (before.get(partition) ?? 0n) + BigInt(records);
  await until(
    async () => ((await positions(shop.redis, shop.prefix)).get(partition) ?? 0n) >= end,
    () => `offset ${end} of partition ${partition}: ${shop.worker.output.slice(-1_000)}`,
  );
}

interface Listed {
  readonly name: string;
  readonly kind: string;
  readonly orderId: string | null;
}

async function list(): Promise<Listed[]> {
  const {status, stdout, stderr} = await projector(['dlq', 'list', '--json'], {...right, KAFKA_BROKERS: ''});
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Listed[];
}

function results({stdout}: CommandResult): Record<string, unknown>[] {
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Changes two orders while the setting for the amount names a wrong column. Resolves with their ids. */
async function changedUnderWrongSettings(): Promise<readonly [string, string]> {
  const [first, second] = [await shop.placeOrder('10.00', [['901', 1]]), await shop.placeOrder('20.00', [])];
  await shop.applied();
  await restarted(wrong);
  const before = await endOffsets(topic);
  await shop.sql('UPDATE orders SET total_amount = 11.50 WHERE id = ?', [first.id]);
  await shop.addLine(first.id, '902', 4);
  await readToEnd(first.id, 2, before);
  await shop.sql('UPDATE orders SET total_amount = 21.50 WHERE id = ?', [second.id]);
  await until(
    async () => (await list()).some(({orderId}) => orderId === second.id),
    () => `order ${second.id} to be quarantined`,
  );
  return [first.id, second.id];
}

test.each([
  ['MySQL', () => right, /^rebuilding orders from mysql:\/\/127\.0\.0\.1:\d+\/shop_\w+\n$/],
  ['the topic', () => fromLog, /^rebuilding orders from the start of the topic/],
])(
  'after a wrong setting is corrected, the quarantined records are replayed from %s while the worker runs (I14)',
  async (_source, settingsOf, says) => {
    const settings = settingsOf();
    const [first, second] = await changedUnderWrongSettings();
    expect(await shop.order(first)).toMatchObject({total_amount: '10.00', items_count: '2'});
    const entries = await list();
    expect(new Set(entries.map(({orderId}) => orderId))).toEqual(new Set([first, second]));
    expect(entries[0]).toEqual({
      name: expect.stringMatching(/^shop_\w+\.order-events:\d:\d+$/) as string,
      kind: 'record-undecodable',
      orderId: expect.any(String) as string,
      reason:
        'column a_null is null; expected a decimal string with 2 decimals (decimal.handling.mode=string in the connector, MONEY_DECIMALS in the worker; for a DOUBLE set MONEY_ROUND=true)',
      time: expect.stringMatching(/^20\d\d-.*Z$/) as string,
    });
    await restarted(right);

    const one = entries.find(({orderId}) => orderId === first)!.name;
    const text = await projector(['dlq', 'replay', one], settings);
    expect([text.status, text.stdout]).toEqual([0, `replayed  ${one}  order ${first}\n`]);
    expect(text.stderr).toMatch(says);
    expect(text.stdout + text.stderr).not.toContain('shop:shop@');
    expect(await shop.order(first)).toMatchObject({total_amount: '11.50', items_count: '2'});

    const rest = await projector(['dlq', 'replay', '--all', '--json'], settings);
    expect([rest.status, results(rest)]).toEqual([
      0,
      entries
        .filter(({orderId}) => orderId === second)
        .map(({name}) => ({name, orderId: second, replayed: true, reason: null})),
    ]);
    expect(await shop.order(second)).toMatchObject({total_amount: '21.50'});
    expect(await list()).toEqual([]);
  },
);

test('a replay from MySQL writes the same values as Debezium delivers, in each column and at any size of the id (I8, I9, S8)', async () => {
  const names = Object.keys(COLUMNS);
  const values = Object.values(COLUMNS).map(([, value]) => value);
  const ids = [freshId(), '9007199254740992', '9007199254740993'];
  try {
    for (const [i, id] of ids.entries()) {
      await shop.sql(
        `INSERT INTO orders (id, user_id, total_amount, created_at, ${names.join(', ')}) VALUES (?, ?, ?, ?, ${values.join(', ')})`,
        [id, freshId(), `${i}.50`, '2026-11-23 10:20:30.280'],
      );
      await shop.addLine(id, '9007199254740993', i + 1);
    }
    await shop.applied();
    const before = await Promise.all(ids.map(async (id) => [await shop.order(id), await shop.lines(id)]));
    expect(Object.keys(before[0]![0]!).sort()).toEqual(
      ['id', 'user_id', 'total_amount', 'items_count', 'items', 'status', 'created_at', ...names]
        .filter((name) => name !== 'a_null')
        .sort(),
    );
    await produce(
      topic,
      ids.map((id) => ({key: id, value: '{"broken'})),
    );
    await until(
      async () => (await list()).length === 3,
      () => 'three quarantined records',
    );
    const {status, stderr, stdout} = await projector(['dlq', 'replay', '--all'], right);
    expect([status, stdout.split('\n').length, stderr]).toEqual([0, 4, expect.stringContaining('mysql://')]);
    const after = await Promise.all(ids.map(async (id) => [await shop.order(id), await shop.lines(id)]));
    expect(after).toEqual(before);
    expect(before[0]![0]!['created_at']).toBe(canonicalText('2026-11-23 10:20:30.280'));
    expect(await list()).toEqual([]);
  } finally {
    // The next tests expect small ids again.
    await shop.sql('DELETE FROM orders WHERE id >= ?', [ids[0]]);
    await shop.sql('ALTER TABLE orders AUTO_INCREMENT = 1');
    await shop.sql('ALTER TABLE order_items AUTO_INCREMENT = 1');
  }
});

test('dlq list, show, replay and drop exit with the right code and text, and only show prints the value of a record', async () => {
  const {id} = await shop.placeOrder('30.00', [['903', 2]]);
  await shop.applied();
  await produce(topic, [
    {key: id, value: '{"after": a-customer-secret'},
    {key: '[]', value: Buffer.from([0xff, 0xfe])},
  ]);
  await until(
    async () => (await list()).length === 2,
    () => 'two quarantined records',
  );
  const entries = await list();
  const known = entries.find(({orderId}) => orderId === id)!.name;
  const unknown = entries.find(({orderId}) => orderId === null)!.name;

  const table = await projector(['dlq', 'list'], right);
  expect(table.stdout.split('\n')[0]).toMatch(/^name +kind +order +time +reason$/);
  expect(table.stdout).toContain(known);
  expect(table.stdout + JSON.stringify(entries)).not.toContain('a-customer-secret');

  const shown = await projector(['dlq', 'show', known], right);
  expect(shown.status).toBe(0);
  expect(shown.stdout).toContain('{"after": a-customer-secret');
  expect(JSON.parse((await projector(['dlq', 'show', unknown, '--json'], right)).stdout)).toMatchObject({
    name: unknown,
    topic: topic,
    orderId: null,
    keptBytes: 2,
    valueBytes: 2,
    key: {encoding: 'utf8', data: '[]'},
    value: {encoding: 'base64', data: '//4='},
  });
  for (const args of [['show'], ['drop', '--yes'], ['replay']]) {
    const missing = await projector(['dlq', ...args, `${topic}:0:999999999`], right);
    expect([missing.status, missing.stdout]).toEqual([2, '']);
    expect(missing.stderr).toMatch(
      /^projector: entry-unknown: not in quarantine: .*:0:999999999\. Run `projector dlq list`/,
    );
  }
  expect((await projector(['dlq', '--help'])).stdout).toContain('this is customer data');

  const impossible = await projector(['dlq', 'replay', '--all', '--json'], fromLog);
  expect(impossible.status).toBe(5);
  expect(results(impossible)).toEqual([
    expect.objectContaining({name: unknown, orderId: null, replayed: false}),
    expect.objectContaining({name: known, orderId: id, replayed: false}),
  ]);
  expect(impossible.stderr).toMatch(/projector: replay-impossible: 2 entries could not be replayed/);
  expect(impossible.stdout + impossible.stderr).not.toContain('a-customer-secret');
  const fromMysql = await projector(['dlq', 'replay', '--all'], right);
  expect([fromMysql.status, fromMysql.stdout.split('\n')]).toEqual([
    5,
    [expect.stringContaining(`failed    ${unknown}`), `replayed  ${known}  order ${id}`, ''],
  ]);

  const refused = await projector(['dlq', 'drop', unknown], right);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('--yes')]);
  expect(await list()).toHaveLength(1);
  const dropped = await projector(['dlq', 'drop', unknown, '--yes', '--json'], right);
  expect([dropped.status, JSON.parse(dropped.stdout)]).toEqual([0, {dropped: [unknown], kept: []}]);
  for (const args of [['list'], ['replay', '--all'], ['drop', '--all']]) {
    const empty = await projector(['dlq', ...args], right);
    expect([empty.status, empty.stdout, empty.stderr]).toEqual([0, '', 'no record is quarantined\n']);
  }
});

/** Resolves when one record of an existing order is quarantined. */
async function oneSetAside(): Promise<void> {
  const {id} = await shop.placeOrder('40.00', []);
  await shop.applied();
  await produce(topic, [{key: id, value: '{"broken'}]);
  await until(
    async () => (await list()).length === 1,
    () => 'one quarantined record',
  );
}

test('a replay with an unusable MYSQL_URL ends with one line and an exit code, and the record stays quarantined (I11)', async () => {
  await oneSetAside();
  const {host = '', port = 0, user = '', password = '', database = ''} = shop.mysql.config;
  const cases: readonly [change: (url: URL) => unknown, status: number, says: RegExp][] = [
    [(url) => (url.password = 'Zq7Secret'), 5, /mysql-denied: .*ER_ACCESS_DENIED/],
    [(url) => (url.port = '1'), 4, /mysql-unreachable: .*ECONNREFUSED/],
    [(url) => (url.pathname = '/'), 2, /config-invalid: MYSQL_URL must name a database/],
    [(url) => (url.pathname = '/other'), 5, /mysql-denied: /],
    [(url) => (url.search = '?ssl=yes'), 2, /config-invalid: .*ssl-mode/],
  ];
  for (const [change, status, says] of cases) {
    const url = new URL(`mysql://${user}:${password}@${host}:${port}/${database}`);
    change(url);
    const result = await projector(['dlq', 'replay', '--all'], {...right, MYSQL_URL: url.href});
    expect([result.status, result.stdout]).toEqual([status, '']);
    expect(result.stderr).toMatch(says);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).not.toContain('Zq7Secret');
  }
  expect(await list()).toHaveLength(1);
});

test('a setting that names a table or column that MySQL does not have ends a replay with exit code 2', async () => {
  await oneSetAside();
  for (const other of [{ORDER_ITEMS_TABLE: 'order_lines'}, {ORDER_ITEM_ORDER_ID_COLUMN: 'orderid'}]) {
    const {status, stderr} = await projector(['dlq', 'replay', '--all'], {...right, ...other});
    expect([status, stderr]).toEqual([2, expect.stringContaining(Object.values(other)[0]!)]);
  }
  expect(await list()).toHaveLength(1);
});
