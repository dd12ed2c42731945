/**
 * The process that runs the servers of one native stack as its children. It reports its progress to the launcher over
 * the IPC channel. It stops all servers on SIGTERM, when the owner process ends, or when the launcher dies early.
 * It also executes the requests of controlChannel.ts to kill, stop, start or pause a single server. The stack keeps
 * running when one of its servers ends.
 *
 * Usage: node --import tsx stack/native/supervisor.ts STACK-NAME
 */
import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {stackFolder} from '../folders.js';
import {identityOf, isAlive} from '../processIdentity.js';
import {messageOf} from '../stackError.js';
import {
  type NativeState,
  readState,
  removeStackFolder,
  type ServerAction,
  type ServerName,
  writeState,
} from '../stackState.js';
import {ClusterServer} from './clusterServer.js';
import {connectRecipe} from './connectServer.js';
import {type ControlRequest, serveControl} from './controlChannel.js';
import {kafkaRecipe} from './kafkaServer.js';
import {mysqlRecipe} from './mysqlServer.js';
import {logFile} from './recipe.js';
import {NODES} from './redisCluster.js';
import {redisRecipe} from './redisServer.js';
import {parentDeathPrefix, ServerProcess} from './serverProcess.js';

export type SupervisorMessage =
  {kind: 'progress'; line: string} | {kind: 'ready'} | {kind: 'failed'; message: string};

const OWNER_POLL_MS = 500;

class Supervisor {
  readonly #state: NativeState;
  #servers: ServerProcess[] = [];
  #cluster: ClusterServer | undefined;
  /** The last request for each server. The next request for the same server waits for it. */
  readonly #requests = new Map<ServerName, Promise<void>>();
  #stopped: Promise<void> | undefined;

  constructor(state: NativeState) {
    this.#state = {...state, keeper: identityOf(process.pid)};
  }

  async start(): Promise<void> {
    this.#save();
    const prefix = await parentDeathPrefix();
    const isCluster = this.#state.cluster !== undefined;
    const ofRedis = isCluster ? [] : [redisRecipe];
    const recipes = [mysqlRecipe, kafkaRecipe, connectRecipe, ...ofRedis].map((recipe) =>
      recipe(this.#state),
    );
    this.#servers = recipes.map(
      (recipe) => new ServerProcess(recipe, logFile(this.#state.name, recipe.name), prefix),
    );
    const kafkaReady = this.#startServer('kafka', []);
    await Promise.all([
      this.#startServer('mysql', []),
      kafkaReady,
      this.#startServer('connect', [kafkaReady]),
      isCluster ? this.#startCluster() : this.#startServer('redis', []),
    ]);
    await serveControl(this.#state.name, (request) => this.#inTurn(request));
    this.#state.phase = 'ready';
    this.#save();
  }

  /** Stops all servers and removes their data. After a failure it keeps the logs. */
  stop(options: {keepLogs: boolean}): Promise<void> {
    this.#stopped ??= this.#stop(options.keepLogs);
    return this.#stopped;
  }

  async #startServer(name: ServerName, after: Promise<void>[]): Promise<void> {
    const server = this.#server(name);
    const startedMs = Date.now();
    await server.prepare();
    await Promise.all(after);
    this.#spawn(server);
    await server.whenReady();
    await server.load();
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    notify({
      kind: 'progress',
      line: `${name} ready on 127.0.0.1:${this.#state.ports[server.name]} after ${seconds} s`,
    });
  }

  async #startCluster(): Promise<void> {
    const startedMs = Date.now();
    this.#cluster = await ClusterServer.open(this.#state);
    this.#saveCluster();
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    notify({
      kind: 'progress',
      line: `redis ready after ${seconds} s: a cluster of ${NODES} nodes, the first one on 127.0.0.1:${this.#state.ports.redis}`,
    });
  }

  #saveCluster(): void {
    const [first] = this.#cluster?.processes ?? [];
    if (first !== undefined) this.#state.servers.redis = first;
    if (this.#state.cluster !== undefined) this.#state.cluster.processes = this.#cluster?.processes ?? [];
    this.#save();
  }

  #server(name: ServerName): ServerProcess {
    return this.#servers.find((server) => server.name === name)!;
  }

  #spawn(server: ServerProcess): void {
    server.start();
    server.onExit((reason) => process.stdout.write(`${now()} ${server.name} ended: ${reason}\n`));
    if (server.identity !== undefined) this.#state.servers[server.name] = server.identity;
    this.#save();
  }

  /** Requests for one server run one after the other: a start must not begin before an earlier kill has completed. */
  #inTurn({action, server: name}: ControlRequest): Promise<void> {
    const work = (this.#requests.get(name) ?? Promise.resolve()).then(async () => {
      process.stdout.write(`${now()} ${name}: ${action} requested\n`);
      if (name === 'redis' && this.#cluster !== undefined) {
        await this.#cluster.act(action);
        if (action === 'start') this.#saveCluster();
      } else await this.#act(this.#server(name), action);
    });
    this.#requests.set(
      name,
      work.catch(() => undefined),
    );
    return work;
  }

  async #act(server: ServerProcess, action: ServerAction): Promise<void> {
    switch (action) {
      case 'kill':
        await server.end('SIGKILL');
        break;
      case 'stop':
        await server.end('SIGTERM');
        break;
      case 'start':
        // A frozen server never becomes ready, so it is resumed first.
        if (server.isRunning) server.send('SIGCONT');
        else this.#spawn(server);
        await server.whenReady();
        break;
      case 'pause':
        server.send('SIGSTOP');
        break;
      case 'resume':
        server.send('SIGCONT');
        break;
    }
  }

  async #stop(keepLogs: boolean): Promise<void> {
    await Promise.all([...this.#servers.map((server) => server.stop()), this.#cluster?.close()]);
    if (keepLogs) {
      rmSync(join(stackFolder(this.#state.name), 'data'), {recursive: true, force: true});
      this.#state.phase = 'failed';
      this.#save();
    } else {
      removeStackFolder(this.#state.name);
    }
  }

  #save(): void {
    if (this.#stopped === undefined || this.#state.phase === 'failed') writeState(this.#state);
  }
}

async function main(): Promise<void> {
  const state = readState(process.argv[2] ?? '');
  if (state?.mode !== 'native') throw new Error('Usage: supervisor.ts STACK-NAME');
  const supervisor = new Supervisor(state);
  const end = async (reason: string): Promise<void> => {
    process.stdout.write(`${now()} stopping: ${reason}\n`);
    await supervisor.stop({keepLogs: false});
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end(signal));
  const {owner} = state;
  if (owner !== undefined) {
    setInterval(() => {
      if (!isAlive(owner)) void end(`the owner process ${owner.pid} has ended`);
    }, OWNER_POLL_MS);
  }
  const launcherGone = (): void => void end('the launcher has ended');
  process.once('disconnect', launcherGone);
  try {
    await supervisor.start();
  } catch (error) {
    process.stdout.write(`${now()} ${messageOf(error)}\n`);
    await supervisor.stop({keepLogs: true});
    notify({kind: 'failed', message: messageOf(error)}, () => process.exit(1));
    return;
  }
  process.removeListener('disconnect', launcherGone);
  notify({kind: 'ready'}, () => process.disconnect());
  // This timer keeps the supervisor running, even if all servers have ended and the IPC channel is closed.
  setInterval(() => undefined, 2 ** 30);
}

function notify(message: SupervisorMessage, sent?: () => void): void {
  if (!process.connected || process.send === undefined) sent?.();
  else process.send(message, undefined, undefined, () => sent?.());
}

function now(): string {
  return new Date().toISOString();
}

await main();
