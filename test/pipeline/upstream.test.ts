/**
 * The connector does more than streaming: it takes snapshots, writes heartbeats, and may send events again.
 */
import type {LogLine} from '../../stack/worker.js';
import {Connector} from '../support/connector.js';
import {partitionOf, produce, readTopic, TopicReader, type TopicRecord} from '../support/kafka.js';
import {connectMysql, freshId, Pipeline} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {positions} from '../support/readModel.js';
import {connectRoot, shopOfFile} from '../support/shop.js';
import {until} from '../support/until.js';
import {Workload} from '../support/workload.js';

const seed = chosenSeed();
let shop: Pipeline;

afterEach(async () => {
  await shop.close();
});

interface Event {
  readonly op?: string;
  readonly after?: {readonly product_id?: number} | null;
  readonly source?: {
    readonly snapshot?: string | null;
    file: string;
    pos: number;
    row: number;
    table: string;
  };
}

function eventOf({value}: TopicRecord): Event {
  return JSON.parse((value ?? Buffer.from('{}')).toString()) as Event;
}

async function work(transactions: number, base: number, cascades = true): Promise<void> {
  const connections = await Promise.all([connectMysql(), connectMysql()]);
  try {
    await new Workload(connections, seed, {base, cascades}).transact(transactions);
  } finally {
    for (const connection of connections) await connection.end();
  }
}

/** The number of rows in the two tables of the source. */
async function rowCount(): Promise<number> {
  const [row] = await shop.rows(
    'SELECT (SELECT COUNT(*) FROM orders) + (SELECT COUNT(*) FROM order_items) AS total',
  );
  return Number(row?.['total']);
}

async function askForIncrementalSnapshot(): Promise<void> {
  const {database} = await shopOfFile();
  const tables = [`${database}.orders`, `${database}.order_items`];
  await shop.sql('INSERT INTO debezium_signal (id, type, data) VALUES (?, ?, ?)', [
    `tests-${freshId()}`,
    'execute-snapshot',
    JSON.stringify({type: 'incremental', 'data-collections': tables}),
  ]);
}

test(`an incremental snapshot during changes, and a second one, leave Redis equal to MySQL (F65) (I3), seed ${seed}`, async () => {
  shop = await Pipeline.open('incremental');
  const {topic} = await shopOfFile();
  await work(100, 8_000_000);
  await shop.applied();
  const reader = await TopicReader.open(topic);
  await reader.caughtUp();
  // These line items do not change, and they have the highest ids. When a snapshot has read them, it has
  // read all other rows.
  const last = freshId();
  await shop.placeOrder('1.00', [
    [last, 1],
    [last, 2],
  ]);
  const readsOfLast = async (): Promise<number> =>
    (await reader.caughtUp())
      .map(eventOf)
      .filter(
        ({op, after, source}) =>
          op === 'r' && source?.snapshot === 'incremental' && String(after?.product_id) === last,
      ).length;
  try {
    for (const round of [1, 2]) {
      await askForIncrementalSnapshot();
      // No cascades: see `an incremental snapshot may bring back a line item` in records.test.ts.
      await work(100, 8_000_000, false);
      await until(
        async () => (await readsOfLast()) === 2 * round,
        () => `the snapshot to read the last line items, round ${round}`,
      );
      await shop.applied();
      expect(await shop.differences()).toEqual([]);
    }
  } finally {
    await reader.close();
  }
});

test('the last records of each partition, written again with new offsets, change nothing (S3, C2) (F61)', async () => {
  shop = await Pipeline.open('again');
  const {topic} = await shopOfFile();
  await work(60, 8_100_000);
  await shop.applied();
  const byPartition = new Map<number, TopicRecord[]>();
  for (const record of await readTopic(topic)) {
    byPartition.set(record.partition, [...(byPartition.get(record.partition) ?? []), record]);
  }
  const again = [...byPartition.values()].flatMap((records) => records.slice(-40));
  expect(again.filter((record) => eventOf(record).op === 'd').length).toBeGreaterThan(0);
  await produce(topic, again);
  await shop.applied();

  expect(await shop.differences()).toEqual([]);
});

test('a connector that begins with a snapshot ends in the same state, also after its binlog position is set back (S3, C2) (F65)', async () => {
  shop = await Pipeline.open('rewound-first');
  await work(200, 8_300_000);
  await shop.close();
  const {database} = await shopOfFile();
  const name = `rewound-${database}`;
  const connector = await Connector.apply('orders.json', {name, database, topic: `${name}.order-events`});
  try {
    shop = await Pipeline.open('rewound', {KAFKA_TOPIC: connector.topic});
    const rows = await rowCount();
    expect(rows).toBeGreaterThan(100);
    await shop.applied(60_000);
    // The snapshot may contain the first markers, and it reads orders before line items. The second markers
    // come after the whole snapshot.
    await shop.applied();
    expect(await shop.differences()).toEqual([]);
    const reads = (await readTopic(connector.topic)).filter((record) => eventOf(record).op === 'r');
    expect(reads.length).toBeGreaterThanOrEqual(rows);

    await connector.stop();
    const place = await connector.offsets();
    await connector.resume();
    const tea = freshId();
    const {id} = await shop.placeOrder('3.00', [[tea, 2]]);
    await work(80, 8_200_000);
    await shop.sql('UPDATE order_items SET quantity = 5 WHERE order_id = ?', [id]);
    await shop.applied();
    expect(await shop.sold(tea)).toBe('5');

    await connector.stop();
    await connector.setOffsets(place);
    await connector.resume();
    await shop.applied(60_000);

    expect(await shop.sold(tea)).toBe('5');
    expect(await shop.differences()).toEqual([]);
    const places = (await readTopic(connector.topic))
      .map(eventOf)
      .filter(({op, source}) => source?.table !== 'heartbeat' && (op === 'u' || op === 'c'))
      .map(({source}) => `${source?.file} ${source?.pos} ${source?.row}`);
    expect(places.length - new Set(places).size).toBeGreaterThan(80);
  } finally {
    await connector.delete();
  }
});

test('heartbeats in an idle shop are counted as ignored and move the position (I6)', async () => {
  shop = await Pipeline.open('heartbeats', {PROJECTOR_SUMMARY_INTERVAL_MS: '1000'});
  await shop.applied();
  /** Resolves with the first summary that is logged after this call. */
  const nextSummary = async (): Promise<{applied: number; ignored: number}> => {
    const summaries = (): LogLine[] => shop.worker.log.filter(({msg}) => msg === 'summary');
    const count = summaries().length;
    const line = await until(
      () => summaries()[count],
      () => 'the next summary line',
    );
    return {applied: Number(line['applied']), ignored: Number(line['ignored'])};
  };
  const home = partitionOf('1', 6);
  const place = async (): Promise<bigint> => (await positions(shop.redis, shop.prefix)).get(home) ?? 0n;
  // The position is read first. In the other order, a heartbeat between the two would end the wait below,
  // although the position would not move any more.
  const [placeBefore, before, totals] = [await place(), await nextSummary(), await shop.totals()];
  const after = await until(
    async () => {
      const summary = await nextSummary();
      return summary.ignored > before.ignored && summary;
    },
    () => `more than ${before.ignored} ignored records`,
  );

  expect(await place()).toBeGreaterThan(placeBefore);
  expect(after.applied).toBe(before.applied);
  expect(await shop.totals()).toEqual(totals);
});

test('a first snapshot begins again until it gets the global read lock, which another session prevents at first (F89)', async () => {
  shop = await Pipeline.open('locked');
  await shop.placeOrder('9.00', [[freshId(), 2]]);
  const {database} = await shopOfFile();
  const [holder, watcher] = await Promise.all([connectRoot(), connectRoot()]);
  const names = {name: `${database}_late`, database, topic: `${database}.late-events`};
  let late: Connector | undefined;
  try {
    await holder.query(`LOCK TABLES ${database}.orders WRITE`);
    late = await Connector.apply('orders.json', names);
    const attempts = new Set<number>();
    await until(
      async () => {
        const [rows] = await watcher.query(
          `SELECT id FROM information_schema.processlist WHERE user = 'debezium' AND info LIKE 'FLUSH TABLES%'`,
        );
        for (const {id} of rows as {readonly id: number}[]) attempts.add(id);
        return attempts.size >= 2;
      },
      () => `a second attempt to get the lock. Attempts: ${attempts.size}`,
      90_000,
    );
    await holder.query('UNLOCK TABLES');
    await until(
      async () => (await readTopic(names.topic)).some(({value}) => value?.includes('"table":"order_items"')),
      () => `the line item of the snapshot in ${names.topic}`,
      90_000,
    );
  } finally {
    await late?.delete();
    await Promise.all([holder.end(), watcher.end()]);
  }
});
