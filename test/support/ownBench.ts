/**
 * Complete workers on a separate Redis behind a proxy. A test may crash, roll back and replace this Redis. The workers have
 * only the documented rights, and the URL contains a secret. It checks what must hold after every fault.
 */
import type {ErrorKind} from '../../src/runtime/errors.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {redisRules} from './redisRights.js';
import {OwnRedis, type StartOptions} from './redisServer.js';
import {until} from './until.js';
import {expectHaltOrHold, WorkerBench, type Worker, type WorkerOptions} from './workerBench.js';

export const SECRET = 'Zq7Secret';
/** Values that only rows of arbitraries.ts contain. A log that contains one has leaked row values. */
const ROW_VALUES = ['paid', '45.99', '-3.50', '9999999999.99', '2147483647'];
const USER = ['--user', 'projector', 'on', ...redisRules(SECRET)];

export class OwnBench {
  readonly redis: OwnRedis;
  readonly bench: WorkerBench;
  /** The proxy between the workers and Redis. */
  readonly proxy: TcpProxy;
  readonly #others: OwnRedis[] = [];

  private constructor(redis: OwnRedis, proxy: TcpProxy, bench: WorkerBench) {
    this.redis = redis;
    this.proxy = proxy;
    this.bench = bench;
  }

  /** With `isFollowed` the test reads through the proxy too, and so from the same Redis as the workers. */
  static async open({args = [], isFollowed = false}: OpenOptions = {}): Promise<OwnBench> {
    const redis = await OwnRedis.open({args: [...args, ...USER]});
    const proxy = await TcpProxy.open(redis.url);
    const bench = await WorkerBench.open(0, isFollowed ? proxy.url(redis.url) : redis.url);
    return new OwnBench(redis, proxy, bench);
  }

  /** The URL for the workers: through the proxy, with user and password. */
  get workerUrl(): string {
    const url = new URL(this.proxy.url(this.redis.url));
    url.username = 'projector';
    url.password = SECRET;
    return url.href;
  }

  async worker(options: WorkerOptions = {}): Promise<Worker> {
    return await this.bench.soleWorker({redisUrl: this.workerUrl, timeoutMs: 1_000, ...options});
  }

  /** Starts Redis after it was killed or stopped. */
  async restart({args = [], ...options}: StartOptions = {}): Promise<void> {
    await this.redis.start({...options, args: [...args, ...USER]});
  }

  /** Starts another Redis with the same user. */
  async another({args = [], ...options}: StartOptions = {}): Promise<OwnRedis> {
    const other = await OwnRedis.open({...options, args: [...args, ...USER]});
    this.#others.push(other);
    return other;
  }

  /** Makes the proxy forward new connections to this server. */
  async leadTo(other: OwnRedis): Promise<void> {
    if (this.proxy.isListening) await this.proxy.goAway();
    this.proxy.leadTo(other.url);
    await this.proxy.comeBack();
  }

  /** Sends a command as the administrator of Redis. */
  async call(command: string, ...args: string[]): Promise<unknown> {
    return await this.bench.redis.redis.call(command, ...args);
  }

  /**
   * Checks content, positions, counters, assignment and log after a fault, and stops the worker. `waiting` contains one
   * pattern for each log line about a failure, in order. Each of them must be followed by a recovery line.
   */
  async expectSound(worker: Worker, {waiting = []}: {waiting?: readonly RegExp[]} = {}): Promise<void> {
    await this.bench.expectExact();
    await notified(worker, /^recovered: /, waiting.length);
    await expect(worker.stop()).resolves.toBeUndefined();
    expectBalance(worker);
    expect(worker.messages.filter((line) => line.startsWith('partitions assigned'))).toHaveLength(1);
    expect(worker.messages.filter((line) => line.startsWith('waiting:'))).toEqual(
      waiting.map((pattern) => expect.stringMatching(pattern) as string),
    );
    expect(worker.messages.filter((line) => line.startsWith('recovered: '))).toHaveLength(waiting.length);
    expectNoSecrets(worker);
    expect(await this.#denials()).toEqual([]);
  }

  /** Expects that the worker has halted with this kind and detail, and that it has logged no secret. */
  async expectHalt(worker: Worker, kind: ErrorKind, detail: RegExp): Promise<void> {
    await expectHaltOrHold(worker, kind, detail);
    expect((await worker.ended)?.detail ?? '').not.toContain(SECRET);
    expectBalance(worker);
    expectNoSecrets(worker);
  }

  async close(): Promise<void> {
    // A worker that still runs is waiting for Redis. It can be stopped in that state too.
    await this.bench.close();
    await this.proxy.close();
    for (const redis of [this.redis, ...this.#others]) await redis.close();
  }

  /** The commands that Redis denied to the worker's user. With the documented rights there are none. */
  async #denials(): Promise<unknown> {
    return await this.call('ACL', 'LOG');
  }
}

export interface OpenOptions {
  readonly args?: readonly string[];
  readonly isFollowed?: boolean;
}

/** Resolves when the worker has logged the pattern this number of times. */
export async function notified(worker: Worker, pattern: RegExp, times = 1): Promise<void> {
  await until(
    () => worker.messages.filter((line) => pattern.test(line)).length >= times,
    () =>
      `${pattern} to be logged ${times} times. The last log lines:\n${worker.messages.slice(-20).join('\n')}`,
  );
}

/** Expects that every consumed record has exactly one outcome (I6). */
export function expectBalance({projector}: Worker): void {
  const {consumed, applied, duplicate, ignored, quarantined} = projector.counts;
  expect(consumed).toBe(applied + duplicate + ignored + quarantined);
}

function expectNoSecrets({messages}: Worker): void {
  const text = messages.join('\n');
  for (const secret of [SECRET, ...ROW_VALUES]) expect(text).not.toContain(secret);
}

/** Prints a figure of this run. It is not asserted. */
export function report(figure: string): void {
  process.stderr.write(`figure: ${figure}\n`);
}
