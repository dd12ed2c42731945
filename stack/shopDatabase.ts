/** The database and the settings of a shop system in `shops/`. */
import {createConnection, type Connection} from 'mysql2/promise';
import type {StackEnv} from './environment.js';

/** Values that JavaScript could not hold exactly are texts. */
export const VALUES_AS_TEXT = {dateStrings: true, supportBigNumbers: true, bigNumberStrings: true} as const;

/** The settings in the text of a preset (shops/README.md). */
export function settingsOfPreset(text: string): Record<string, string> {
  const settings = text.split('\n').flatMap((line) => {
    const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value.replace(/^'(.*)'$/, '$1')] as const];
  });
  return Object.fromEntries(settings);
}

/** A connection as MySQL's root user. */
export async function rootOf({
  mode,
  env,
}: {
  readonly mode: 'native' | 'docker';
  readonly env: StackEnv;
}): Promise<Connection> {
  const {host, port} = env.mysql;
  const password = mode === 'native' ? '' : 'root';
  return await createConnection({host, port, user: 'root', password, multipleStatements: true});
}

/** Creates a database with the tables of `schema`, and those that the connector needs in addition. All users may use it. */
export async function createShopDatabase(
  root: Connection,
  {database, user, schema}: {readonly database: string; readonly user: string; readonly schema: string},
): Promise<void> {
  await root.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}`);
  await root.query(schema);
  await root.query(
    `SET SESSION sql_mode = DEFAULT;
     CREATE TABLE heartbeat (id INT PRIMARY KEY, ts TIMESTAMP(3) NOT NULL);
     CREATE TABLE debezium_signal (id VARCHAR(42) PRIMARY KEY, type VARCHAR(32) NOT NULL, data VARCHAR(2048) NULL);
     GRANT ALL PRIVILEGES ON ${database}.* TO 'debezium'@'%';
     GRANT ALL PRIVILEGES ON ${database}.* TO '${user}'@'%'`,
  );
}
