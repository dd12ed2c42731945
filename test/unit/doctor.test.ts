/** The checks of `projector doctor` on given answers. test/pipeline/doctor runs them against real servers. */
import {doctorLines} from '../../src/cli/commands/doctor.js';
import {main} from '../../src/cli/program.js';
import type {PlacedRecord} from '../../src/clients/kafka/records.js';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {Questions} from '../../src/operations/doctor/asking.js';
import {hostsOf} from '../../src/operations/doctor/askNetwork.js';
import {
  again,
  both,
  exitCodeOf,
  fail,
  judged,
  ok,
  skipped,
  warn,
  type Check,
} from '../../src/operations/doctor/check.js';
import {
  judgeBrokers,
  judgeCleanup,
  judgeGroup,
  judgeRecords,
  judgeRetention,
  judgeTopic,
} from '../../src/operations/doctor/kafkaChecks.js';
import {judgeBinlog, judgeGrants} from '../../src/operations/doctor/mysqlChecks.js';
import {judgeHosts, judgePort} from '../../src/operations/doctor/networkChecks.js';
import {
  judgeEviction,
  judgeLayout,
  judgeMemory,
  judgePersistence,
  judgePositions,
  judgeServer,
  judgeQuarantine,
  judgeStaging,
} from '../../src/operations/doctor/redisChecks.js';
import {ProjectorError} from '../../src/runtime/errors.js';

const config = readConfig({}, []);
const map = (entries: Record<string, string>): ReadonlyMap<string, string> =>
  new Map(Object.entries(entries));

/** Returns verdict and detail as one line. Every warning and every failure must say what to do. */
function notified(check: Check): string {
  expect(check.fix !== null).toBe(check.verdict === 'warn' || check.verdict === 'fail');
  expect(check.exitCode > 0).toBe(check.verdict === 'fail');
  return `${check.verdict}: ${check.detail}`;
}

const CASES: readonly (readonly [name: string, check: () => Check, wanted: RegExp])[] = [
  ['Kafka', () => judgeBrokers({brokers: 3, fetchVersion: 18}), /^ok: 3 brokers/],
  ['an old Kafka', () => judgeBrokers({brokers: 1, fetchVersion: 9}), /^fail: 1 broker, .*older than 2\.1/],
  [
    'a topic',
    () => judgeTopic('t', {partitions: 6, replicas: 1, leaderless: [], behind: []}),
    /^ok: t has 6 partitions, 1 replica$/,
  ],
  [
    'a topic without leaders',
    () => judgeTopic('t', {partitions: 6, replicas: 3, leaderless: [2, 4], behind: [2]}),
    /^fail: .*partitions without a leader: 2, 4/,
  ],
  [
    'replicas out of sync',
    () => judgeTopic('t', {partitions: 6, replicas: 3, leaderless: [], behind: [1]}),
    /^warn: .*out of sync: 1$/,
  ],
  ['no retention', () => judgeRetention('t', map({'retention.ms': '-1', 'retention.bytes': '-1'})), /^ok/],
  [
    'retention by time',
    () => judgeRetention('t', map({'retention.ms': '604800000'})),
    /^fail: t has retention\.ms=604800000:/,
  ],
  [
    'retention by size',
    () => judgeRetention('t', map({'retention.ms': '-1', 'retention.bytes': '5'})),
    /^fail: t has retention\.bytes=5:/,
  ],
  ['cleanup by age', () => judgeCleanup('t', map({'cleanup.policy': 'delete'})), /^ok/],
  [
    'compaction',
    () => judgeCleanup('t', map({'cleanup.policy': 'delete,compact'})),
    /^fail: .*all records of an order have the same key/,
  ],
  [
    'a group with workers',
    () => judgeGroup('g', {state: 'Stable', protocolType: 'consumer', members: 2}),
    /^ok: g is Stable, 2 workers$/,
  ],
  [
    'a group that does not exist',
    () => judgeGroup('g', {state: 'Dead', protocolType: '', members: 0}),
    /^warn: no worker runs in g: the group does not exist/,
  ],
  [
    'a group without members',
    () => judgeGroup('g', {state: 'Empty', protocolType: 'consumer', members: 0}),
    /^warn: no worker runs in g: the group is Empty/,
  ],
  [
    'a group in a rebalance',
    () => judgeGroup('g', {state: 'PreparingRebalance', protocolType: 'consumer', members: 1}),
    /^warn: g is PreparingRebalance, 1 worker$/,
  ],
  [
    'a group of another protocol type',
    () => judgeGroup('g', {state: 'Stable', protocolType: 'connect', members: 1}),
    /^fail: g is a group of protocol type connect/,
  ],
  [
    'Redis 7',
    () => judgeServer(map({redis_version: '7.4.1', role: 'master'})),
    /^ok: version 7\.4\.1, master$/,
  ],
  ['Redis 6.2', () => judgeServer(map({redis_version: '6.2.7', role: 'master'})), /^warn/],
  ['Redis 6.0', () => judgeServer(map({redis_version: '6.0.16', role: 'master'})), /^fail: version 6\.0\.16/],
  ['a replica', () => judgeServer(map({redis_version: '7.4.1', role: 'slave'})), /^fail: .*replica/],
  [
    'a cluster',
    () => judgeServer(map({redis_version: '7.4.1', role: 'master', cluster_enabled: '1'})),
    /^fail: .*cluster mode/,
  ],
  ['noeviction', () => judgeEviction(map({maxmemory_policy: 'noeviction'})), /^ok/],
  ['volatile-lru', () => judgeEviction(map({maxmemory_policy: 'volatile-lru'})), /^ok/],
  ['allkeys-lru', () => judgeEviction(map({maxmemory_policy: 'allkeys-lru'})), /^fail: .*may evict orders/],
  [
    'an append-only file',
    () => judgePersistence(map({aof_enabled: '1', aof_last_write_status: 'ok'}), ''),
    /^ok/,
  ],
  [
    'an append-only file that cannot be written',
    () => judgePersistence(map({aof_enabled: '1', aof_last_write_status: 'err'}), ''),
    /^fail/,
  ],
  ['no persistence', () => judgePersistence(map({aof_enabled: '0'}), ''), /^warn: neither/],
  [
    'RDB snapshots only',
    () => judgePersistence(map({aof_enabled: '0'}), '3600 1'),
    /^warn: only RDB snapshots \(save 3600 1\)/,
  ],
  [
    'RDB snapshots that fail',
    () => judgePersistence(map({aof_enabled: '0', rdb_last_bgsave_status: 'err'}), '3600 1'),
    /^warn: the last RDB snapshot failed/,
  ],
  [
    'an RDB configuration that cannot be read',
    () => judgePersistence(map({aof_enabled: '0'}), undefined),
    /^warn: .*cannot be read/,
  ],
  [
    'memory without a limit',
    () => judgeMemory(map({used_memory: '1048576', maxmemory: '0'})),
    /^ok: 1\.0 MiB/,
  ],
  [
    'memory within its limit',
    () => judgeMemory(map({used_memory: '1048576', maxmemory: '10485760'})),
    /^ok: 1\.0 MiB of 10\.0 MiB/,
  ],
  ['nearly full memory', () => judgeMemory(map({used_memory: '10485000', maxmemory: '10485760'})), /^warn/],
  [
    'an empty staging database',
    () => judgeStaging(map({db0: 'keys=5,expires=0'}), null, config),
    /^ok: database 15 is empty/,
  ],
  [
    'a staging database with the content of a rebuild',
    () => judgeStaging(map({db15: 'keys=5,expires=0'}), 'x', config),
    /^warn: .*content of a rebuild/,
  ],
  [
    'a staging database with foreign keys',
    () => judgeStaging(map({db15: 'keys=5,expires=0'}), null, config),
    /^warn: .*5 keys that do not belong to a rebuild/,
  ],
  ['no layout', () => judgeLayout(null, 6, config), /^ok/],
  [
    'the same layout',
    () => judgeLayout('v2 topic=shop.order-events partitions=6 decimals=2 columns=', 6, config),
    /^ok/,
  ],
  [
    'another number of partitions',
    () => judgeLayout('v2 topic=shop.order-events partitions=6 decimals=2 columns=', 8, config),
    /^fail: .*partitions is "8", and was "6"/,
  ],
  [
    'another number of decimals',
    () => judgeLayout('v2 topic=shop.order-events partitions=6 decimals=3 columns=', 6, config),
    /^fail: .*decimals is "2", and was "3"/,
  ],
  ['an empty quarantine', () => judgeQuarantine(0), /^ok/],
  ['a record in quarantine', () => judgeQuarantine(1), /^warn: 1 record is quarantined/],
  [
    'a binlog',
    () =>
      judgeBinlog(
        map({
          log_bin: 'ON',
          binlog_format: 'ROW',
          binlog_row_image: 'full',
          gtid_mode: 'ON',
          binlog_row_value_options: '',
          binlog_expire_logs_seconds: '2592000',
        }),
      ),
    /^ok/,
  ],
  ['no binlog', () => judgeBinlog(map({log_bin: 'OFF'})), /^fail: log_bin=OFF/],
  [
    'a binlog with statements instead of rows',
    () => judgeBinlog(map({log_bin: 'ON', binlog_format: 'STATEMENT', binlog_row_image: 'MINIMAL'})),
    /^fail: binlog_format=STATEMENT: .*; binlog_row_image=MINIMAL: /,
  ],
  ['partial JSON', () => judgeBinlog(map({binlog_row_value_options: 'PARTIAL_JSON'})), /^fail/],
  ['no GTIDs', () => judgeBinlog(map({log_bin: 'ON', gtid_mode: 'OFF'})), /^warn: gtid_mode=OFF/],
  [
    'semi-synchronous replication without GTIDs',
    () => judgeBinlog(map({gtid_mode: 'OFF', rpl_semi_sync_source_enabled: 'ON'})),
    /^warn: gtid_mode=OFF: .*; semi-synchronous replication is on/,
  ],
  [
    'a binlog that expires after an hour',
    () => judgeBinlog(map({log_bin: 'ON', binlog_expire_logs_seconds: '3600'})),
    /^warn: .*3600 s/,
  ],
  [
    'sufficient grants',
    () => judgeGrants(['GRANT USAGE ON *.* TO `u`@`%`', 'GRANT SELECT, INSERT ON `shop`.* TO `u`@`%`']),
    /^ok/,
  ],
  ['missing grants', () => judgeGrants(['GRANT USAGE ON *.* TO `u`@`%`']), /^fail: .*no SELECT privilege/],
  ['too many grants', () => judgeGrants(['GRANT ALL PRIVILEGES ON *.* TO `root`@`%`']), /^warn/],
  ['a free port', () => judgePort('http://h:1', 'free'), /^ok/],
  ['a port that a worker uses', () => judgePort('http://h:1', 'worker'), /^ok/],
  ['a port that another program uses', () => judgePort('http://h:1', 'other'), /^fail: another program/],
  ['hosts', () => judgeHosts([{host: 'a', addresses: {kind: 'answer', value: 1}}]), /^ok: a/],
  [
    'a host without an address',
    () =>
      judgeHosts([
        {
          host: 'a',
          addresses: {kind: 'error', error: new ProjectorError('host-unknown', 'a has no address')},
        },
      ]),
    /^fail: a has no address/,
  ],
];

test.each(CASES)('doctor reports the expected verdict for %s', (_name, check, wanted) => {
  expect(notified(check())).toMatch(wanted);
});

describe('positions', () => {
  const ranges = new Map([
    [0, {low: 0n, high: 10n}],
    [1, {low: 5n, high: 10n}],
  ]);
  const fence = 'fence 5 abc v1 7';

  test.each([
    [['v1 10', 'v1 7'], /^ok: all positions are within the topic, consumer lag is 3 records$/],
    [['', 'v1 5'], /^ok: all positions are within the topic, consumer lag is 15 records$/],
    [['v1 10', ''], /^fail: partition 1 has no position, but the topic begins at offset 5$/],
    [['v1 10', 'v1 4'], /^fail: partition 1 is at offset 4, but the topic begins at offset 5$/],
    [
      ['v1 11', 'v1 4'],
      /^fail: partition 0 is at offset 11, but the topic ends at offset 10; partition 1 is at/,
    ],
    [['words', 'v1 7'], /^fail: partition 0 has a stored position that cannot be read/],
    [['v1 10', fence], /^warn: fences are set/],
  ])('the verdict matches the stored positions %j', (texts, wanted) => {
    expect(notified(judgePositions(texts, ranges))).toMatch(wanted);
  });
});

describe('the last records', () => {
  const record = (amount: unknown): PlacedRecord => ({
    partition: 3,
    offset: 7n,
    timestampMs: '1',
    key: Buffer.from('5'),
    value: Buffer.from(
      JSON.stringify({
        op: 'c',
        before: null,
        after: {id: 5, user_id: 1, total_amount: amount},
        source: {table: 'orders', ts_ms: 1},
      }),
    ),
  });
  const schema = sourceSchema(config);

  test('pass the check if they can be decoded', () => {
    expect(notified(judgeRecords([record('45.99')], schema))).toBe('ok: the last 1 record can be decoded');
  });

  test.each([['Zq7S'], [45.99], ['45,9']])('with %j cause a failure that names no value (I11)', (amount) => {
    const text = notified(judgeRecords([record('45.99'), record(amount)], schema));
    expect(text).toMatch(
      /^fail: 1 of the last 2 records cannot be decoded, for example offset 7 of partition 3: .*decimal\.handling\.mode=string/,
    );
    expect(text).not.toMatch(/Zq7S|45[.,]9/);
  });

  test('cause a warning if none exist', () => expect(notified(judgeRecords([], schema))).toMatch(/^warn/));
});

describe('answers', () => {
  const away = {kind: 'error', error: new ProjectorError('redis-unreachable', 'Redis is away')} as const;

  test('the first check of an unreachable server fails, and the checks after it are skipped', () => {
    const first = judged('redis', away, () => ok('redis', ''));
    expect([notified(first), first.exitCode]).toEqual(['fail: Redis is away', 4]);
    expect(notified(judged('x', again(away), () => ok('x', '')))).toBe('skipped: Redis is away');
    expect(notified(judged('x', both({kind: 'answer', value: 1}, away), () => ok('x', '')))).toBe(
      'skipped: Redis is away',
    );
  });

  test('a request ends at the common deadline, and a request that depends on it is not sent', async () => {
    let over: () => void = () => undefined;
    const clock = {nowMs: () => 0, sleep: async () => await new Promise<void>((resolve) => (over = resolve))};
    const questions = new Questions(clock, 2_500);
    const asked = {what: 'Redis', kind: 'redis-unreachable'} as const;
    const silent = questions.ask(asked, async () => await new Promise<number>(() => undefined));
    expect(await questions.ask(asked, async () => await Promise.resolve(1))).toEqual({
      kind: 'answer',
      value: 1,
    });
    over();
    const answer = await silent;
    expect(answer).toMatchObject({
      kind: 'error',
      error: {kind: 'redis-unreachable', detail: 'Redis did not respond within 2.5 s'},
    });
    const next = await questions.after(answer, asked, () => Promise.reject(new Error('it was asked')));
    expect(next).toEqual({kind: 'skipped', why: 'Redis is not available'});
  });

  test('every host in the settings is resolved once', () => {
    const environment = {
      KAFKA_BROKERS: 'k1:9092,k2:9092,k1:9093',
      REDIS_URL: 'redis://u:p@[::1]:6379/0',
      MYSQL_URL: 'mysql://u:p@k2/shop',
      CONNECT_URL: 'http://connect:8083',
    };
    expect(hostsOf(readConfig(environment, []))).toEqual(['k1', 'k2', '::1', 'connect']);
  });
});

test('the exit code is that of invalid settings, else of unreachable servers, else of other failures', () => {
  const fix = 'fix it';
  expect(exitCodeOf([ok('a', ''), warn('b', '', fix), skipped('c', '')])).toBe(0);
  expect(exitCodeOf([fail('a', '', {fix})])).toBe(5);
  expect(exitCodeOf([fail('a', '', {fix}), fail('b', '', {fix, exitCode: 4})])).toBe(4);
  expect(exitCodeOf([fail('a', '', {fix, exitCode: 2}), fail('b', '', {fix, exitCode: 4})])).toBe(2);
});

test('the text output has one line for each check, with the fix below it, and the sums at the end', () => {
  const checks = [ok('redis', 'fine'), fail('layout', 'other\u001b[2J', {fix: 'fix it'})];
  expect(doctorLines(checks, 1_234)).toEqual([
    'ok       redis   fine',
    'fail     layout  other\\u001b[2J',
    '                 fix it',
    '1 ok, 0 warn, 1 fail, 0 skipped, in 1.2 s',
  ]);
});

test('invalid settings fail with all faults and exit code 2, and no server is contacted', async () => {
  const lines: string[] = [];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => lines.push(text)};
  const code = await main(['node', 'projector', 'doctor', '--json'], {KAFKA_BROKERS: 'Zq7Secret'}, output);
  const {checks} = JSON.parse(lines.join('')) as {checks: Check[]};
  expect([code, checks.map(({verdict}) => verdict)]).toEqual([2, ['fail', 'skipped']]);
  expect(checks[0]?.detail).toMatch(/^KAFKA_BROKERS must be .+; REDIS_URL is not set/);
  expect(lines.join('')).not.toContain('Zq7Secret');
});
