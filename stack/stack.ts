/**
 * The servers of the demo, the tests and the benchmarks: a real MySQL, Kafka, Kafka Connect with Debezium, and Redis.
 * Containers where a Docker engine answers, else native processes; the same servers, settings and endpoints.
 */
import {composeAct, dockerAnswers, runningServices} from './docker/compose.js';
import {startDocker, stopDocker} from './docker/launcher.js';
import {stackEnv, type StackEnv} from './environment.js';
import {withLock} from './lock.js';
import {requestControl} from './native/controlChannel.js';
import {startNative, stopNative} from './native/launcher.js';
import {dataFolder} from './native/recipe.js';
import {isAlive} from './processIdentity.js';
import {EXIT_CODE, StackError} from './stackError.js';
import {
  readState,
  SERVER_NAMES,
  type ServerAction,
  type ServerName,
  stackNames,
  type StackState,
} from './stackState.js';
import {stackFolder} from './folders.js';

export {shellExports, workerVariables, type StackEnv} from './environment.js';

export {SERVER_NAMES, type ServerName} from './stackState.js';

export type StackMode = 'native' | 'docker';

export interface Stack {
  name: string;
  mode: StackMode;
  env: StackEnv;
  /** Native stacks only: the processes of the servers that run now, read anew each time. */
  readonly pids?: Partial<Record<ServerName, number>>;
  /** The path of redis-cli where there is one. */
  redisCli?: string;
  /**
   * Native stacks only: a way to Kafka that leads through a proxy, although Kafka tells its clients where to connect.
   * Open `TcpProxy.open({host: '127.0.0.1', port: target}, {port: listen})`, and give the client `127.0.0.1:listen`.
   */
  kafkaDetour?: {readonly listen: number; readonly target: number};
  /** A crash: SIGKILL. */
  killServer(server: ServerName): Promise<void>;
  /** In good order; a server that takes longer than 30 s is killed. */
  stopServer(server: ServerName): Promise<void>;
  /**
   * Resolves when the server answers again: on the same port, with the same data and settings. One that runs is only
   * waited for, one that is paused goes on.
   */
  startServer(server: ServerName): Promise<void>;
  /** It stands still: connections stay open, and nothing is answered. */
  pauseServer(server: ServerName): Promise<void>;
  resumeServer(server: ServerName): Promise<void>;
  /** Native stacks only: where the server keeps its data, to look at or to swap while it is down. */
  dataFolder(server: ServerName): string | undefined;
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

/** The stack of that name, also one of whose servers some are down. */
export function openStack(name: string): Stack {
  const state = readState(name);
  if (state === undefined) throw new StackError(`There is no stack "${name}".`, EXIT_CODE.unavailable);
  return stackOf(state);
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
  const {name} = state;
  const act = (action: ServerAction) => (server: ServerName) => actOn(name, server, action);
  const native = state.mode === 'native' ? state : undefined;
  const redisCli = native?.install.redisCli ?? '';
  const stack: Stack = {
    name,
    mode: state.mode,
    env: stackEnv(state.ports),
    ...(redisCli === '' ? {} : {redisCli}),
    ...(native?.kafkaDetour === undefined ? {} : {kafkaDetour: native.kafkaDetour}),
    killServer: act('kill'),
    stopServer: act('stop'),
    startServer: act('start'),
    pauseServer: act('pause'),
    resumeServer: act('resume'),
    dataFolder: (server) => native && dataFolder(native, server),
    down: async () => {
      await stopStack(name);
    },
  };
  if (native === undefined) return stack;
  // A server that was started again is another process.
  return Object.defineProperty(stack, 'pids', {enumerable: true, get: () => pidsOf(name)});
}

async function actOn(name: string, server: ServerName, action: ServerAction): Promise<void> {
  const state = readState(name);
  if (state === undefined) throw new StackError(`There is no stack "${name}".`, EXIT_CODE.unavailable);
  if (state.mode === 'docker') await composeAct(state, server, action);
  else await requestControl(name, {action, server});
}

function pidsOf(name: string): Partial<Record<ServerName, number>> {
  const state = readState(name);
  if (state?.mode !== 'native') return {};
  const running = Object.entries(state.servers).filter(([, server]) => isAlive(server));
  return Object.fromEntries(running.map(([server, {pid}]) => [server, pid]));
}
