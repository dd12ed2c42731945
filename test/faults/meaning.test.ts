/**
 * The meaning of rows, and changes of a schema: the faults of sections E and F of docs/faults.md that no
 * other file covers.
 */
import {Redis} from 'ioredis';
import type {Change} from '../../src/domain/change.js';
import {item, itemGone, order, orderGone} from '../support/changes.js';
import {HandMade, orderRecord} from '../support/handMade.js';
import {kafka} from '../support/kafka.js';
import {OrderModel} from '../support/orderModel.js';
import {startWorker} from '../support/pipeline.js';
import {chosenSeed, Random} from '../support/random.js';
import {RedisBench} from '../support/redisBench.js';
import {orderRow, rowRecord} from '../support/records.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

const seed = chosenSeed();
let log: HandMade | undefined;
afterEach(async () => {
  await log?.close();
  log = undefined;
});

test('after a column was renamed, the worker quarantines 10 records and halts; with the new name it resumes (F55) (I14)', async () => {
  log = await HandMade.open('faults-renamed');
  const renamed = Array.from({length: 15}, (_, index) => {
    const {total_amount, ...row} = orderRow({id: BigInt(100 + index)});
    return rowRecord({op: 'c', table: 'orders', after: {...row, total: total_amount}}, String(100 + index));
  });
  await log.write(orderRecord(), ...renamed);
  const {code, line: last} = await log.halted();
  expect(code).toBe(5);
  expect(last).toMatchObject({kind: 'quarantine-flood'});
  expect(last['msg']).toMatch(/\[0\] offset 11: column total_amount is missing/);
  expect(await log.positions()).toEqual(new Map([[0, 11n]]));
  expect((await log.quarantine()).map(({orderId}) => orderId)).toEqual(
    Array.from({length: 10}, (_, index) => String(100 + index)),
  );
  const settings = {KAFKA_TOPIC: log.topic, ORDER_TOTAL_AMOUNT_COLUMN: 'total'};
  const repaired = startWorker(log.topic, settings);
  const {redis, topic} = log;
  await until(
    async () => (await redis.exists(`${topic}:order:114`)) === 1,
    () => `order 114 in Redis. The end of the worker's output: ${repaired.output.slice(-1_500)}`,
  );
  expect(await repaired.end('SIGTERM')).toMatchObject({code: 0});
  expect(await log.quarantine()).toHaveLength(10);
});

test('no reader sees an older version after the group was reset to the start of the topic (F66, F21) (I1)', async () => {
  log = await HandMade.open('faults-reset');
  const {redis, topic} = log;
  const amounts = (from: number, count: number) =>
    Array.from({length: count}, (_, index) => orderRecord({total_amount: `${from + index}.00`}));
  await log.write(...amounts(1, 300));
  await log.applied();
  expect(await log.worker.end('SIGTERM')).toMatchObject({code: 0});

  const admin = kafka().admin();
  await admin.connect();
  await admin.setOffsets({groupId: topic, topic, partitions: [{partition: 0, offset: '0'}]});
  await admin.disconnect();

  const seen: number[] = [];
  const reader = new Redis(testStack().env.redis.url);
  const reads = new AbortController();
  const reading = (async () => {
    while (!reads.signal.aborted) seen.push(Number(await reader.hget(`${topic}:order:5`, 'total_amount')));
  })();
  const next = startWorker(topic, {KAFKA_TOPIC: topic});
  await log.write(...amounts(301, 50));
  await until(
    async () => (await redis.hget(`${topic}:order:5`, 'total_amount')) === '350.00',
    () => `the newest amount in Redis. The end of the worker's output: ${next.output.slice(-1_500)}`,
  );
  reads.abort();
  await reading;
  reader.disconnect();
  expect(await next.end('SIGTERM')).toMatchObject({code: 0});
  expect(seen.length).toBeGreaterThan(50);
  expect(seen.filter((amount, index) => amount < Math.max(300, seen[index - 1] ?? 0))).toEqual([]);
  // Only the last applied record was read again, to compare its fingerprint.
  expect(next.log.findLast(({msg}) => msg === 'summary')).toMatchObject({applied: 50, duplicate: 1});
});

test(`the totals after 1,000,000 random changes equal the sums, to the cent, seed ${seed} (F70) (I8)`, async () => {
  const bench = await RedisBench.open(12);
  const random = new Random(seed);
  const model = new OrderModel();
  const id = (): string => String(random.int(1, 300));
  const anyChange = (): Change => {
    const kind = random.int(0, 9);
    const orderId = id();
    const itemId = `${orderId}/${random.int(1, 5)}`;
    const product = String(random.int(1, 300));
    if (kind < 3)
      return order(orderId, {user: id(), total: `${random.int(-99_999, 9_999_999)}.${random.int(10, 99)}`});
    if (kind < 8) return item(itemId, {product, quantity: String(random.int(-3, 2_000_000_000))});
    return kind === 8 ? itemGone(itemId) : orderGone(orderId);
  };
  let expected = '';
  for (let chunk = 0; chunk < 500; chunk++) {
    const changes = Array.from({length: 2_000}, anyChange);
    for (const change of changes) model.add(change);
    const next = `v1 ${chunk + 1}`;
    expect(await bench.apply(changes, expected, next)).toEqual({kind: 'applied'});
    expected = next;
  }
  expect(await bench.content()).toEqual(model.content());
  await bench.close();
});

test('an id that would name other keys is encoded, and such a prefix is rejected (F72)', async () => {
  log = await HandMade.open('faults-names');
  const ids = ['5:lines', '*', '5 6', '{5}', '5\r\nDEL order:5', '../5'];
  const encodedIds = ['5%3Alines', '%2A', '5%206', '%7B5%7D', '5%0D%0ADEL%20order%3A5', '..%2F5'];
  await log.write(
    orderRecord(),
    ...ids.map((text) =>
      rowRecord({op: 'c', table: 'orders', after: orderRow({id: text})}, JSON.stringify(text)),
    ),
    // A text converter writes keys without quotes. An empty text is no id.
    rowRecord({op: 'u', table: 'orders', after: orderRow({id: '5 6'})}, '5 6'),
    rowRecord({op: 'c', table: 'orders', after: orderRow({id: ''})}, '""'),
  );
  await log.applied();
  const keys = await log.redis.keys(`${log.topic}:*`);
  const position = `projector:position:${log.topic}:0`;
  const orders = encodedIds.map((id) => `order:${id}`);
  const own = [
    'order:5',
    ...orders,
    'projector:chunks',
    'projector:layout',
    position,
    'projector:quarantine',
  ];
  const reports = ['report:totals', 'report:users'];
  expect(keys.sort()).toEqual([...own, ...reports].map((name) => `${log!.topic}:${name}`).sort());
  expect(await log.quarantine()).toHaveLength(1);
  const refused = startWorker('faults-names', {REDIS_KEY_PREFIX: 'shop*:'});
  expect(await refused.exited).toMatchObject({code: 2});
  expect(refused.output).toMatch(/REDIS_KEY_PREFIX/);
});
