/**
 * Whole workers on a Redis of the test's own, which it may crash, roll back and replace, behind a proxy, under the rights
 * that the README grants and with a secret in the URL. Everything that must hold after every fault is asked here.
 */
import type {ErrorKind} from '../../src/runtime/errors.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {redisRules} from './redisRights.js';
import {OwnRedis, type StartOptions} from './redisServer.js';
import {until} from './until.js';
import {WorkerBench, type Worker, type WorkerOptions} from './workerBench.js';

export const SECRET = 'Zq7Secret';
/** What rows of arbitraries.ts hold and nothing else does. */
const ROW_VALUES = ['paid', '45.99', '-3.50', '9999999999.99', '2147483647'];
const USER = ['--user', 'projector', 'on', ...redisRules(SECRET)];

export class OwnBench {
  readonly redis: OwnRedis;
  readonly bench: WorkerBench;
  /** Between the workers and Redis. */
  readonly proxy: TcpProxy;
  readonly #others: OwnRedis[] = [];

  private constructor(redis: OwnRedis, proxy: TcpProxy, bench: WorkerBench) {
    this.redis = redis;
    this.proxy = proxy;
    this.bench = bench;
  }

  /** `isFollowed`: the test looks where the workers look, also when the proxy leads to another Redis. */
  static async open({args = [], isFollowed = false}: OpenOptions = {}): Promise<OwnBench> {
    const redis = await OwnRedis.open({args: [...args, ...USER]});
    const proxy = await TcpProxy.open(redis.url);
    const bench = await WorkerBench.open(0, isFollowed ? proxy.url(redis.url) : redis.url);
    return new OwnBench(redis, proxy, bench);
  }

  /** What a worker is given: through the proxy, with user and password. */
  get workerUrl(): string {
    const url = new URL(this.proxy.url(this.redis.url));
    url.username = 'projector';
    url.password = SECRET;
    return url.href;
  }

  async worker(options: WorkerOptions = {}): Promise<Worker> {
    return await this.bench.soleWorker({redisUrl: this.workerUrl, timeoutMs: 1_000, ...options});
  }

  /** Starts the Redis again, after it was killed or stopped. */
  async restart({args = [], ...options}: StartOptions = {}): Promise<void> {
    await this.redis.start({...options, args: [...args, ...USER]});
  }

  /** One more Redis with the same user. */
  async another({args = [], ...options}: StartOptions = {}): Promise<OwnRedis> {
    const other = await OwnRedis.open({...options, args: [...args, ...USER]});
    this.#others.push(other);
    return other;
  }

  /** From now on the address of Redis leads to this server. */
  async leadTo(other: OwnRedis): Promise<void> {
    if (this.proxy.isListening) await this.proxy.goAway();
    this.proxy.leadTo(other.url);
    await this.proxy.comeBack();
  }

  /** Asks Redis as its administrator. */
  async call(command: string, ...args: string[]): Promise<unknown> {
    return await this.bench.redis.redis.call(command, ...args);
  }

  /**
   * Content, positions, books, assignment and log as they must be after any fault; ends the worker. `waiting`: one pattern
   * for each line that tells of trouble, in order. Each has been followed by one that the worker goes on.
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

  /** The worker has ended by itself, with this reason, and told no secret. */
  async expectHalt(worker: Worker, kind: ErrorKind, detail: RegExp): Promise<void> {
    await expect(worker.ended).resolves.toMatchObject({
      kind,
      detail: expect.stringMatching(detail) as string,
    });
    expect((await worker.ended)?.detail).not.toContain(SECRET);
    expectBalance(worker);
    expectNoSecrets(worker);
  }

  async close(): Promise<void> {
    // A worker that still runs is waiting for Redis, and a stop is heard then too.
    await this.bench.close();
    await this.proxy.close();
    for (const redis of [this.redis, ...this.#others]) await redis.close();
  }

  /** What the server refused to the worker's user: nothing, under the README's rights. */
  async #denials(): Promise<unknown> {
    return await this.call('ACL', 'LOG');
  }
}

export interface OpenOptions {
  readonly args?: readonly string[];
  readonly isFollowed?: boolean;
}

/** Resolves when the worker has told this so many times. */
export async function notified(worker: Worker, pattern: RegExp, times = 1): Promise<void> {
  await until(
    () => worker.messages.filter((line) => pattern.test(line)).length >= times,
    () => `${pattern} ${times} times in:\n${worker.messages.slice(-20).join('\n')}`,
  );
}

/** Every consumed record has one outcome (I6). */
export function expectBalance({projector}: Worker): void {
  const {consumed, applied, duplicate, ignored, quarantined} = projector.counts;
  expect(consumed).toBe(applied + duplicate + ignored + quarantined);
}

function expectNoSecrets({messages}: Worker): void {
  const text = messages.join('\n');
  for (const secret of [SECRET, ...ROW_VALUES]) expect(text).not.toContain(secret);
}

/** Tells a figure of this run; it is never asserted. */
export function report(figure: string): void {
  process.stderr.write(`figure: ${figure}\n`);
}
