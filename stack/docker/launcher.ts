import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {ROOT} from '../folders.js';
import {reservePorts} from '../ports.js';
import {identityOf, kill} from '../processIdentity.js';
import {type DockerState, type RedisKind, removeStackFolder, writeState} from '../stackState.js';
import {composeDown, composeUp} from './compose.js';

export interface DockerOptions {
  name: string;
  redisKind?: RedisKind | undefined;
  ownerPid?: number | undefined;
  onProgress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

const WATCHER = join(ROOT, 'stack', 'docker', 'watcher.ts');

/** Starts the containers and resolves when all are healthy. The caller holds the stack's lock; the stack is stopped. */
export async function startDocker(options: DockerOptions): Promise<DockerState> {
  const {name, redisKind, ownerPid} = options;
  const state: DockerState = {
    mode: 'docker',
    name,
    phase: 'starting',
    redisKind,
    ports: {mysql: 0, kafka: 0, connect: 0, redis: 0},
  };
  await reservePorts(4, ([mysql, kafka, connect, redis]) => {
    state.ports = {mysql: mysql!, kafka: kafka!, connect: connect!, redis: redis!};
    writeState(state);
  });
  if (ownerPid !== undefined) {
    state.owner = identityOf(ownerPid);
    writeState(state);
    state.watcher = startWatcher(name);
    writeState(state);
  }
  const startedMs = Date.now();
  options.onProgress('starting the containers mysql, kafka, connect, redis (Docker Compose) ...');
  try {
    await composeUp(state, options.signal);
  } catch (error) {
    await stopDocker(state).catch(() => undefined);
    throw error;
  }
  state.phase = 'ready';
  writeState(state);
  options.onProgress(`the containers are healthy after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  return state;
}

export async function stopDocker(state: DockerState): Promise<void> {
  if (state.watcher !== undefined && state.watcher.pid !== process.pid) kill(state.watcher, 'SIGKILL');
  await composeDown(state);
  removeStackFolder(state.name);
}

/** Containers outlive the process that started them. So a watcher process stops them when the owner has ended. */
function startWatcher(name: string): DockerState['watcher'] {
  const child = spawn(process.execPath, ['--import', 'tsx', WATCHER, name], {
    cwd: ROOT,
    detached: true,
    stdio: 'ignore',
    env: {...process.env, NODE_OPTIONS: ''},
  });
  child.unref();
  return child.pid === undefined ? undefined : identityOf(child.pid);
}
