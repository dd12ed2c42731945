/**
 * Every type of MySQL, in every use that a mapping can make of it: the stream and MySQL give the same changes, conditions hold for the same
 * rows in both, and sums are the same. What cannot be the same is refused before the first row (upstream/columnRules.ts).
 */
import {parse as parseExact, stringify} from 'lossless-json';
import type {Connection} from 'mysql2/promise';
import {MysqlClient, type RowQuery, type TextRow} from '../../src/clients/mysql.js';
import {Decoder} from '../../src/decode/decode.js';
import {idIn, Undecodable, type JsonObject} from '../../src/decode/fields.js';
import {itemChangeOf, orderChangeOf} from '../../src/decode/rows.js';
import type {Change} from '../../src/domain/change.js';
import {itemDecimals, type SourceSchema} from '../../src/domain/sourceSchema.js';
import {conditionSql} from '../../src/upstream/sql.js';
import {sumQuestions, sumsOf, totalsOf} from '../../src/operations/verify/sums.js';
import {reduce} from '../../src/reduce.js';
import {columnFaults} from '../../src/upstream/columnRules.js';
import {findTables, type FoundTables} from '../../src/upstream/foundTables.js';
import {sourceTables} from '../../src/upstream/sourceTables.js';
import {Connector} from '../support/connector.js';
import {readTopic} from '../support/kafka.js';
import {OrderModel, type Content} from '../support/orderModel.js';
import {chosenSeed, Random} from '../support/random.js';
import {createShopDatabase} from '../../stack/shopDatabase.js';
import {connectRoot} from '../support/shop.js';
import {testStack} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {randomMapping, wideRows, wideSchema} from '../support/wideTables.js';

const seed = chosenSeed();
const random = new Random(seed);
const MAPPINGS = inTier({test: 1_000, soak: 10_000});
const ROWS_EACH = 20;
const database = `types_${process.pid}_${Date.now().toString(36)}`;

let root: Connection;
let connector: Connector;
let mysql: MysqlClient;
let found: FoundTables;
/** The rows of a table in MySQL, and the records of the same rows, by primary key. */
const rows: Record<string, ReadonlyMap<string, TextRow>> = {};
const records: Record<string, ReadonlyMap<string, RowRecord>> = {};

/** A record, and its row with exact numbers. */
interface RowRecord {
  readonly value: Buffer;
  readonly after: JsonObject;
}

async function ask<T>(work: (query: RowQuery) => Promise<T>): Promise<T> {
  return await mysql.consistentSnapshot(work);
}

beforeAll(async () => {
  root = await connectRoot();
  const {user: owner} = testStack().env.mysql;
  await createShopDatabase(root, {database, user: owner, schema: wideSchema()});
  const insert = async (from: number): Promise<void> => {
    const ids = Array.from({length: ROWS_EACH}, (_, index) => from + index);
    for (const table of ['orders', 'order_items']) await root.query(wideRows(table, ids, random));
  };
  await root.query("SET SESSION time_zone = '+00:00'");
  // Half of the rows come by a snapshot, and half from the binlog. Debezium prints some types differently there.
  await insert(1);
  connector = await Connector.apply('orders.json', {name: database, database, topic: database});
  await until(
    async () => (await readTopic(database)).length >= 2 * ROWS_EACH,
    () => 'the rows of the snapshot',
    60_000,
  );
  await insert(1 + ROWS_EACH);
  const {host, port, user, password} = testStack().env.mysql;
  mysql = new MysqlClient({url: `mysql://${user}:${password}@${host}:${port}/${database}`});
  await mysql.connect();
  found = await ask(async (query) => await findTables(query, mapping()));
  for (const {name, columns} of [found.orders, found.items]) {
    const list = columns.map((column) => `\`${column.name}\``).join(', ');
    const all = await ask(async (query) => await query(`SELECT ${list} FROM ${name}`, []));
    rows[name] = new Map(all.map((row) => [row['id'] ?? '', row]));
  }
  await until(
    async () => {
      for (const table of ['orders', 'order_items']) records[table] = await rowsIn(table);
      return Object.values(records).every(({size}) => size === 2 * ROWS_EACH);
    },
    () => 'the rows of the binlog',
    60_000,
  );
}, 180_000);

afterAll(async () => {
  await connector.delete();
  mysql.close();
  await root.end();
});

/** The records of a table in the topic, by primary key. */
async function rowsIn(table: string): Promise<ReadonlyMap<string, RowRecord>> {
  const found = (await readTopic(database)).flatMap(({value}): [string, RowRecord][] => {
    if (value === null) return [];
    const {source, after} = parseExact(value.toString()) as {source: JsonObject; after?: JsonObject};
    return source['table'] === table && after !== undefined ? [[String(after['id']), {value, after}]] : [];
  });
  return new Map(found);
}

function mapping(): SourceSchema {
  return randomMapping(random, (table, column) =>
    [...(rows[table]?.values() ?? [])].flatMap((row) => row[column] ?? []),
  );
}

/** The change, or that there is none, as text. */
function shown(change: Change | 'rejected' | 'no order'): string {
  if (typeof change === 'string') return change;
  return JSON.stringify(change.kind === 'order-upserted' ? {...change, isCreate: undefined} : change);
}

function ofStream(decoder: Decoder, record: RowRecord, idColumn: string): Change | 'rejected' | 'no order' {
  const {value, after} = record;
  const decoded = decoder.decode({key: Buffer.from(stringify(after[idColumn] ?? null) ?? ''), value});
  if (decoded.kind === 'change') return decoded.change;
  return decoded.kind === 'ignored' ? 'no order' : 'rejected';
}

function ofMysql(
  row: TextRow,
  idColumn: string,
  read: (id: string) => Change,
): Change | 'rejected' | 'no order' {
  try {
    return read(idIn(row, idColumn));
  } catch (error) {
    if (error instanceof Undecodable) return 'rejected';
    throw error;
  }
}

/** The changes of all rows of both tables. It compares the stream with MySQL. */
function changesOf(schema: SourceSchema): readonly (Change | 'rejected' | 'no order')[] {
  const {orders, items} = schema;
  const decoder = new Decoder(schema);
  const both: (Change | 'rejected' | 'no order')[] = [];
  for (const [table, column, read] of [
    [orders.table, orders.id, orderChangeOf],
    [items.table, items.orderId, itemChangeOf],
  ] as const) {
    for (const [key, row] of rows[table] ?? []) {
      const record = records[table]?.get(key);
      if (record === undefined) throw new Error(`${table} ${key} has no record`);
      const isNone = row[column] === null || row[column] === '';
      const one =
        table === items.table && isNone ? 'no order' : ofMysql(row, column, (id) => read(row, id, schema));
      const other = ofStream(decoder, record, column);
      if (shown(other) !== shown(one))
        throw new Error(
          `${table} ${key}: the stream gives ${shown(other)}, MySQL gives ${shown(one)}: ${JSON.stringify(schema)}`,
        );
      both.push(other);
    }
  }
  return both;
}

async function sumsInSql(schema: SourceSchema): Promise<unknown> {
  const {product, user, totals} = sumQuestions(sourceTables(schema, found));
  const money = schema.orders.isMinor ? 0 : schema.moneyDecimals;
  const read = async (sql: string): Promise<TextRow[]> => await ask(async (query) => await query(sql, []));
  const living = (sums: ReadonlyMap<string, string>): Record<string, string> =>
    Object.fromEntries([...sums].filter(([, sum]) => sum !== '0').sort());
  return {
    products: living(sumsOf(await read(product), schema.quantityDecimals)),
    users: living(sumsOf(await read(user), money)),
    totals: totalsOf((await read(totals))[0], {units: schema.quantityDecimals, revenue: money}),
  };
}

function sumsOfModel(content: Content): unknown {
  const sorted = (key: string): unknown => Object.fromEntries(Object.entries(content[key] ?? {}).sort());
  return {
    products: sorted('report:products'),
    users: sorted('report:users'),
    totals: content['report:totals'],
  };
}

test(`${MAPPINGS} random mappings of every type give the same in the stream and in MySQL, or are refused (I9), seed ${seed}`, async () => {
  const seen = {refused: 0, changes: 0, hidden: 0, rejected: 0, sums: 0};
  for (let count = 0; count < MAPPINGS;) {
    const schema = mapping();
    if (columnFaults(schema, found).length > 0) {
      seen.refused++;
      continue;
    }
    count++;
    const all = changesOf(schema);
    const changes = all.filter((change) => typeof change !== 'string');
    seen.changes += changes.length;
    seen.hidden += changes.filter(({kind}) => kind === 'order-hidden').length;
    seen.rejected += all.filter((change) => change === 'rejected').length;
    // Rows that share an id replace each other in the stream, but not in SQL.
    const {patches} = reduce(changes);
    const isUnique = patches.size > 0 && idsAreUnique(changes);
    if (all.includes('rejected') || !isUnique) continue;
    seen.sums++;
    const model = OrderModel.of(changes).content('', [], itemDecimals(schema));
    const [inSql, inModel] = [await sumsInSql(schema), sumsOfModel(model)];
    if (JSON.stringify(inSql) !== JSON.stringify(inModel)) {
      process.stderr.write(`the mapping was ${JSON.stringify(schema)}\n`);
      expect(inSql).toEqual(inModel);
    }
  }
  process.stderr.write(`types: ${JSON.stringify(seen)}\n`);
  for (const number of Object.values(seen)) expect(number).toBeGreaterThan(20);
}, 300_000);

function idsAreUnique(changes: readonly Change[]): boolean {
  const names = changes.map(
    (change) => `${change.kind.slice(0, 5)} ${change.orderId} ${'itemId' in change ? change.itemId : ''}`,
  );
  return new Set(names).size === names.length;
}

test('a condition holds for the same rows in the stream and in SQL, in every column that it can test (I9)', async () => {
  let compared = 0;
  for (let count = 0; count < MAPPINGS / 4; count++) {
    const base = mapping();
    const schema: SourceSchema = {
      ...base,
      // No other rule can reject a row.
      orders: {...base.orders, id: 'id', userId: 'an_int', totalAmount: []},
      items: {
        ...base.items,
        id: ['id'],
        orderId: 'a_count',
        productId: 'an_int',
        quantity: 'a_count',
        amount: [],
        where: [],
      },
      extraColumns: [],
    };
    if (columnFaults(schema, found).length > 0) continue;
    const terms = conditionSql(schema.orders.where, 'o', sourceTables(schema, found).columns.orders);
    const question = `SELECT id FROM orders o WHERE ${['TRUE', ...terms].join(' AND ')}`;
    const inSql = await ask(async (query) => await query(question, []));
    const decoder = new Decoder(schema);
    const counted = [...(records['orders'] ?? [])].filter(([, record]) => {
      const change = ofStream(decoder, record, 'id');
      return typeof change !== 'string' && change.kind === 'order-upserted';
    });
    const [one, other] = [
      counted
        .map(([id]) => id)
        .sort()
        .join(),
      inSql
        .map(({id}) => id)
        .sort()
        .join(),
    ];
    if (one !== other)
      throw new Error(
        `the stream counts ${one}, SQL counts ${other}: ${JSON.stringify(schema.orders.where)}`,
      );
    compared++;
  }
  expect(compared).toBeGreaterThan(MAPPINGS / 20);
}, 120_000);
