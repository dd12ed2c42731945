/** The parts of a chaos run. They are opened in order and closed in the reverse order. */
import {onAbort} from '../../src/runtime/lifecycle.js';
import type {Connection} from 'mysql2/promise';
import {workerVariables} from '../environment.js';
import {Random} from '../random.js';
import type {Stack} from '../stack.js';
import {TcpProxy} from '../tcpProxy.js';
import {WorkerProcess} from '../worker.js';
import {Workload} from '../workload.js';
import {rootOf} from '../shopDatabase.js';
import {Auditor} from './auditor.js';
import {Backups} from './backups.js';
import {BadRecords} from './badRecords.js';
import type {RedisKind} from '../stackState.js';
import {ChaosRedis} from './chaosRedis.js';
import {connectMysql} from './connections.js';
import {ConnectorRest} from './connectorRest.js';
import {FaultRunner} from './faults.js';
import {Fleet} from './fleet.js';
import type {Journal} from './journal.js';
import {Markers} from './markers.js';
import {Oracle} from './oracle.js';
import {Trade} from './trade.js';

const LANES = 3;
const PRODUCTS_FROM = 1_000;

export interface ChaosSetup {
  readonly stack: Stack;
  readonly redisKind: RedisKind;
  /** The mandatory faults take less time. */
  readonly isShort: boolean;
  readonly seed: number;
  readonly journal: Journal;
  /** The folder for the workers' logs. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** What the parts require from the run. */
export interface Owner {
  readonly random: Random;
  readonly onFailure: (what: string) => void;
  /** Waits for the duration of a fault. Returns early when the faults must end. */
  readonly wait: (ms: number) => Promise<void>;
}

type Close = () => void | Promise<void>;

export class Parts {
  readonly fleet: Fleet;
  readonly redis: ChaosRedis;
  readonly auditor: Auditor;
  /** A connection as MySQL's root user. */
  readonly root: Connection;
  readonly workload: Workload;
  readonly trade: Trade;
  readonly markers: Markers;
  readonly oracle: Oracle;
  readonly runner: FaultRunner;
  readonly connector: ConnectorRest;
  readonly backups: Backups | undefined;
  readonly #closers: Close[];

  private constructor(
    {setup, owner, closers}: {setup: ChaosSetup; owner: Owner; closers: Close[]},
    opened: Opened,
  ) {
    const {stack, seed, journal} = setup;
    const {random, onFailure, wait} = owner;
    const {redis, fleet, auditor, root, kafkaLine, mysql, markerMysql, lanes} = opened;
    this.#closers = closers;
    this.fleet = fleet;
    this.redis = redis;
    this.auditor = auditor;
    this.root = root;
    this.workload = new Workload(lanes, seed, {base: PRODUCTS_FROM});
    this.trade = new Trade(this.workload, new Random(seed + 2));
    this.markers = new Markers(markerMysql, redis);
    this.oracle = new Oracle({mysql, redis});
    const {env} = stack;
    this.connector = new ConnectorRest(env.connect.url);
    const folder = redis.kind === 'cluster' ? undefined : stack.dataFolder('redis');
    if (folder !== undefined) {
      const backups = new Backups(redis.own, folder);
      closers.push(() => backups.close());
      this.backups = backups;
    }
    const {connector, backups} = this;
    const badRecords = new BadRecords(env.kafka.brokers, env.topic);
    const {own, cluster, kind} = redis;
    const parts = {random, stack, fleet, auditor, kafkaLine, backups, connector, badRecords, wait};
    this.runner = new FaultRunner({...parts, redis: own, cluster}, {kind, journal, onFailure});
  }

  /** Applies the connector and opens all connections. */
  static async open(setup: ChaosSetup, owner: Owner): Promise<Parts> {
    const {stack, redisKind, seed, folder, signal} = setup;
    const {env} = stack;
    const closers: Close[] = [];
    const mysqlConnection = async (): Promise<Connection> => {
      const connection = await connectMysql(env);
      closers.push(() => connection.destroy());
      return connection;
    };
    try {
      await applyConnector(stack, signal);
      const redis = await ChaosRedis.open(redisKind, env);
      closers.push(async () => await redis.close());
      const [mysql, markerMysql] = [await mysqlConnection(), await mysqlConnection()];
      const lanes: Connection[] = [];
      for (let lane = 0; lane < LANES; lane++) lanes.push(await mysqlConnection());
      const kafkaLine = await openKafkaLine(stack, seed);
      if (kafkaLine !== undefined) closers.push(async () => await kafkaLine.close());
      const {onFailure} = owner;
      const fleet = await Fleet.open({
        env: redis.live,
        random: new Random(seed + 1),
        folder,
        kafkaLine,
        onFailure,
      });
      closers.push(async () => await fleet.close());
      const auditor = new Auditor({env: redis.live, folder, onFailure});
      closers.push(async () => await auditor.close());
      const root = await rootOf(stack);
      closers.push(() => root.destroy());
      await root.query(`USE ${env.mysql.database}`);
      const servers = {redis, kafkaLine, mysql, markerMysql, root, lanes};
      return new Parts({setup, owner, closers}, {...servers, fleet, auditor});
    } catch (error) {
      await closeAll(closers);
      throw error;
    }
  }

  async close(): Promise<void> {
    await closeAll(this.#closers);
  }
}

interface Opened {
  readonly redis: ChaosRedis;
  readonly fleet: Fleet;
  readonly auditor: Auditor;
  readonly root: Connection;
  readonly kafkaLine: TcpProxy | undefined;
  readonly mysql: Connection;
  readonly markerMysql: Connection;
  readonly lanes: readonly Connection[];
}

async function closeAll(closers: Close[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function applyConnector({env}: Stack, signal: AbortSignal): Promise<void> {
  const command = new WorkerProcess(workerVariables(env), ['connector', 'apply']);
  const stop = (): void => void command.end('SIGTERM');
  onAbort(signal, stop);
  const {code} = await command.exited;
  signal.removeEventListener('abort', stop);
  if (code !== 0) throw new Error(`connector apply ended with exit code ${code ?? '?'}: ${command.output}`);
}

async function openKafkaLine({kafkaDetour}: Stack, seed: number): Promise<TcpProxy | undefined> {
  if (kafkaDetour === undefined) return undefined;
  const {listen: port, target} = kafkaDetour;
  return await TcpProxy.open({host: '127.0.0.1', port: target}, {port, random: new Random(seed + 3)});
}
