/**
 * The workers of a chaos run, on up to four simulated hosts. Each host has its own proxy to Redis. The next worker of a
 * host uses the same proxy, so that requests of the previous worker may still arrive.
 *
 * If a worker ends without a signal of the run, or with an error, the run fails.
 */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {workerVariables, type StackEnv} from '../environment.js';
import type {Random} from '../random.js';
import {TcpProxy} from '../tcpProxy.js';
import {WorkerProcess, type WorkerExit} from '../worker.js';
import {Books} from './books.js';

export const HOSTS_MAX = 4;
export const SESSION_TIMEOUT_MS = 5_000;

/** Short sessions, so that Kafka notices a dead worker soon; short fetches; a long start timeout for stopped servers. */
const SETTINGS = {
  KAFKA_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
  KAFKA_HEARTBEAT_INTERVAL_MS: '500',
  KAFKA_REBALANCE_TIMEOUT_MS: '10000',
  KAFKA_REQUEST_TIMEOUT_MS: '8000',
  KAFKA_MAX_WAIT_MS: '100',
  REDIS_TIMEOUT_MS: '2500',
  KAFKA_COMMIT_INTERVAL_MS: '500',
  PROJECTOR_SUMMARY_INTERVAL_MS: '5000',
  PROJECTOR_START_TIMEOUT_MS: '600000',
} as const;

/** Small chunks give more points at which a worker can be killed. Large chunks are the normal case. */
const CHUNKS = [
  {PROJECTOR_CHUNK_ORDERS_MAX: '5', PROJECTOR_CHUNK_RECORDS_MAX: '20'},
  {PROJECTOR_CHUNK_ORDERS_MAX: '40', PROJECTOR_CHUNK_RECORDS_MAX: '150'},
  {PROJECTOR_CHUNK_ORDERS_MAX: '300', PROJECTOR_CHUNK_RECORDS_MAX: '2000'},
] as const;

export interface Host {
  readonly number: number;
  /** The proxy to Redis. Undefined on a cluster, which has a proxy in front of each node. */
  readonly line: TcpProxy | undefined;
  /** The bootstrap address of Kafka for this host, as host:port. */
  readonly brokers: string;
  worker: WorkerProcess | undefined;
}

export interface FleetSetup {
  readonly env: StackEnv;
  readonly random: Random;
  /** The folder for the workers' logs. */
  readonly folder: string;
  /** The proxy to Kafka for hosts 2 and 4. */
  readonly kafkaLine: TcpProxy | undefined;
  /** Called when a worker has failed. */
  readonly onFailure: (what: string) => void;
}

export class Fleet {
  readonly books = new Books();
  readonly #setup: FleetSetup;
  readonly #hosts: readonly Host[];
  /** The signal that was sent to each worker to end it. */
  readonly #notified = new WeakMap<WorkerProcess, NodeJS.Signals>();
  #started = 0;
  #killed = 0;

  private constructor(setup: FleetSetup, hosts: readonly Host[]) {
    this.#setup = setup;
    this.#hosts = hosts;
  }

  static async open(setup: FleetSetup): Promise<Fleet> {
    const {env, kafkaLine} = setup;
    const isCluster = env.redis.partitioned?.clusterNodes !== undefined;
    const hosts: Host[] = [];
    for (let number = 1; number <= HOSTS_MAX; number++) {
      const detours = kafkaLine !== undefined && number % 2 === 0;
      hosts.push({
        number,
        line: isCluster ? undefined : await TcpProxy.open(env.redis.url, {random: setup.random}),
        brokers: detours ? `127.0.0.1:${kafkaLine.port}` : env.kafka.brokers.join(','),
        worker: undefined,
      });
    }
    const fleet = new Fleet(setup, hosts);
    process.once('exit', fleet.#killAll);
    return fleet;
  }

  get manned(): readonly Host[] {
    return this.#hosts.filter(({worker}) => worker !== undefined);
  }

  get empty(): readonly Host[] {
    return this.#hosts.filter(({worker}) => worker === undefined);
  }

  get started(): number {
    return this.#started;
  }

  /** Workers that were ended by SIGKILL. */
  get killed(): number {
    return this.#killed;
  }

  /** Starts a worker on an empty host, with a random chunk size. */
  start(host: Host, extra: Readonly<Record<string, string>> = {}): WorkerProcess {
    const {env, random} = this.#setup;
    const worker = new WorkerProcess({
      ...workerVariables(env),
      ...SETTINGS,
      ...random.pick(CHUNKS),
      REDIS_URL: host.line?.url(env.redis.url) ?? env.redis.url,
      KAFKA_BROKERS: host.brokers,
      KAFKA_CLIENT_ID: `host-${host.number}`,
      ...extra,
    });
    host.worker = worker;
    const number = ++this.#started;
    // A failpoint kills the worker with SIGKILL, so this end is expected.
    if (extra['PROJECTOR_FAILPOINT'] !== undefined) this.#notified.set(worker, 'SIGKILL');
    void worker.exited.then((exit) => this.#ended(worker, exit, {number, host}));
    return worker;
  }

  /** Ends the worker of a host. Resolves when the process has exited. */
  async end(host: Host, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const {worker} = host;
    if (worker === undefined) return;
    if (worker.isRunning) this.#notified.set(worker, signal);
    await worker.end(signal);
    if (host.worker === worker) host.worker = undefined;
  }

  /** Stops every worker with SIGTERM. Their counters must then balance. */
  async stopAll(): Promise<void> {
    await Promise.all(this.manned.map(async (host) => await this.end(host, 'SIGTERM')));
  }

  /** Kills all workers and closes the proxies. */
  async close(): Promise<void> {
    process.off('exit', this.#killAll);
    await Promise.all(this.manned.map(async (host) => await this.end(host, 'SIGKILL')));
    await Promise.all(this.#hosts.map(async ({line}) => await line?.close()));
  }

  /** Runs if this process exits before `close`. */
  readonly #killAll = (): void => {
    for (const {worker} of this.manned) worker?.send('SIGKILL');
  };

  #ended(worker: WorkerProcess, exit: WorkerExit, {number, host}: {number: number; host: Host}): void {
    const name = `worker ${number} on host ${host.number}`;
    writeFileSync(join(this.#setup.folder, `worker-${number}-host-${host.number}.log`), worker.output);
    const notified = this.#notified.get(worker);
    const isRight =
      notified === 'SIGTERM' ? exit.code === 0 : notified !== undefined && exit.signal === notified;
    if (!isRight) {
      const how = exit.signal ?? `exit code ${exit.code ?? '?'}`;
      const lines = worker.output.trimEnd().split('\n').slice(-8).join('\n    ');
      this.#setup.onFailure(
        `${name} ended with ${how}${notified ? ` after ${notified}` : ' without a signal of the chaos run'}:\n    ${lines}`,
      );
    }
    if (exit.signal === 'SIGKILL') this.#killed++;
    const fault = this.books.enter(worker.log, notified === 'SIGTERM' ? 'stopped' : 'killed');
    if (fault !== undefined) this.#setup.onFailure(`${name}: ${fault}`);
    worker.forget();
  }
}
