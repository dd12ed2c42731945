/**
 * The servers of the demo, the tests and the benchmarks: a real MySQL, Kafka, Kafka Connect with Debezium, and Redis.
 * They run as containers if a Docker engine responds, else as native processes, with the same settings and endpoints.
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
  type RedisKind,
  SERVER_NAMES,
  type ServerAction,
  type ServerName,
  stackNames,
  type StackState,
} from './stackState.js';
import {stackFolder} from './folders.js';

export {shellExports, workerVariables, type StackEnv} from './environment.js';

export {REDIS_KINDS, type RedisKind, SERVER_NAMES, type ServerName} from './stackState.js';

export type StackMode = 'native' | 'docker';

export interface Stack {
  name: string;
  mode: StackMode;
  env: StackEnv;
  /** Native stacks only: the process ids of the servers that run now. Each access reads them again. */
  readonly pids?: Partial<Record<ServerName, number>>;
  /** The path of redis-cli. Undefined if the stack has none. */
  redisCli?: string;
  /**
   * Native stacks only: a listener of Kafka for clients behind a proxy. It is needed because clients connect to the
   * advertised address of the listener. Open `TcpProxy.open({host: '127.0.0.1', port: target}, {port: listen})`, and
   * configure the client with `127.0.0.1:listen`.
   */
  kafkaDetour?: {readonly listen: number; readonly target: number};
  /** Kills the server with SIGKILL, like a crash. */
  killServer(server: ServerName): Promise<void>;
  /** Shuts the server down with SIGTERM, and kills it after 30 s. */
  stopServer(server: ServerName): Promise<void>;
  /**
   * Starts the server on the same port with the same data and settings, and resolves when it is ready. If it runs
   * already, this only waits until it is ready. If it is paused, it is resumed.
   */
  startServer(server: ServerName): Promise<void>;
  /** Freezes the process: connections stay open, but the server does not respond. */
  pauseServer(server: ServerName): Promise<void>;
  resumeServer(server: ServerName): Promise<void>;
  /** Native stacks only: the data folder of the server, which a test may read or replace while the server is stopped. */
  dataFolder(server: ServerName): string | undefined;
  down(): Promise<void>;
}

export interface StartOptions {
  name: string;
  /** Default: containers if a Docker engine responds, else native processes. */
  mode?: StackMode | undefined;
  /** Default: `single`. */
  redisKind?: RedisKind | undefined;
  /** Native stacks only: Connect needs half of the processor time in its first minute, but processes fewer rows per second later. */
  hasQuickConnect?: boolean | undefined;
  /** When this process ends, the stack is stopped and its data is removed. */
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

/** Returns the running stack of this name, or starts it. */
export async function startStack(options: StartOptions): Promise<Stack> {
  const {name, mode, redisKind, hasQuickConnect, ownerPid, signal} = options;
  const onProgress = options.onProgress ?? ((): void => undefined);
  stackFolder(name);
  const start = async (): Promise<Stack> => {
    const found = readState(name);
    if (found !== undefined && (await isUp(found))) {
      const {redisKind: foundKind = 'single'} = found;
      if (redisKind !== undefined && redisKind !== foundKind) {
        throw new StackError(
          `The stack "${name}" already runs with --redis ${foundKind}. Stop it first, or use another --name.`,
          EXIT_CODE.usage,
        );
      }
      if (mode === undefined || mode === found.mode) return stackOf(found);
      throw new StackError(
        `The stack "${name}" already runs in the mode ${found.mode}. Stop it first, or use another --name.`,
        EXIT_CODE.usage,
      );
    }
    if (found !== undefined) await stop(found);
    const chosen = mode ?? ((await dockerAnswers()) ? 'docker' : 'native');
    if (chosen === 'docker' && redisKind === 'cluster') {
      throw new StackError(
        'A Redis Cluster runs as native processes only. Use --native, or another value of --redis.',
        EXIT_CODE.usage,
      );
    }
    if (chosen === 'docker' && mode === 'docker' && !(await dockerAnswers())) {
      throw new StackError(
        'No Docker engine with Compose responded. Start Docker, or use --native.',
        EXIT_CODE.unavailable,
      );
    }
    const launch = {name, redisKind, hasQuickConnect, ownerPid, onProgress, signal};
    return stackOf(chosen === 'docker' ? await startDocker(launch) : await startNative(launch));
  };
  return withLock(`stack ${stackFolder(name)}`, start, {
    signal,
    onWait: () => onProgress(`waiting for another process that starts the stack "${name}" ...`),
  });
}

/** The stack of this name. Undefined unless all its servers run. */
export async function findStack(name: string): Promise<Stack | undefined> {
  const state = readState(name);
  return state !== undefined && (await isUp(state)) ? stackOf(state) : undefined;
}

/** The stack of this name, even if some of its servers are stopped. */
export function openStack(name: string): Stack {
  const state = readState(name);
  if (state === undefined) throw new StackError(`There is no stack "${name}".`, EXIT_CODE.unavailable);
  return stackOf(state);
}

/** Stops all parts of the stack, even if it is incomplete. Returns false if there is no such stack. */
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
    const nodes = state.mode === 'native' && server === 'redis' ? (state.cluster?.processes ?? []) : [];
    const alive =
      process_ === undefined
        ? running.has(server)
        : isAlive(process_) && nodes.every((node) => isAlive(node));
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
    env: stackEnv(state.ports, state),
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
  // A restarted server has another process id, so `pids` is a getter.
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
