/**
 * The delete of an order row leaves its line items stored (ORDER_ITEMS_ON_ORDER_DELETE=keep): workers and replays of quarantined records,
 * on random changes. The expected state is that of two tables without a foreign key.
 */
import {decodeRecord, type EncodedRecord} from '../../src/decode/decode.js';
import type {Change, Decoded} from '../../src/domain/change.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {longRun} from '../support/arbitraries.js';
import {item, itemGone, order, orderGone, orderHidden} from '../support/changes.js';
import {fold, MANY, PlayedMysql, replay, withoutZeros} from '../support/replayBench.js';
import {BENCH_SCHEMA, WorkerBench} from '../support/workerBench.js';

const SCHEMA = {...BENCH_SCHEMA, items: {...BENCH_SCHEMA.items, onOrderDelete: 'keep' as const}};
const decode = (record: EncodedRecord): Decoded => decodeRecord(record, SCHEMA);

/** Decodes with settings that are wrong for every third record. */
function wrongly(record: LogRecord): Decoded {
  const decoded = decode(record);
  if (decoded.kind !== 'change' || record.offset % 3n !== 0n) return decoded;
  const {orderId} = decoded.change;
  return {kind: 'rejected', rejection: {kind: 'record-undecodable', reason: 'column x is missing', orderId}};
}

/** The same changes of rows, without the effect of a delete on the line items. */
const kept = (run: readonly Change[]): Change[] =>
  run.map((change) => (change.kind === 'order-deleted' ? orderHidden(change.orderId) : change));

let bench: WorkerBench;
beforeAll(async () => (bench = await WorkerBench.open(13)));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

test.each([1, 2, 3])(
  'random changes end in the state of tables without a foreign key, run %i (I2, I7, S4)',
  async (run) => {
    const all = longRun(600 + run);
    bench.write(all);
    await bench.soleWorker({decode});
    await bench.caughtUp();
    await bench.expectFold(kept(all));
  },
);

test.each(['the topic', 'MySQL'])(
  'quarantined records are replayed from %s to the same state (S4) (F60)',
  async (source) => {
    const all = longRun(610, 300);
    const mysql = new PlayedMysql();
    mysql.committed.push(...kept(all));
    bench.write(all);
    await bench.soleWorker({settings: MANY, decode: wrongly});
    await bench.caughtUp();
    const results = await replay(bench, {decode, ...(source === 'MySQL' ? {source: mysql.source} : {})});
    expect(results.length).toBeGreaterThan(50);
    expect(results.filter(({replayed}) => !replayed)).toEqual([]);
    expect(withoutZeros(await bench.redis.content())).toEqual(withoutZeros(fold(kept(all))));
  },
);

test('a delete and an insert of an order in one chunk or in two keep its line items (F74b)', async () => {
  const created = [order('3', {extra: ['new'], isCreate: true}), item('3/1'), item('3/2', {product: '11'})];
  const again = order('3', {extra: ['paid'], total: '2.00', isCreate: true});
  for (const chunkRecordsMax of [1, 7]) {
    bench.write([...created, orderGone('3'), again]);
    await bench.soleWorker({settings: {chunkRecordsMax}, decode});
    await bench.caughtUp();
    expect(await bench.redis.redis.hgetall('order:3')).toMatchObject({
      total_amount: '2.00',
      items_count: '2',
    });
    bench.write([orderGone('3'), itemGone('3/1'), itemGone('3/2')]);
    await bench.caughtUp();
    expect(await bench.redis.redis.exists('order:3', 'order_lines:3')).toBe(0);
    await bench.reset();
  }
});
