/** Replays of records that were set aside: the whole order is exact afterwards, or as it was. */
import type {Change, Decoded} from '../../src/domain/change.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {QuarantineEntries} from '../../src/operations/replay/entries.js';
import {item, itemGone, order, orderGone} from '../support/changes.js';
import {encoded, recordOf} from '../support/records.js';
import {
  BAD,
  fold,
  MANY,
  order3,
  PlayedMysql,
  replay,
  right,
  withApply,
  wrongAt,
} from '../support/replayBench.js';
import {WorkerBench, type Worker} from '../support/workerBench.js';

const QUARANTINE = 'projector:quarantine';

let bench: WorkerBench;
let mysql: PlayedMysql;
beforeAll(async () => (bench = await WorkerBench.open(13)));
beforeEach(() => (mysql = new PlayedMysql()));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

/** All of partition 0, where order 3 and 6 are. */
function append(...all: readonly Change[]): void {
  bench.topic.append(0, ...all.map((change) => recordOf(change)));
}
const names = async (): Promise<string[]> => (await bench.redis.redis.hkeys(QUARANTINE)).sort();

async function appliedBy(decode: (record: LogRecord) => Decoded = right): Promise<Worker> {
  const worker = await bench.soleWorker({settings: MANY, decode});
  await bench.caughtUp();
  return worker;
}

describe('from MySQL', () => {
  test('the order is as MySQL has it, its entries are settled, and other orders are not touched (F60)', async () => {
    append(order3('1.00'), item('3/1'));
    bench.topic.append(0, BAD);
    append(order('6', {extra: ['new']}), item('6/1', {product: '12'}));
    bench.topic.append(0, BAD, encoded('not JSON', '6'));
    await appliedBy();
    mysql.committed.push(
      order3('2.00'),
      item('3/2', {product: '11', quantity: '4'}),
      order('6'),
      item('6/1'),
    );
    const other = await bench.redis.redis.hgetall('order:6');
    expect(await replay(bench, {source: mysql.source, names: ['test.events:0:2']})).toEqual(
      [2, 5].map((offset) => ({
        name: `test.events:0:${offset}`,
        orderId: '3',
        replayed: true,
        reason: null,
      })),
    );
    expect(await bench.redis.redis.hgetall('order:3')).toMatchObject({
      total_amount: '2.00',
      items: 'product_id:11,quantity:4',
    });
    expect(await bench.redis.redis.hgetall('order:6')).toEqual(other);
    expect(await names()).toEqual(['test.events:0:6']);
    expect(await bench.redis.redis.hgetall('report:totals')).toEqual({
      orders: '2',
      units: '5',
      revenue: '4799',
    });
    await expect(bench.position(0)).resolves.toBe(7n);
  });

  test('an order that MySQL no longer has leaves nothing but its counters', async () => {
    append(order3(), item('3/1'));
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order3(), item('3/1'), orderGone('3'));
    await replay(bench, {source: mysql.source});
    expect(await bench.redis.content()).toEqual(fold(mysql.committed));
    expect(await names()).toEqual([]);
  });

  test('a product that only a settled record names gets its counter (I7)', async () => {
    append(order3(), item('3/1', {product: '77'}), item('3/1', {product: '10'}));
    await appliedBy(wrongAt((offset) => offset === 1n));
    mysql.committed.push(order3(), item('3/1'));
    expect(await bench.redis.redis.get('product:77:sold')).toBeNull();
    await replay(bench, {source: mysql.source});
    expect(await bench.redis.redis.get('product:77:sold')).toBe('0');
  });

  test('a row that breaks a rule is not written: the entry stays, and the reason names the column (I11)', async () => {
    append(order3());
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order('3', {total: '1.234'}));
    const [result] = await replay(bench, {source: mysql.source});
    expect(result).toMatchObject({
      replayed: false,
      reason: expect.stringMatching(/^MySQL: column total_amount is a string of another form/) as string,
    });
    expect(await bench.redis.content()).toEqual(fold([order3()]));
    expect(await names()).toHaveLength(1);
  });

  test('a bad record that comes after the rows were read is not taken for covered', async () => {
    append(order3());
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order3('2.00'));
    let isFirst = true;
    const results = await replay(bench, {
      source: mysql.source,
      model: (real) =>
        withApply(real, async (apply) => {
          if (isFirst) {
            isFirst = false;
            mysql.committed.push(order3('3.00'));
            bench.topic.append(0, BAD);
            await bench.caughtUp();
          }
          return await apply();
        }),
    });
    expect(mysql.snapshots).toBe(2);
    expect(results.map(({name, replayed}) => [name, replayed])).toEqual([
      ['test.events:0:1', true],
      ['test.events:0:2', true],
    ]);
    expect(await bench.redis.content()).toEqual(fold(mysql.committed));
  });
});

describe('from the log', () => {
  test('the order is the fold of its records with the present settings', async () => {
    append(
      order3('1.00'),
      item('3/1'),
      order('6', {extra: ['new']}),
      item('3/2', {product: '11'}),
      itemGone('3/1'),
    );
    await appliedBy(wrongAt((offset) => offset === 0n || offset === 4n));
    expect(await bench.redis.redis.exists('order:3')).toBe(0);
    const results = await replay(bench);
    expect(results).toHaveLength(2);
    expect(results.every(({replayed}) => replayed)).toBe(true);
    await bench.expectFold([
      ...[order3('1.00'), item('3/1'), order('6', {extra: ['new']})],
      ...[item('3/2', {product: '11'}), itemGone('3/1')],
    ]);
    expect(await names()).toEqual([]);
  });

  test('a record that still cannot be decoded: its order stays as it is, all others are rebuilt (I14)', async () => {
    append(order3('1.00'), order('6', {extra: ['new']}), order('6', {extra: ['old']}));
    bench.topic.append(0, BAD);
    append(order3('2.00'));
    await appliedBy(wrongAt((offset) => offset === 2n));
    const results = await replay(bench);
    expect(results).toContainEqual({
      name: 'test.events:0:3',
      orderId: '3',
      replayed: false,
      reason: expect.stringMatching(/offset 3 still cannot be decoded: .*not JSON\. Set MYSQL_URL/) as string,
    });
    expect(results).toContainEqual(expect.objectContaining({name: 'test.events:0:2', replayed: true}));
    expect(await names()).toEqual(['test.events:0:3']);
    await bench.expectFold([order3('2.00'), order('6', {extra: ['old']})]);
  });

  test('a log that no longer begins at 0 is not enough, with MySQL it is', async () => {
    append(order3('1.00'), order3('2.00'));
    bench.topic.append(0, BAD);
    await appliedBy();
    bench.topic.cutBelow(0, 1n);
    await expect(replay(bench)).rejects.toMatchObject({
      kind: 'replay-impossible',
      detail: expect.stringMatching(/^test\.events\[0\] no longer begins at offset 0 but at 1/) as string,
    });
    mysql.committed.push(order3('3.00'));
    await expect(replay(bench, {source: mysql.source})).resolves.toMatchObject([{replayed: true}]);
    expect(await bench.redis.content()).toEqual(fold(mysql.committed));
  });

  test('more orders than one script takes', async () => {
    const ids = Array.from({length: 230}, (_, i) => String(3 * (i + 1)));
    append(...ids.map((id) => order(id, {extra: ['new']})), ...ids.map((id) => item(`${id}/${id}1`)));
    await appliedBy(wrongAt((offset) => offset >= 230n));
    expect(await names()).toHaveLength(230);
    expect((await replay(bench)).filter(({replayed}) => replayed)).toHaveLength(230);
    await bench.expectFold([
      ...ids.map((id) => order(id, {extra: ['new']})),
      ...ids.map((id) => item(`${id}/${id}1`)),
    ]);
  });
});

describe('an entry whose order is not known', () => {
  /** As with a wrong ORDER_ID_COLUMN. */
  const withoutOrder = (record: LogRecord): Decoded => {
    const decoded = right(record);
    if (decoded.kind !== 'change' || decoded.change.orderId !== '3') return decoded;
    const rejection = {kind: 'record-undecodable' as const, reason: 'the key is another id', orderId: null};
    return {kind: 'rejected', rejection};
  };

  test('is decoded with the present settings, and then its order is', async () => {
    append(order3(), item('3/1'), order('6', {extra: ['new']}));
    await appliedBy(withoutOrder);
    const results = await replay(bench);
    expect(results.map(({orderId, replayed}) => [orderId, replayed])).toEqual([
      ['3', true],
      ['3', true],
    ]);
    await bench.expectFold([order3(), item('3/1'), order('6', {extra: ['new']})]);
  });

  test('is fetched from the log when only its beginning was kept', async () => {
    append(order('3', {extra: ['x'.repeat(9_000)]}));
    await appliedBy(withoutOrder);
    await expect(replay(bench)).resolves.toMatchObject([{orderId: '3', replayed: true}]);
    await bench.expectFold([order('3', {extra: ['x'.repeat(9_000)]})]);
  });

  test('stays when it still cannot be decoded, or when the log no longer holds the record', async () => {
    bench.topic.append(0, encoded('not JSON', 'no id'));
    append(order('3', {extra: ['x'.repeat(9_000)]}), order('6', {extra: ['new']}));
    await appliedBy(withoutOrder);
    bench.topic.cutBelow(0, 2n);
    const results = await replay(bench, {source: mysql.source});
    expect(results.map(({reason}) => reason)).toEqual([
      expect.stringMatching(
        /^its order is not known, because the record still cannot be decoded: .*not JSON/,
      ),
      'the topic no longer contains the record',
    ]);
    expect(await names()).toHaveLength(2);
  });

  test('is settled when the record is about no order at all', async () => {
    bench.topic.append(0, encoded({before: null, after: {id: 1}, source: {table: 'other'}, op: 'c'}, null));
    const reject = (): Decoded => ({
      kind: 'rejected',
      rejection: {kind: 'record-undecodable', reason: 'x', orderId: null},
    });
    await appliedBy(reject);
    await expect(replay(bench)).resolves.toEqual([
      {name: 'test.events:0:0', orderId: null, replayed: true, reason: null},
    ]);
    expect(await names()).toEqual([]);
  });
});

test('a spoiled order is not replayed, whether or not the foreign value is still there (I5)', async () => {
  append(order3());
  await appliedBy();
  await bench.redis.redis.del('order:3');
  await bench.redis.redis.lpush('order:3', 'foreign');
  append(item('3/1'));
  await bench.caughtUp();
  mysql.committed.push(order3(), item('3/1'));
  const impossible = [
    {replayed: false, reason: expect.stringMatching(/^order:3 is not a hash: .*rebuild/) as string},
  ];
  await expect(replay(bench, {source: mysql.source})).resolves.toMatchObject(impossible);
  await bench.redis.redis.del('order:3');
  const before = await bench.redis.snapshot();
  await expect(replay(bench, {source: mysql.source})).resolves.toMatchObject(impossible);
  expect(await bench.redis.snapshot()).toEqual(before);
});

test('an order that is found spoiled by the script stays, and the others of its partition are rebuilt', async () => {
  append(order3(), order('6', {extra: ['new']}));
  bench.topic.append(0, BAD, encoded('not JSON', '6'));
  await appliedBy();
  await bench.redis.redis.hset('order:3', 'total_amount', 'foreign');
  mysql.committed.push(order3('2.00'), order('6', {extra: ['old']}));
  const results = await replay(bench, {source: mysql.source});
  expect(results.map(({orderId, replayed}) => [orderId, replayed])).toEqual([
    ['3', false],
    ['6', true],
  ]);
  expect(results[0]?.reason).toMatch(/^order:3 holds a total_amount that cannot be read: .*rebuild/);
});

test('an entry that changed since it was read is not dropped', async () => {
  bench.topic.append(0, BAD, BAD, BAD);
  await appliedBy();
  const entries = new QuarantineEntries(bench.redis.client, '');
  const seen = await entries.all();
  await bench.redis.redis.hset(QUARANTINE, 'test.events:0:1', 'another text');
  await bench.redis.redis.hdel(QUARANTINE, 'test.events:0:2');
  await expect(entries.remove(seen)).resolves.toEqual(['test.events:0:0']);
  expect(await names()).toEqual(['test.events:0:1']);
});
