/** An active shop with its own worker and Redis, so that a test can damage or rebuild the data without side effects. */
import {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import {WorkerProcess} from '../../stack/worker.js';
import {pause} from './pace.js';
import {connectMysql, QUICK, startWorker, whenApplied, type Variables} from './pipeline.js';
import {OwnRedis} from './redisServer.js';
import {shopOfFile} from './shop.js';
import {variables} from './stack.js';
import {Workload} from './workload.js';

export interface OwnShopOptions {
  /** The first id of its orders. */
  readonly base: number;
  readonly seed: number;
  /** The settings of the worker and of all commands. */
  readonly settings?: Variables;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export class OwnShop {
  readonly prefix: string;
  readonly own: OwnRedis;
  readonly redis: Redis;
  readonly mysql: Connection;
  readonly workload: Workload;
  readonly #name: string;
  readonly #connections: readonly Connection[];
  readonly #settings: Variables;
  worker: WorkerProcess;

  private constructor(
    name: string,
    own: OwnRedis,
    {connections, options}: {connections: readonly Connection[]; options: OwnShopOptions},
  ) {
    const [mysql, ...traders] = connections;
    if (mysql === undefined) throw new Error('there is no connection to MySQL');
    this.#name = name;
    this.prefix = `${name}:`;
    this.own = own;
    this.redis = new Redis(own.url);
    this.mysql = mysql;
    this.#connections = connections;
    this.workload = new Workload(traders, options.seed, {base: options.base});
    this.#settings = {
      REDIS_URL: own.url,
      REDIS_KEY_PREFIX: this.prefix,
      KAFKA_GROUP_ID: name,
      ...options.settings,
    };
    this.worker = this.#newWorker();
  }

  /** Resolves when the first orders are applied. */
  static async open(name: string, options: OwnShopOptions): Promise<OwnShop> {
    const own = await OwnRedis.open();
    const connections = [await connectMysql(), await connectMysql(), await connectMysql()];
    const shop = new OwnShop(name, own, {connections, options});
    await shop.workload.transact(150);
    await shop.applied();
    return shop;
  }

  /** Starts `projector ...`. */
  command(args: readonly string[], extra: Variables = {}): WorkerProcess {
    return new WorkerProcess({...variables(), ...QUICK, ...this.#settings, ...extra}, args);
  }

  async applied(): Promise<void> {
    await whenApplied(this, [this.prefix], {timeoutMs: 90_000});
  }

  /** The shop keeps writing while `work` runs. */
  async whileTrading(work: () => Promise<void>): Promise<void> {
    const end = new AbortController();
    const trading = async (): Promise<void> => {
      while (!end.signal.aborted) {
        await this.workload.transact(10);
        await pause();
      }
    };
    await Promise.all([work().finally(() => end.abort()), trading()]);
  }

  /** Starts a worker to replace one that has ended. */
  startAgain(): void {
    this.worker = this.#newWorker();
  }

  async close(): Promise<void> {
    await this.worker.end('SIGTERM');
    this.redis.disconnect();
    for (const connection of this.#connections) await connection.end();
    await this.own.close();
  }

  #newWorker(): WorkerProcess {
    return startWorker(this.#name, this.#settings);
  }
}

/** The exit code of a command and its output. */
export async function ended(command: WorkerProcess): Promise<Ended> {
  const {code} = await command.exited;
  return {code, output: command.output};
}

/** The same, and the JSON line of the output, parsed. */
export async function endedWithJson(command: WorkerProcess): Promise<Ended & {readonly json: unknown}> {
  const end = await ended(command);
  const json = end.output.split('\n').find((line) => line.startsWith('{')) ?? '{}';
  return {...end, json: JSON.parse(json) as unknown};
}

/** The fields of the `verify --json` output that the tests use. */
export interface Verdict {
  readonly differences: number;
  readonly open: number;
  readonly repaired: number;
  readonly findings: readonly {
    kind: string;
    key: string;
    field: string | null;
    expected: string | null;
    found: string | null;
  }[];
}

export interface Verified extends Ended {
  readonly verdict: Verdict;
}

/** Starts `projector verify` against MySQL. */
export async function verification(
  shop: OwnShop,
  args: readonly string[],
  extra: Variables = {},
): Promise<WorkerProcess> {
  const {connectorFile} = await shopOfFile();
  return shop.command(['verify', '--json', '--connector-file', connectorFile, ...args], extra);
}

/** Runs `projector verify` against MySQL until it exits. */
export async function verified(
  shop: OwnShop,
  args: readonly string[],
  extra: Variables = {},
): Promise<Verified> {
  const {json, ...end} = await endedWithJson(await verification(shop, args, extra));
  return {...end, verdict: json as Verdict};
}
