import {mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {type Connection, createConnection} from 'mysql2/promise';
import {ROOT} from '../folders.js';
import type {NativeState} from '../stackState.js';
import {dataFolder, type Recipe} from './recipe.js';

/** The initial SQL files, in the order in which docker-compose.yml mounts them. */
const SQL_FILES = ['stack/mysql/01-schema.sql', 'stack/mysql/02-users.sql', 'deploy/acl/mysql.sql'];

/** Debezium requires row images, GTIDs and UTC. Syncing to disk is off, because a development server may lose data. */
const SETTINGS = [
  '--server-id=1',
  '--log-bin=binlog',
  '--binlog-format=ROW',
  '--binlog-row-image=FULL',
  '--binlog-row-value-options=',
  '--gtid-mode=ON',
  '--enforce-gtid-consistency=ON',
  '--default-time-zone=+00:00',
  '--character-set-server=utf8mb4',
  '--max-connections=300',
  '--sync-binlog=0',
  '--innodb-flush-log-at-trx-commit=2',
  '--innodb-buffer-pool-size=128M',
  '--performance-schema=OFF',
];

export function mysqlRecipe(state: NativeState): Recipe {
  const {install, ports} = state;
  const data = dataFolder(state, 'mysql');
  mkdirSync(data, {recursive: true});
  const base = [
    '--no-defaults',
    `--datadir=${data}`,
    `--basedir=${install.mysqlFolder}`,
    `--lc-messages-dir=${join(install.mysqlFolder, 'share')}`,
    // mysqld runs as root only with this option. Containers and CI machines often have only root.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
  const program = join(install.mysqlFolder, 'bin', 'mysqld');
  const env = {LD_LIBRARY_PATH: install.mysqlLibraryPath};
  const connect = (): Promise<Connection> =>
    createConnection({host: '127.0.0.1', port: ports.mysql, user: 'root', multipleStatements: true});
  return {
    name: 'mysql',
    port: ports.mysql,
    prepare: [{program, args: [...base, '--initialize-insecure', ...SETTINGS], env}],
    command: {
      program,
      args: [
        ...base,
        ...SETTINGS,
        `--port=${ports.mysql}`,
        '--bind-address=127.0.0.1',
        '--mysqlx=OFF',
        // The path is relative to the data folder, because the path of a socket is limited to 107 characters.
        '--socket=mysql.sock',
        '--secure-file-priv=NULL',
      ],
      env,
    },
    probe: async () => {
      const connection = await connect();
      await connection.end();
    },
    load: async () => {
      const connection = await connect();
      try {
        for (const file of SQL_FILES) await connection.query(readFileSync(join(ROOT, file), 'utf8'));
      } finally {
        await connection.end();
      }
    },
  };
}
