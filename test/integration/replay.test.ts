/** Replays of quarantined records. Afterwards the whole order is exact, or it is unchanged. */
import {keySpace} from '../../src/redis-model/keys.js';
import type {Change, Decoded} from '../../src/domain/change.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {QuarantineEntries} from '../../src/operations/replay/entries.js';
import {item, itemGone, order, orderGone} from '../support/changes.js';
import type {EncodedRecord} from '../../src/decode/decode.js';
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

/** Writes changes to partition 0, which contains orders 3 and 6. */
function append(...all: readonly Change[]): void {
  bench.topic.append(0, ...all.map((change) => recordOf(change)));
}
const names = async (): Promise<string[]> => (await bench.redis.redis.hkeys(QUARANTINE)).sort();

async function appliedBy(decode: (record: LogRecord) => Decoded = right): Promise<Worker> {
  const worker = await bench.soleWorker({settings: MANY, decode});
  await bench.caughtUp();
  return worker;
}

test('an order whose key is a text without quotes is rebuilt from the topic with all its records (F60)', async () => {
  const raw = (record: EncodedRecord): EncodedRecord => ({...record, key: Buffer.from('a:1')});
  const partition = bench.partitionOf('a%3A1');
  bench.topic.append(partition, raw(recordOf(order('a%3A1', {total: '3.00', extra: ['new']}))));
  bench.topic.append(partition, raw(recordOf(item('a%3A1/7'))));
  await appliedBy(wrongAt((offset) => offset === 1n));
  expect(await replay(bench)).toEqual([
    expect.objectContaining({orderId: 'a%3A1', replayed: true}) as unknown,
  ]);
  expect(await bench.redis.redis.hgetall('order:a%3A1')).toMatchObject({
    total_amount: '3.00',
    items_count: '1',
  });
  expect(await names()).toEqual([]);
});

describe('a replay from MySQL', () => {
  test('writes the order as it is in MySQL, removes its entries, and changes no other order (F60)', async () => {
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

  test('removes an order that MySQL no longer contains, except for its product counters', async () => {
    append(order3(), item('3/1'));
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order3(), item('3/1'), orderGone('3'));
    await replay(bench, {source: mysql.source});
    expect(await bench.redis.content()).toEqual(fold(mysql.committed));
    expect(await names()).toEqual([]);
  });

  test('creates the counter of a product that only a replayed record names (I7)', async () => {
    append(order3(), item('3/1', {product: '77'}), item('3/1', {product: '10'}));
    await appliedBy(wrongAt((offset) => offset === 1n));
    mysql.committed.push(order3(), item('3/1'));
    expect(await bench.redis.redis.get('product:77:sold')).toBeNull();
    await replay(bench, {source: mysql.source});
    expect(await bench.redis.redis.get('product:77:sold')).toBe('0');
  });

  test('does not write a row that breaks a rule, keeps the entry, and names the column in the reason (I11)', async () => {
    append(order3());
    bench.topic.append(0, BAD);
    await appliedBy();
    mysql.committed.push(order('3', {total: '1.234'}));
    const [result] = await replay(bench, {source: mysql.source});
    expect(result).toMatchObject({
      replayed: false,
      reason: expect.stringMatching(
        /^MySQL: column total_amount has more than 2 decimals that are not 0/,
      ) as string,
    });
    expect(await bench.redis.content()).toEqual(fold([order3()]));
    expect(await names()).toHaveLength(1);
  });

  test('reads the rows again if another bad record of the order arrives after it has read them', async () => {
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

describe('a replay from the topic', () => {
  test('writes the fold of the records of the order, decoded with the current settings', async () => {
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

  test('does not change an order if one of its records still cannot be decoded, and rebuilds all others (I14)', async () => {
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

  test('fails if the topic no longer begins at offset 0, while a replay from MySQL succeeds', async () => {
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

  test('rebuilds more orders than one script accepts', async () => {
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

describe('an entry whose order is unknown', () => {
  /** Rejects the records of order 3 without an order id, as if ORDER_ID_COLUMN were wrong. */
  const withoutOrder = (record: LogRecord): Decoded => {
    const decoded = right(record);
    if (decoded.kind !== 'change' || decoded.change.orderId !== '3') return decoded;
    const rejection = {kind: 'record-undecodable' as const, reason: 'the key is another id', orderId: null};
    return {kind: 'rejected', rejection};
  };

  test('is decoded with the current settings, and the order that this yields is rebuilt', async () => {
    append(order3(), item('3/1'), order('6', {extra: ['new']}));
    await appliedBy(withoutOrder);
    const results = await replay(bench);
    expect(results.map(({orderId, replayed}) => [orderId, replayed])).toEqual([
      ['3', true],
      ['3', true],
    ]);
    await bench.expectFold([order3(), item('3/1'), order('6', {extra: ['new']})]);
  });

  test('is fetched from the topic if the entry keeps only the beginning of the value', async () => {
    append(order('3', {extra: ['x'.repeat(9_000)]}));
    await appliedBy(withoutOrder);
    await expect(replay(bench)).resolves.toMatchObject([{orderId: '3', replayed: true}]);
    await bench.expectFold([order('3', {extra: ['x'.repeat(9_000)]})]);
  });

  test('stays if it still cannot be decoded, or if the topic no longer contains the record', async () => {
    bench.topic.append(0, encoded('not JSON', '[]'));
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

  test('is removed if its record belongs to no order', async () => {
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

test('a corrupt order is not replayed, even if the foreign value was deleted (I5)', async () => {
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

test('an order that the script finds corrupt is not replayed, and the others of its partition are rebuilt', async () => {
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

test('an entry that has changed since it was read is not removed', async () => {
  bench.topic.append(0, BAD, BAD, BAD);
  await appliedBy();
  const entries = new QuarantineEntries(bench.redis.client, keySpace('single', ''));
  const seen = await entries.all();
  await bench.redis.redis.hset(QUARANTINE, 'test.events:0:1', 'another text');
  await bench.redis.redis.hdel(QUARANTINE, 'test.events:0:2');
  await expect(entries.remove(seen)).resolves.toEqual(['test.events:0:0']);
  expect(await names()).toEqual(['test.events:0:1']);
});
