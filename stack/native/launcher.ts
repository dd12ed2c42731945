import {onAbort} from '../../src/runtime/lifecycle.js';
import {spawn} from 'node:child_process';
import {closeSync, existsSync, mkdirSync, openSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {ROOT} from '../folders.js';
import {reservePorts} from '../ports.js';
import {identityOf, isAlive, kill, type ProcessIdentity} from '../processIdentity.js';
import {StackError} from '../stackError.js';
import {type NativeState, readState, type RedisKind, removeStackFolder, writeState} from '../stackState.js';
import {fetchAll} from './downloads.js';
import {logFile} from './recipe.js';
import {nodePorts, NODES} from './redisCluster.js';
import {checkRequirements} from './requirements.js';
import type {SupervisorMessage} from './supervisor.js';

export interface NativeOptions {
  name: string;
  redisKind?: RedisKind | undefined;
  hasQuickConnect?: boolean | undefined;
  ownerPid?: number | undefined;
  onProgress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

const SUPERVISOR = join(ROOT, 'stack', 'native', 'supervisor.ts');
const DOWN_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/** Starts the servers and resolves when all are ready. The caller holds the stack's lock; the stack is stopped. */
export async function startNative(options: NativeOptions): Promise<NativeState> {
  const java = await checkRequirements();
  const install = await fetchAll(java, options);
  if (!existsSync(install.redisServer)) {
    throw new StackError(
      `The download cache is damaged: ${install.redisServer} is missing. Remove the folder ${dirname(install.kafkaFolder)} and retry.`,
    );
  }
  const {name, redisKind, hasQuickConnect, ownerPid} = options;
  const isCluster = redisKind === 'cluster';
  await reservePorts(isCluster ? 7 + 2 * NODES : 7, (all) => {
    const [mysql, kafka, connect, redis, controllerPort, listen, target, ...others] = all;
    const nodes = isCluster ? nodePorts(others) : [];
    writeState({
      mode: 'native',
      name,
      phase: 'starting',
      ...(ownerPid === undefined ? {} : {owner: identityOf(ownerPid)}),
      ports: {mysql: mysql!, kafka: kafka!, connect: connect!, redis: nodes[0]?.port ?? redis!},
      controllerPort: controllerPort!,
      kafkaDetour: {listen: listen!, target: target!},
      redisKind,
      hasQuickConnect,
      ...(isCluster ? {cluster: {nodes, processes: []}} : {}),
      install,
      servers: {},
    });
  });
  await supervise(options);
  const state = readState(name);
  if (state?.mode !== 'native') throw new StackError(`The stack "${name}" was stopped while it started.`);
  return state;
}

/** Stops the servers, whatever state they are in, and removes their data. */
export async function stopNative(state: NativeState): Promise<void> {
  const {keeper} = state;
  if (keeper !== undefined) {
    kill(keeper, 'SIGTERM');
    if (!(await isGone(keeper))) kill(keeper, 'SIGKILL');
  }
  // Servers still run here only if the supervisor was killed and setpriv was missing, so the kernel did not kill them.
  const {servers, cluster} = readNative(state.name) ?? state;
  const left = [...Object.values(servers), ...(cluster?.processes ?? [])];
  for (const server of left) kill(server, 'SIGKILL');
  await Promise.all(left.map((server) => isGone(server)));
  removeStackFolder(state.name);
}

async function isGone(process_: ProcessIdentity): Promise<boolean> {
  const deadlineMs = Date.now() + DOWN_TIMEOUT_MS;
  while (isAlive(process_) && Date.now() < deadlineMs) await sleep(POLL_MS);
  return !isAlive(process_);
}

function readNative(name: string): NativeState | undefined {
  const state = readState(name);
  return state?.mode === 'native' ? state : undefined;
}

function supervise(options: NativeOptions): Promise<void> {
  const log = logFile(options.name, 'supervisor');
  mkdirSync(dirname(log), {recursive: true});
  const output = openSync(log, 'a');
  // The process is detached, because the stack outlives the launcher and Ctrl-C in the terminal must not stop the servers.
  const child = spawn(process.execPath, ['--import', 'tsx', SUPERVISOR, options.name], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
    // The supervisor must not inherit the Node options of a test runner or debugger.
    env: {...process.env, NODE_OPTIONS: ''},
  });
  closeSync(output);
  const state = readNative(options.name);
  // The supervisor is stored at once. So if this launcher dies now, the next one finds the process and stops it.
  if (state !== undefined && child.pid !== undefined) writeState({...state, keeper: identityOf(child.pid)});
  const abort = (): void => void child.kill('SIGTERM');
  if (options.signal !== undefined) onAbort(options.signal, abort);
  return new Promise<void>((resolve, reject) => {
    child.on('message', (message: SupervisorMessage) => {
      if (message.kind === 'progress') options.onProgress(message.line);
      else if (message.kind === 'failed') reject(new StackError(message.message));
      else resolve();
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (options.signal?.aborted === true) reject(new StackError('The start of the stack was interrupted.'));
      else reject(new StackError(`The supervisor ended with exit code ${code ?? '?'}. Its log: ${log}`));
    });
  }).finally(() => {
    options.signal?.removeEventListener('abort', abort);
    if (child.connected) child.disconnect();
    child.unref();
  });
}
