import {mkdirSync} from 'node:fs';
import {createConnection} from 'node:net';
import type {NativeState} from '../stackState.js';
import type {RedisInstall} from './downloads.js';
import {dataFolder, type Recipe} from './recipe.js';

const PROBE_TIMEOUT_MS = 1000;

/** The same settings as in docker-compose.yml. */
export const REDIS_SETTINGS: readonly string[] = [
  ...['--appendonly', 'yes', '--save', ''],
  // The hash of an order with a thousand line items still has the compact encoding. Redis must never evict a key.
  ...['--hash-max-listpack-value', '1024', '--maxmemory-policy', 'noeviction'],
];

export interface RedisPlace {
  readonly port: number;
  readonly folder: string;
  readonly settings: readonly string[];
}

export function redisRecipe(state: NativeState): Recipe {
  const folder = dataFolder(state, 'redis');
  return redisRecipeAt(state.install, {port: state.ports.redis, folder, settings: REDIS_SETTINGS});
}

/** The command of a Redis server. Tests also use it for their own Redis. */
export function redisRecipeAt(install: RedisInstall, {port, folder, settings}: RedisPlace): Recipe {
  mkdirSync(folder, {recursive: true});
  const {redisServer, redisLibraryPath} = install;
  return {
    name: 'redis',
    port,
    prepare: [],
    command: {
      program: redisServer,
      args: [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'],
        ...settings,
      ],
      ...(redisLibraryPath === '' ? {} : {env: {LD_LIBRARY_PATH: redisLibraryPath}}),
    },
    probe: () => ping(port),
  };
}

function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({host: '127.0.0.1', port, timeout: PROBE_TIMEOUT_MS});
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => {
      socket.destroy();
      if (reply.toString().startsWith('+PONG')) resolve();
      else reject(new Error(reply.toString().trim()));
    });
    socket.once('timeout', () => socket.destroy(new Error('Redis did not respond to PING in time')));
    socket.once('error', reject);
  });
}
