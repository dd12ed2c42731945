/**
 * A Redis process of a test's own, which it may crash, stop, start with other settings or an older dump, and replicate.
 * The same program as in the native stack, also when the stack runs in containers. It dies with the test's process.
 */
import {cpSync, existsSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import {fetchRedis, type RedisInstall} from '../../stack/native/downloads.js';
import {REDIS_SETTINGS, redisRecipeAt} from '../../stack/native/redisServer.js';
import {whyNoRedis} from '../../stack/native/requirements.js';
import {parentDeathPrefix, ServerProcess} from '../../stack/native/serverProcess.js';
import {freePorts} from '../../stack/ports.js';
import type {Certificate, TestCa} from './certificates.js';
import {until} from './until.js';

/** A replica follows at once; by itself Redis waits 5 s for more replicas. */
const OWN_SETTINGS = [...REDIS_SETTINGS, '--repl-diskless-sync-delay', '0'];

export interface StartOptions {
  /** Settings on top of the stack's, as on redis-server's command line; they stay until others are given. */
  readonly args?: readonly string[];
  /** A dump to start with; what there is in the folder is thrown away. */
  readonly dump?: string;
}

/** Arguments for one more port, which speaks TLS and asks for no certificate. */
export function tlsPortArgs(port: number, ca: TestCa, own: Certificate): string[] {
  return [
    ...['--tls-port', String(port), '--tls-ca-cert-file', ca.cert, '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', own.cert, '--tls-key-file', own.key],
  ];
}

/** Arguments for a node of a cluster. Its second port is a free one; by default it is 10,000 higher, where outgoing connections have theirs. */
export async function clusterArgs(): Promise<string[]> {
  const [port] = await freePorts(1);
  return ['--cluster-enabled', 'yes', '--cluster-port', String(port)];
}

/** Why a test must be skipped on this machine; undefined where OwnRedis works. For `describe` or `describe.skip`. */
export function whyNoOwnRedis(): string | undefined {
  return whyNoRedis();
}

export class OwnRedis implements AsyncDisposable {
  readonly port: number;
  /** Its data: dump.rdb, appendonlydir. */
  readonly folder: string;
  readonly #install: RedisInstall;
  readonly #prefix: string[];
  readonly #home: string;
  #args: readonly string[];
  #server: ServerProcess | undefined;
  #dumps = 0;

  private constructor(
    setup: {install: RedisInstall; prefix: string[]; port: number},
    args: readonly string[],
  ) {
    this.#install = setup.install;
    this.#prefix = setup.prefix;
    this.port = setup.port;
    this.#args = args;
    this.#home = mkdtempSync(join(tmpdir(), 'order-projector-redis-'));
    this.folder = join(this.#home, 'data');
  }

  /** Starts one on a free port, empty or from a dump. Throws one sentence where there is no redis-server to be had. */
  static async open(options: StartOptions = {}): Promise<OwnRedis> {
    const why = whyNoOwnRedis();
    if (why !== undefined) throw new Error(why);
    const install = await fetchRedis({onProgress: (line) => process.stderr.write(`${line}\n`)});
    const [port] = await freePorts(1);
    const setup = {install, prefix: await parentDeathPrefix(), port: port!};
    const redis = new OwnRedis(setup, options.args ?? []);
    try {
      await redis.start(options);
    } catch (error) {
      await redis.close();
      throw error;
    }
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  get pid(): number {
    const identity = this.#server?.isRunning === true ? this.#server.identity : undefined;
    if (identity === undefined) throw new Error('this Redis does not run');
    return identity.pid;
  }

  get isRunning(): boolean {
    return this.#server?.isRunning === true;
  }

  /** A crash. */
  async kill(): Promise<void> {
    await this.#server?.end('SIGKILL');
  }

  /** In good order: it saves what its settings tell it to save. */
  async stop(): Promise<void> {
    await this.#server?.end('SIGTERM');
  }

  /** Starts it on the same port, with what is in its folder; resolves when it answers. */
  async start({args, dump}: StartOptions = {}): Promise<void> {
    if (this.isRunning) throw new Error('this Redis runs already');
    this.#args = args ?? this.#args;
    if (dump === undefined) {
      await this.#launch([]);
      return;
    }
    const file = join(this.folder, 'dump.rdb');
    // Perhaps it is the dump in the folder that is thrown away.
    const kept = join(this.#home, 'start.rdb');
    cpSync(dump, kept);
    rmSync(this.folder, {recursive: true, force: true});
    // With an append-only file switched on Redis reads that one, or starts empty, and never looks at the dump.
    cpSync(kept, file);
    await this.#launch(['--appendonly', 'no']);
    if (this.#isAppendOnly()) await this.#switchAppendOnlyOn();
  }

  /** Writes a dump of what it holds now; the file stays as it is until `close`. */
  async dump(): Promise<string> {
    await this.#ask((redis) => redis.save());
    const file = join(this.#home, `dump-${++this.#dumps}.rdb`);
    cpSync(join(this.folder, 'dump.rdb'), file);
    return file;
  }

  /** It stands still: connections stay open, and nothing is answered. */
  pause(): void {
    this.#server?.send('SIGSTOP');
  }

  resume(): void {
    this.#server?.send('SIGCONT');
  }

  /** Resolves when it holds what the other one holds, and follows it, until its next start. Also through a proxy. */
  async replicaOf(other: {readonly port: number}): Promise<void> {
    await this.#ask(async (redis) => {
      await redis.replicaof('127.0.0.1', other.port);
      await until(
        async () => (await redis.info('replication')).includes('master_link_status:up'),
        () => `a replica on port ${this.port} that follows port ${other.port}`,
      );
    });
  }

  /** Makes a replica the first one, with what it has received. */
  async promote(): Promise<void> {
    await this.#ask((redis) => redis.replicaof('NO', 'ONE'));
  }

  /** Kills it and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#home, {recursive: true, force: true});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #launch(last: readonly string[]): Promise<void> {
    const settings = [...OWN_SETTINGS, ...this.#args, ...last];
    const recipe = redisRecipeAt(this.#install, {port: this.port, folder: this.folder, settings});
    this.#server = new ServerProcess(recipe, join(this.#home, 'redis.log'), this.#prefix);
    this.#server.start();
    await this.#server.whenReady();
  }

  #isAppendOnly(): boolean {
    const settings = [...OWN_SETTINGS, ...this.#args];
    return settings[settings.lastIndexOf('--appendonly') + 1] === 'yes';
  }

  async #switchAppendOnlyOn(): Promise<void> {
    await this.#ask(async (redis) => {
      await redis.config('SET', 'appendonly', 'yes');
      await until(
        async () =>
          /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(await redis.info('persistence')),
        () => 'an append-only file of the dump',
      );
      if (!existsSync(join(this.folder, 'appendonlydir'))) throw new Error('no append-only file was written');
    });
  }

  async #ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url, {retryStrategy: () => null});
    // Whoever waits for an answer is told; without a listener ioredis would print it too.
    redis.on('error', () => undefined);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }
}
