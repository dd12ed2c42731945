/** The layout `partitioned`: what protects the writes of a repair, and what the audit stores in the slots of the partitions. */
import {mergedGuard} from '../../src/operations/verify/sumRepair.js';
import {AuditRecord} from '../../src/operations/verify/audit/auditRecord.js';
import {RebuildLock} from '../../src/operations/rebuild/lock.js';
import {auditKeys, NO_COUNTS, type AuditPass} from '../../src/redis-model/audit.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {longRun} from '../support/arbitraries.js';
import {SteppingClock} from '../support/steppingClock.js';
import {WorkerBench} from '../support/workerBench.js';

const KEYS = keySpace('partitioned', 'test:');
const AUDIT = auditKeys(KEYS, 3);

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(6, undefined, {isPartitioned: true})));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

test('a sum is repaired only while counters and reports contain exactly the orders in the fences (I17, I19)', async () => {
  bench.write(longRun(31));
  const worker = await bench.soleWorker();
  await bench.expectExact();
  await worker.stop();
  const {client, model, redis} = bench.redis;
  const positions = await model.positions.read([0, 1, 2]);
  const key = KEYS.shared.merged;
  const guard = await mergedGuard(client, {key, positions, clock: systemClock});
  const set = async (found: string, expected: string): Promise<unknown> => {
    const change = ['hash', KEYS.shared.reportTotals, 'units', found, expected];
    return await client.run(guard.script, guard.key, [guard.text, ...change]);
  };
  const units = (await redis.hget(KEYS.shared.reportTotals, 'units'))!;
  expect([await set('-7', '-8'), await set(units, '-8'), await set('-8', units)]).toEqual([0, 1, 1]);
  // Another worker may take the merging over. A merge moves the offset.
  const stored = (await redis.hget(key, '1'))!;
  await redis.hset(key, '1', stored.replace(/ .*/, ' other'));
  expect(await set(units, units)).toBe(1);
  await redis.hset(key, '1', '1 other');
  expect(await set(units, units)).toBe(-1);
  const waiting = mergedGuard(client, {key, positions, clock: new SteppingClock()});
  await expect(waiting).rejects.toMatchObject({kind: 'repair-refused'});
});

test('a lease is copied to the slots in which apply.lua looks for it, and ends with the lease (I14)', async () => {
  const {client, redis} = bench.redis;
  const lease = new RebuildLock(client, {
    key: AUDIT.auditLease,
    text: 'a audit-repair on test',
    clock: systemClock,
    copies: AUDIT.leaseCopies,
  });
  const held = async (): Promise<(string | null)[]> =>
    await redis.mget(
      ['{test}:', '{test:0}:', '{test:1}:', '{test:2}:'].map((prefix) => `${prefix}projector:audit-lease`),
    );
  await lease.during(new AbortController().signal, async () => {
    expect(await held()).toEqual(Array.from({length: 4}, () => lease.text));
    expect(await redis.pttl('{test:1}:projector:audit-lease')).toBeGreaterThan(0);
  });
  expect(await held()).toEqual([null, null, null, null]);
});

test('the requests of several partitions are answered by one pass (I14)', async () => {
  const {client, redis} = bench.redis;
  const record = new AuditRecord(client, AUDIT);
  await redis.set(AUDIT.auditLease, 'lease');
  await redis.hset('{test:0}:projector:audit', 'requested', 'ALTER TABLE at t[0] offset 5');
  await redis.hset('{test:2}:projector:audit', 'requested', 'TRUNCATE TABLE at t[2] offset 7');
  const requested = 'ALTER TABLE at t[0] offset 5; TRUNCATE TABLE at t[2] offset 7';
  expect(await record.read()).toMatchObject({requested, answered: '', last: null});
  const pass: AuditPass = {...NO_COUNTS, startedMs: 1, endedMs: 2, everyMs: null, isRepairing: true};
  await record.finish('lease', pass, requested);
  expect(await record.read()).toMatchObject({requested, answered: requested, last: pass});
  await redis.hset('{test:2}:projector:audit', 'requested', 'TRUNCATE TABLE at t[2] offset 9');
  const {requested: next, answered} = await record.read();
  expect(next).not.toBe(answered);
});
