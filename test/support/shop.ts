/**
 * The shop of one test file: a database with the two tables, a connector and a topic, each of its own. No test reads what
 * other files wrote, and what a file reads does not depend on the files before it.
 */
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createConnection, type Connection} from 'mysql2/promise';
import {Connector} from './connector.js';
import {endOffsets} from './kafka.js';
import {testStack, useOwn, type OwnNames} from './stack.js';
import {until} from './until.js';

export interface Shop extends OwnNames {
  readonly connector: Connector;
  /** The shipped file with the names of this shop, for commands that ask for it. */
  readonly connectorFile: string;
}

const SCHEMA = 'stack/mysql/01-schema.sql';
const RIGHTS = 'deploy/acl/mysql.sql';

const folder = join(tmpdir(), `order-projector-shop-${process.pid}`);
let opening: Promise<Shop> | undefined;

afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** This file's shop. It is made at the first call, and later ones return the same. */
export function shopOfFile(): Promise<Shop> {
  return (opening ??= openShop());
}

/** A connection of MySQL's administrator. */
export async function connectRoot(): Promise<Connection> {
  const {mode, env} = testStack();
  const {host, port} = env.mysql;
  const password = mode === 'native' ? '' : 'root';
  return await createConnection({host, port, user: 'root', password, multipleStatements: true});
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
 * Resolves when the connector writes what its initial snapshot has found: the one row of the table of heartbeats. The snapshot
 * sees nothing that is committed from now on, so every later change comes from the binlog.
 */
async function hasReadTables(topic: string): Promise<void> {
  await until(
    async () => [...(await endOffsets(topic)).values()].some((end) => end > 0n),
    () => `the first record of ${topic}`,
    60_000,
  );
}

/** The tables and the rights that ship, in another database. */
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
