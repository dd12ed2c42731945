/**
 * The shop of one test file. It has its own database with the two tables, its own connector and its own topic, so that test
 * files are independent of each other.
 */
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Connection, RowDataPacket} from 'mysql2/promise';
import {rootOf} from '../../stack/shopDatabase.js';
import {Connector} from './connector.js';
import {readTopic} from './kafka.js';
import {testStack, useOwn, type OwnNames} from './stack.js';
import {until} from './until.js';

export interface Shop extends OwnNames {
  readonly connector: Connector;
  /** The shipped connector file with the names of this shop, for commands that require it. */
  readonly connectorFile: string;
}

const SCHEMA = 'stack/mysql/01-schema.sql';
const RIGHTS = 'deploy/acl/mysql.sql';

const folder = join(tmpdir(), `order-projector-shop-${process.pid}`);
let opening: Promise<Shop> | undefined;

afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** The shop of this test file. The first call creates it, and later calls return the same one. */
export function shopOfFile(): Promise<Shop> {
  return (opening ??= openShop());
}

/** A connection as MySQL's root user. */
export async function connectRoot(): Promise<Connection> {
  return await rootOf(testStack());
}

async function openShop(): Promise<Shop> {
  const database = `shop_${process.pid}_${Date.now().toString(36)}`;
  await createDatabase(database);
  const topic = `${database}.order-events`;
  useOwn({database, topic});
  const connector = await Connector.apply('orders.json', {name: database, database, topic});
  const connectorFile = join(folder, 'orders.json');
  mkdirSync(folder, {recursive: true});
  writeFileSync(connectorFile, JSON.stringify({name: connector.name, config: connector.config}));
  await hasReadTables(topic);
  return {database, topic, connector, connectorFile};
}

/**
 * Resolves when the connector has written its initial snapshot, which contains only the row of the heartbeat table, after the schemas of all
 * tables. Every change that is committed afterwards comes from the binlog, because the snapshot cannot contain it.
 */
async function hasReadTables(topic: string): Promise<void> {
  await until(
    async () => (await readTopic(topic)).some(({value}) => value?.includes('"op":"r"')),
    () => `the snapshot in ${topic}`,
    60_000,
  );
}

/** Creates a database with the shipped tables and rights. */
async function createDatabase(database: string): Promise<void> {
  const {user} = testStack().env.mysql;
  const root = await connectRoot();
  try {
    await root.query(readFileSync(SCHEMA, 'utf8').replace(/\bshop(?=;| CHARACTER)/g, database));
    await root.query(readFileSync(RIGHTS, 'utf8').replace(/\bshop\./g, `${database}.`));
    await root.query(`GRANT ALL PRIVILEGES ON ${database}.* TO '${user}'@'%'`);
  } finally {
    await root.end();
  }
}

/**
 * Whether the server of the stack writes row events for the actions of foreign keys, as MySQL does from 9.6 on. There, REPLACE of an order
 * keeps its line items.
 */
export async function logsForeignKeyActions(): Promise<boolean> {
  const root = await connectRoot();
  try {
    const [rows] = await root.query<RowDataPacket[]>('SELECT VERSION() AS version');
    const [major = 0, minor = 0] = String(rows[0]?.['version']).split('.').map(Number);
    return major > 9 || (major === 9 && minor >= 6);
  } finally {
    await root.end();
  }
}
