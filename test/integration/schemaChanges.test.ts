/**
 * Schema changes and TRUNCATE: the script that applies them requests an audit in the same step. A TRUNCATE is applied only while an audit
 * repairs, because it leaves no events of the rows that it removes.
 */
import {decodeRecord} from '../../src/decode/decode.js';
import {reduce} from '../../src/reduce.js';
import type {AuditRequest} from '../../src/redis-model/audit.js';
import {ReadModel} from '../../src/apply/readModel.js';
import {item, order} from '../support/changes.js';
import {OrderModel} from '../support/orderModel.js';
import {encoded, recordOf, rowRecord, SHOP} from '../support/records.js';
import {LAYOUT, RedisBench, TOPIC} from '../support/redisBench.js';
import {BENCH_SCHEMA, expectHaltOrHold, WorkerBench} from '../support/workerBench.js';
import {ORDER_EXTRA_COLUMNS} from '../support/arbitraries.js';

const AUDIT = 'projector:audit';
const LEASE = 'projector:audit-lease';
const REPAIRS = '3f1c audit-repair on host-1, process 7, since 2026-11-30T10:00:00Z';
const REPORTS = '3f1c audit on host-1, process 7, since 2026-11-30T10:00:00Z';

describe('the script', () => {
  let bench: RedisBench;
  beforeAll(async () => (bench = await RedisBench.open(7)));
  afterAll(async () => await bench.close());
  beforeEach(async () => {
    await bench.redis.flushdb();
    await bench.applyAll([[order('5')]]);
  });

  const ALTERED: AuditRequest = {text: `ALTER TABLE at ${TOPIC}[0] offset 1`, truncated: undefined};
  const TRUNCATED: AuditRequest = {
    text: `TRUNCATE TABLE at ${TOPIC}[0] offset 1`,
    truncated: `${TOPIC}[0] offset 1: table orders was truncated`,
  };
  const apply = async (audit: AuditRequest, model = bench.model): Promise<unknown> =>
    await model.apply(0, {expected: 'v1 1', next: 'v1 2', reduction: reduce([order('6')]), audit});

  test('writes the request together with the data, and keeps the other fields of the hash (I5)', async () => {
    await bench.redis.hset(AUDIT, {requested: 'an earlier request', answered: 'an earlier request'});
    await expect(apply(ALTERED)).resolves.toEqual({kind: 'applied'});
    expect(await bench.redis.hgetall(AUDIT)).toEqual({
      requested: ALTERED.text,
      answered: 'an earlier request',
    });
    expect(await bench.content()).toEqual(OrderModel.of([order('5'), order('6')]).content());
  });

  test('a chunk without a request does not touch the hash', async () => {
    await bench.redis.set(AUDIT, 'foreign');
    await expect(bench.apply([order('6')], 'v1 1', 'v1 2')).resolves.toEqual({kind: 'applied'});
  });

  test('a foreign type under the hash is an error, and nothing is written (I5)', async () => {
    await bench.redis.set(AUDIT, 'foreign');
    const before = await bench.snapshot();
    await expect(apply(ALTERED)).rejects.toMatchObject({
      kind: 'read-model-corrupt',
      detail: expect.stringMatching(/CORRUPT projector:audit is a string, not a hash/) as string,
    });
    expect(await bench.snapshot()).toEqual(before);
  });

  test.each([null, '', REPORTS, 'audit-repair on host-1'])(
    'rejects a TRUNCATE with the lease %j, and writes nothing',
    async (lease) => {
      if (lease !== null) await bench.redis.set(LEASE, lease);
      const before = await bench.snapshot();
      await expect(apply(TRUNCATED)).rejects.toMatchObject({
        kind: 'table-truncated',
        detail: `${TOPIC}[0] offset 1: table orders was truncated, and no \`projector audit --repair\` runs`,
      });
      expect(await bench.snapshot()).toEqual(before);
    },
  );

  test('applies a TRUNCATE while an audit repairs', async () => {
    await bench.redis.set(LEASE, REPAIRS);
    await expect(apply(TRUNCATED)).resolves.toEqual({kind: 'applied'});
    await expect(bench.redis.hget(AUDIT, 'requested')).resolves.toBe(TRUNCATED.text);
  });

  test('applies a TRUNCATE to a read model that is being built, if an audit repairs the live one', async () => {
    const settings = {prefix: '', layout: LAYOUT, extraColumns: [], isAudited: true};
    await expect(apply(TRUNCATED, new ReadModel(bench.client, TOPIC, settings))).resolves.toEqual({
      kind: 'applied',
    });
  });
});

describe('a worker', () => {
  let bench: WorkerBench;
  beforeAll(async () => (bench = await WorkerBench.open(8)));
  afterEach(async () => await bench.reset());
  afterAll(async () => await bench.close());

  const extra = ORDER_EXTRA_COLUMNS.map(() => 'new');
  const BEFORE = [order('3', {extra}), item('3/1')];
  const AFTER = [order('6', {extra}), item('3/9', {product: '12'})];
  const truncate = rowRecord({op: 't', table: 'orders'}, null);
  const ddl = (text: string, table = 'orders'): ReturnType<typeof encoded> =>
    encoded(
      {
        source: {server: 'shop', snapshot: null, table},
        databaseName: 'shop',
        ddl: text,
        tableChanges: [{type: 'ALTER', id: `"shop"."${table}"`, table: null}],
      },
      '{"databaseName":"shop"}',
    );
  const requested = async (): Promise<string | null> => await bench.redis.redis.hget(AUDIT, 'requested');
  const append = (...records: ReturnType<typeof encoded>[]): void => bench.topic.append(0, ...records);

  test('requests an audit for the newest schema change, and logs each of them once (I11)', async () => {
    bench.write(BEFORE);
    append(ddl("ALTER TABLE orders COMMENT 'Zq7Secret'"), ddl('DROP TABLE order_items', 'order_items'));
    append(ddl('ALTER TABLE heartbeat ADD x INT', 'heartbeat'), ddl('CREATE INDEX i ON orders (user_id)'));
    bench.write(AFTER);
    const worker = await bench.soleWorker({partitionOf: (key) => bench.partitionOf(key.toString())});
    await bench.expectExact();
    await expect(requested()).resolves.toBe(`DROP TABLE at ${TOPIC}[0] offset 3`);
    expect(worker.messages.filter((message) => message.startsWith('schema changed'))).toEqual([
      `schema changed: ALTER TABLE of orders; an audit was requested {"table":"orders","statement":"ALTER TABLE","partition":0,"offset":"2"}`,
      `schema changed: DROP TABLE of order_items; an audit was requested {"table":"order_items","statement":"DROP TABLE","partition":0,"offset":"3"}`,
    ]);
    expect(worker.messages.join()).not.toContain('Zq7Secret');
    expect(worker.projector.counts).toMatchObject({applied: 4, ignored: 4, quarantined: 0});
    expect(await bench.redis.redis.exists('projector:quarantine')).toBe(0);
  });

  test('goes on after a TRUNCATE while an audit repairs', async () => {
    await bench.redis.redis.set(LEASE, REPAIRS);
    bench.write(BEFORE);
    append(truncate, truncate);
    bench.write(AFTER);
    const worker = await bench.soleWorker();
    // The rows that the TRUNCATE removed stay until the audit has compared them.
    await bench.expectExact();
    await expect(requested()).resolves.toBe(`TRUNCATE TABLE at ${TOPIC}[0] offset 3`);
    expect(worker.projector.counts).toMatchObject({applied: 4, ignored: 2, quarantined: 0});
  });

  test.each([
    ['no audit runs', null],
    ['the audit only reports', REPORTS],
  ])('halts right before a TRUNCATE if %s, and goes on when an audit repairs (F62)', async (_, lease) => {
    if (lease !== null) await bench.redis.redis.set(LEASE, lease);
    bench.write(BEFORE);
    append(truncate);
    bench.write(AFTER);
    const worker = await bench.soleWorker();
    await expectHaltOrHold(worker, 'table-truncated', /\[0\] offset 2: table orders was truncated, and no /);
    await expect(bench.position(0)).resolves.toBe(2n);
    await bench.expectFold(BEFORE);
    await expect(requested()).resolves.toBeNull();
    expect(worker.projector.counts).toMatchObject({consumed: 2, applied: 2, ignored: 0, quarantined: 0});
    await bench.redis.redis.set(LEASE, REPAIRS);
    await bench.soleWorker();
    await bench.expectExact();
    await expect(requested()).resolves.toBe(`TRUNCATE TABLE at ${TOPIC}[0] offset 2`);
  });

  test('the records of these tests are schema changes for the decoder', () => {
    for (const record of [truncate, ddl('ALTER TABLE orders COMMENT 1')])
      expect(decodeRecord(record, BENCH_SCHEMA)).toMatchObject({kind: 'schema-changed'});
    expect(decodeRecord(recordOf(BEFORE[0]!), SHOP)).toMatchObject({kind: 'change'});
  });
});
