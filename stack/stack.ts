/**
 * The servers of the demo, the tests and the benchmarks: a real MySQL, Kafka, Kafka Connect with Debezium, and Redis.
 * Containers where a Docker engine answers, else native processes; the same servers, settings and endpoints.
 */
import {dockerAnswers, runningServices} from './docker/compose.js';
import {startDocker, stopDocker} from './docker/launcher.js';
import {stackEnv, type ServerPorts, type StackEnv} from './environment.js';
import {withLock} from './lock.js';
import {startNative, stopNative} from './native/launcher.js';
import {isAlive} from './processIdentity.js';
import {EXIT_CODE, StackError} from './stackError.js';
import {readState, SERVER_NAMES, type ServerName, stackNames, type StackState} from './stackState.js';
import {stackFolder} from './folders.js';

export {shellExports, workerVariables, type StackEnv} from './environment.js';

export type StackMode = 'native' | 'docker';

export interface Stack {
  name: string;
  mode: StackMode;
  env: StackEnv;
  /** Native stacks only: the processes of the servers. */
  pids?: ServerPorts;
  /** The path of redis-cli where there is one. */
  redisCli?: string;
  down(): Promise<void>;
}

export interface StartOptions {
  name: string;
  /** Default: containers when an engine answers, else native. */
  mode?: StackMode | undefined;
  /** The stack is stopped, and its data removed, when this process is gone. */
  ownerPid?: number | undefined;
  onProgress?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface ServerStatus {
  server: ServerName;
  port: number;
  pid?: number;
  alive: boolean;
}

/** Returns the running stack of that name, or starts one. */
export async function startStack(options: StartOptions): Promise<Stack> {
  const {name, mode, ownerPid, signal} = options;
  const onProgress = options.onProgress ?? ((): void => undefined);
  stackFolder(name);
  const start = async (): Promise<Stack> => {
    const found = readState(name);
    if (found !== undefined && (await isUp(found))) {
      if (mode === undefined || mode === found.mode) return stackOf(found);
      throw new StackError(
        `The stack "${name}" already runs in mode ${found.mode}: take it down first, or give another --name.`,
        EXIT_CODE.usage,
      );
    }
    if (found !== undefined) await stop(found);
    const chosen = mode ?? ((await dockerAnswers()) ? 'docker' : 'native');
    if (chosen === 'docker' && mode === 'docker' && !(await dockerAnswers())) {
      throw new StackError(
        'No Docker engine with Compose answers: start Docker, or use --native.',
        EXIT_CODE.unavailable,
      );
    }
    const launch = {name, ownerPid, onProgress, signal};
    return stackOf(chosen === 'docker' ? await startDocker(launch) : await startNative(launch));
  };
  return withLock(`stack ${stackFolder(name)}`, start, {
    signal,
    onWait: () => onProgress(`waiting for another launcher of the stack "${name}" ...`),
  });
}

/** The stack of that name if all its servers run. */
export async function findStack(name: string): Promise<Stack | undefined> {
  const state = readState(name);
  return state !== undefined && (await isUp(state)) ? stackOf(state) : undefined;
}

/** Stops what there is of that stack, also of a broken one. False if there was nothing. */
export async function stopStack(name: string): Promise<boolean> {
  const state = readState(name);
  if (state === undefined) return false;
  await stop(state);
  return true;
}

export async function statusOf(name: string): Promise<ServerStatus[]> {
  const state = readState(name);
  if (state === undefined) return [];
  const running = state.mode === 'docker' ? await runningServices(state) : new Set<string>();
  return SERVER_NAMES.map((server) => {
    const process_ = state.mode === 'native' ? state.servers[server] : undefined;
    const alive = process_ === undefined ? running.has(server) : isAlive(process_);
    return {server, port: state.ports[server], ...(process_ === undefined ? {} : {pid: process_.pid}), alive};
  });
}

export {stackNames};

async function isUp(state: StackState): Promise<boolean> {
  if (state.phase !== 'ready') return false;
  if (state.mode === 'native' && (state.keeper === undefined || !isAlive(state.keeper))) return false;
  return (await statusOf(state.name)).every(({alive}) => alive);
}

async function stop(state: StackState): Promise<void> {
  if (state.mode === 'docker') await stopDocker(state);
  else await stopNative(state);
}

function stackOf(state: StackState): Stack {
  const stack: Stack = {
    name: state.name,
    mode: state.mode,
    env: stackEnv(state.ports),
    down: async () => {
      await stopStack(state.name);
    },
  };
  if (state.mode === 'docker') return stack;
  const {mysql, kafka, connect, redis} = state.servers;
  const {redisCli} = state.install;
  return {
    ...stack,
    pids: {mysql: mysql!.pid, kafka: kafka!.pid, connect: connect!.pid, redis: redis!.pid},
    ...(redisCli === '' ? {} : {redisCli}),
  };
}
