/**
 * One connection to Redis: TLS, Sentinels, reconnects, and the reason why a connection failed.
 *
 * I4: no command is sent twice. By default ioredis resends a command whose reply was lost. With `maxRetriesPerRequest: 0` it rejects
 * the command instead. In addition, the apply script compares positions. Source: ioredis 6 README, "Auto-reconnect".
 */
import {Redis, type ChainableCommander, type RedisOptions} from 'ioredis';
import {ProjectorError} from '../../runtime/errors.js';
import {translateRedisError} from './errors.js';
import {pipelineReply, type Command, type PinnedServer, type Route} from './route.js';
import {redisAddress} from './redisUrl.js';
import {placesOf, sentinelOptions, silenceSentinels, type SentinelSettings} from './sentinels.js';
import {cutOff, handshakeTrouble, tlsOptions, tlsReason, type TlsMaterial} from '../tls.js';

export interface RedisSettings {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string;
  /** Timeout for connecting. A connection without a response is closed after the same time. */
  readonly timeoutMs: number;
  /** TLS options for `rediss://`. Without them the CAs that Node.js trusts are used. */
  readonly tls?: TlsMaterial | undefined;
  /** The Sentinels that are asked for the address of the master. The host of the URL is the name of the master in Sentinel. */
  readonly sentinels?: SentinelSettings;
  /** Nodes of a Redis Cluster, each as `host:port`. Then the connection is a ClusterConnection, and the host of the URL is one more node. */
  readonly clusterNodes?: readonly string[];
}

/** Pause before the Sentinels are asked again, after ioredis has given up on them. */
const SENTINEL_PAUSE_MS = 500;

export class RedisConnection implements Route {
  readonly shards = 1;
  readonly #settings: RedisSettings;
  /** The ioredis client. Every command must run within `guarded`. */
  readonly redis: Redis;
  #lastConnectionError: Error | undefined;
  /** The reason why the TLS handshake with a Sentinel failed. */
  #sentinelTrouble: Error | undefined;
  /** True from the TLS handshake until the first reply. */
  #isUnanswered = false;
  #isClosed = false;
  #made = 0;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    const options = {
      lazyConnect: true,
      enableOfflineQueue: false,
      // While a server loads its data, it answers every command with LOADING. The ready check would hide this error and wait.
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      socketTimeout: settings.timeoutMs,
      connectTimeout: settings.timeoutMs,
      retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
      // After a failover the old master is a replica and returns READONLY. 1 means: reconnect, and do not send the command again (I4).
      reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 1 : false),
      ...(this.#hasTls ? {tls: tlsOptions(settings.tls)} : {}),
      ...sentinelOptions(settings),
    } satisfies RedisOptions;
    this.redis = new Redis(settings.url, options);
    if (settings.sentinels !== undefined) silenceSentinels(this.redis);
    let isInWrongDatabase = false;
    this.redis.on('connect', () => {
      isInWrongDatabase = false;
      this.#sentinelTrouble = undefined;
      this.#isUnanswered = this.#hasTls;
      this.#made++;
    });
    this.redis.on('error', (error: Error) => {
      this.#lastConnectionError = this.#isUnanswered ? cutOff(error) : (this.#sentinelTrouble ?? error);
      isInWrongDatabase = isRefusedSelect(error);
      // If SELECT is rejected, ioredis continues and would write to database 0. So the connection is closed and opened again.
      if (isInWrongDatabase) this.redis.disconnect(true);
    });
    this.redis.on('end', () => this.#beginAgain());
    this.redis.on('close', () => (this.#isUnanswered = false));
    this.redis.on('ready', () => {
      if (settings.sentinels !== undefined) void this.#requireMaster();
      // With TLS the server can reject the client certificate after the handshake. Then only the first reply proves the connection.
      if (!isInWrongDatabase && !this.#hasTls) this.#lastConnectionError = undefined;
    });
  }

  /** How many times a connection was established. */
  get made(): number {
    return this.#made;
  }

  /** The address without user and password, for messages. */
  get address(): string {
    return redisAddress(this.#settings.url);
  }

  /** With Sentinels, ioredis gives up reconnecting if none of them responds, or if a failover occurs while it asks them. */
  #beginAgain(): void {
    if (this.#isClosed || this.#settings.sentinels === undefined) return;
    setTimeout(() => void this.#askSentinelsAgain(), SENTINEL_PAUSE_MS);
  }

  /** ioredis does not report why TLS with a Sentinel failed. So a handshake with the first Sentinel finds the reason. */
  async #askSentinelsAgain(): Promise<void> {
    const {sentinels, tls, timeoutMs} = this.#settings;
    const [first] = placesOf(sentinels);
    if (this.#hasTls && first !== undefined) {
      const trouble = await handshakeTrouble(first, tlsOptions(tls), timeoutMs);
      this.#sentinelTrouble = tlsReason(trouble) === undefined ? undefined : trouble;
    }
    if (!this.#isClosed && this.redis.status === 'end') this.redis.connect().catch(() => undefined);
  }

  /**
   * Reconnects if the server is not a master:
   *
   * 1. A failover occurs, and the old master becomes a replica.
   * 2. A Sentinel that has not noticed it returns the address of the old master.
   * 3. This client connects to it. Until the check here is complete, the replica rejects writes.
   *
   * If the old master still accepts writes at that moment, the comparison of positions makes them safe (I1).
   */
  async #requireMaster(): Promise<void> {
    const info = await this.redis.info('replication').catch(() => 'role:master');
    if (/^role:master/m.test(info)) return;
    this.#lastConnectionError = new Error(
      'the Sentinels returned the address of a server that is not a master',
    );
    this.redis.disconnect(true);
  }

  get #hasTls(): boolean {
    return this.#settings.url.startsWith('rediss:');
  }

  /** Opens the connection. It rejects with a ProjectorError if the first attempt fails. Then ioredis retries in the background. */
  async connect(): Promise<void> {
    await this.guarded(async () => {
      if (this.redis.status === 'wait' || this.redis.status === 'end') await this.redis.connect();
      await this.redis.ping();
    });
  }

  /** Closes the connection immediately. Commands in flight reject. */
  close(): void {
    this.#isClosed = true;
    this.redis.disconnect();
  }

  async atKey<T>(_key: string, command: Command<T>): Promise<T> {
    return await this.guarded(async () => await command(this.redis));
  }

  async runScript<T>(key: string, command: Command<T>): Promise<T> {
    return await this.atKey(key, command);
  }

  groupsOf(keys: readonly string[]): number[][] {
    return [keys.map((_, index) => index)];
  }

  async each(
    keys: readonly string[],
    ask: (pipeline: ChainableCommander, key: string) => unknown,
  ): Promise<unknown[]> {
    return await this.guarded(async () => {
      const pipeline = this.redis.pipeline();
      for (const key of keys) ask(pipeline, key);
      return ((await pipeline.exec()) ?? []).map(pipelineReply);
    });
  }

  serverOf(): Promise<PinnedServer> {
    return Promise.resolve(this.#pinned());
  }

  servers(): Promise<readonly PinnedServer[]> {
    return Promise.resolve([this.#pinned()]);
  }

  async *unchangedServers(): AsyncGenerator<PinnedServer> {
    yield await this.serverOf();
  }

  #pinned(): PinnedServer {
    const made = this.#made;
    const {address} = this;
    return {
      address,
      node: address,
      ask: async (command) => {
        const reply = await this.guarded(async () => await command(this.redis));
        if (this.#made === made) return reply;
        const detail = `the connection to Redis at ${address} broke during a scan of the keys`;
        throw new ProjectorError('redis-unreachable', detail);
      },
    };
  }

  /** Runs a command, and rejects with a ProjectorError if it fails. */
  async guarded<T>(command: () => Promise<T>): Promise<T> {
    try {
      const reply = await command();
      if (this.#isUnanswered) this.#lastConnectionError = undefined;
      this.#isUnanswered = false;
      return reply;
    } catch (error) {
      throw translateRedisError(error, `Redis at ${this.address}`, this.#lastConnectionError);
    }
  }
}

/** A ReplyError of ioredis contains the command that failed. */
function isRefusedSelect(error: Error): boolean {
  const {command} = error as {command?: {name?: unknown}};
  return command?.name === 'select';
}
