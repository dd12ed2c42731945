/**
 * A separate Redis process, for a test or for a node of a cluster. Its owner may crash or stop it, start it with other settings or an
 * older dump, and replicate it. It uses the program of the native stack, even if the stack runs in containers, and ends with its owner.
 */
import {cpSync, existsSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import {fetchRedis, type RedisInstall} from './downloads.js';
import {REDIS_SETTINGS, redisRecipeAt} from './redisServer.js';
import {whyNoRedis} from './requirements.js';
import {parentDeathPrefix, ServerProcess} from './serverProcess.js';
import {freePorts} from '../ports.js';
import type {ProcessIdentity} from '../processIdentity.js';
import {until} from '../until.js';

/** A replica synchronizes at once. By default Redis waits 5 s for more replicas. */
const OWN_SETTINGS = [...REDIS_SETTINGS, '--repl-diskless-sync-delay', '0'];

export interface StartOptions {
  /** Arguments of redis-server in addition to the stack's settings. They stay in use until other ones are given. */
  readonly args?: readonly string[];
  /** A dump to start with. The existing data in the folder is discarded. */
  readonly dump?: string;
}

export interface OpenOptions extends StartOptions {
  /** Default: a free port. */
  readonly port?: number;
  /** The file of the log. Default: in the same folder. */
  readonly log?: string;
  /** The folder of the data, which `close` removes. Default: a temporary folder. */
  readonly home?: string;
}

/**
 * Arguments for a node of a cluster. The cluster bus port is set explicitly. The default is the port plus 10,000, which is
 * in the range of outgoing connections.
 */
export async function clusterArgs(): Promise<string[]> {
  const [port] = await freePorts(1);
  return ['--cluster-enabled', 'yes', '--cluster-port', String(port)];
}

/** Paths of PEM files: a certificate with its private key, and the certificate of the CA that has issued it. */
export interface TlsFiles {
  readonly ca: {readonly cert: string};
  readonly certificate: {readonly cert: string; readonly key: string};
}

/** Arguments for an additional TLS port that requires no client certificate. */
export function tlsPortArgs(port: number, {ca, certificate}: TlsFiles): string[] {
  return [
    ...['--tls-port', String(port), '--tls-ca-cert-file', ca.cert, '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', certificate.cert, '--tls-key-file', certificate.key],
  ];
}

/** Why a test must be skipped on this machine. Undefined if OwnRedis works. Use it to choose `describe` or `describe.skip`. */
export function whyNoOwnRedis(): string | undefined {
  return whyNoRedis();
}

export class OwnRedis implements AsyncDisposable {
  readonly port: number;
  /** The data folder, which contains dump.rdb and appendonlydir. */
  readonly folder: string;
  readonly #install: RedisInstall;
  readonly #prefix: string[];
  readonly #home: string;
  readonly #log: string;
  #args: readonly string[];
  #server: ServerProcess | undefined;
  #dumps = 0;

  private constructor(
    setup: {install: RedisInstall; prefix: string[]; port: number; home: string; log: string},
    args: readonly string[],
  ) {
    this.#install = setup.install;
    this.#prefix = setup.prefix;
    this.port = setup.port;
    this.#args = args;
    this.#home = setup.home;
    this.#log = setup.log;
    this.folder = join(this.#home, 'data');
  }

  /** Starts a Redis on a free port, empty or from a dump. Throws if this machine has no redis-server. */
  static async open(options: OpenOptions = {}): Promise<OwnRedis> {
    const why = whyNoOwnRedis();
    if (why !== undefined) throw new Error(why);
    const install = await fetchRedis({onProgress: (line) => process.stderr.write(`${line}\n`)});
    const port = options.port ?? (await freePorts(1))[0]!;
    const home = options.home ?? mkdtempSync(join(tmpdir(), 'order-projector-redis-'));
    const log = options.log ?? join(home, 'redis.log');
    const setup = {install, prefix: await parentDeathPrefix(), port, home, log};
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
    const {identity} = this;
    if (identity === undefined) throw new Error('this Redis is not running');
    return identity.pid;
  }

  /** The process. Undefined if it does not run. */
  get identity(): ProcessIdentity | undefined {
    return this.isRunning ? this.#server?.identity : undefined;
  }

  get isRunning(): boolean {
    return this.#server?.isRunning === true;
  }

  /** Kills the process with SIGKILL, like a crash. */
  async kill(): Promise<void> {
    await this.#server?.end('SIGKILL');
  }

  /** Stops the process with SIGTERM. Redis then saves its data if its settings say so. */
  async stop(): Promise<void> {
    await this.#server?.end('SIGTERM');
  }

  /** Starts Redis on the same port with the data in its folder. Resolves when it is ready. */
  async start({args, dump}: StartOptions = {}): Promise<void> {
    if (this.isRunning) throw new Error('this Redis is already running');
    this.#args = args ?? this.#args;
    if (dump === undefined) {
      await this.#launch([]);
      return;
    }
    const file = join(this.folder, 'dump.rdb');
    // The dump is copied first, because it may be in the folder that is removed.
    const kept = join(this.#home, 'start.rdb');
    cpSync(dump, kept);
    rmSync(this.folder, {recursive: true, force: true});
    // With appendonly yes Redis does not load dump.rdb, so it starts with appendonly no.
    cpSync(kept, file);
    await this.#launch(['--appendonly', 'no']);
    if (this.#isAppendOnly()) await this.#switchAppendOnlyOn();
  }

  /** Writes a dump of the current data. The file is kept until `close`. */
  async dump(): Promise<string> {
    await this.#ask((redis) => redis.save());
    const file = join(this.#home, `dump-${++this.#dumps}.rdb`);
    cpSync(join(this.folder, 'dump.rdb'), file);
    return file;
  }

  /** Freezes the process: connections stay open, but Redis does not respond. */
  pause(): void {
    this.#server?.send('SIGSTOP');
  }

  resume(): void {
    this.#server?.send('SIGCONT');
  }

  /** Makes this Redis a replica until its next start. Resolves when it is in sync. The other one may be a proxy. */
  async replicaOf(other: {readonly port: number}): Promise<void> {
    await this.#ask(async (redis) => {
      await redis.replicaof('127.0.0.1', other.port);
      await until(
        async () => (await redis.info('replication')).includes('master_link_status:up'),
        () => `the replica on port ${this.port} to be in sync with port ${other.port}`,
      );
    });
  }

  /** Promotes a replica with the data that it has received. */
  async promote(): Promise<void> {
    await this.#ask((redis) => redis.replicaof('NO', 'ONE'));
  }

  /** Kills the process and removes its folder. */
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
    this.#server = new ServerProcess(recipe, this.#log, this.#prefix);
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
        () => 'the append-only file to be written from the dump',
      );
      if (!existsSync(join(this.folder, 'appendonlydir'))) throw new Error('no append-only file was written');
    });
  }

  async #ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.url, {retryStrategy: () => null});
    // The pending command rejects with the error. Without this listener ioredis would print it too.
    redis.on('error', () => undefined);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }
}
