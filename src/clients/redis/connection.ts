/**
 * One connection to Redis: how it is made and kept, by TLS and by Sentinels, and why there is none when there is none.
 *
 * I4: nothing is ever sent twice. ioredis resends commands whose reply was lost; `maxRetriesPerRequest: 0` makes it reject
 * them instead, and the apply script compares positions anyway. Source: ioredis 6 README, "Auto-reconnect".
 */
import {Redis, type RedisOptions} from 'ioredis';
import {translateRedisError} from './errors.js';
import {cutOff, handshakeTrouble, tlsOptions, tlsReason, type Server, type TlsMaterial} from '../tls.js';

export interface RedisSettings {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: string;
  /** A silent server is cut off after this time. */
  readonly timeoutMs: number;
  /** For `rediss://`; without it, certificates of the public CAs are trusted. */
  readonly tls?: TlsMaterial | undefined;
  /** Who is asked for the master; the host of the URL is its name there. */
  readonly sentinels?: SentinelSettings;
}

export interface SentinelSettings {
  /** `host:port`. */
  readonly places: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Before Sentinels are asked again, when none of them has answered. */
const SENTINEL_PAUSE_MS = 500;

export class RedisConnection {
  readonly #settings: RedisSettings;
  /** For commands, each of them within `guarded`. */
  readonly redis: Redis;
  #lastConnectionError: Error | undefined;
  /** Why there is no TLS with a Sentinel. */
  #sentinelTrouble: Error | undefined;
  /** TLS is up, and no answer came yet. */
  #isUnanswered = false;
  #isClosed = false;
  #made = 0;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    const options = {
      lazyConnect: true,
      enableOfflineQueue: false,
      // A server that loads its data answers so to every command; the check would keep that to itself, and us waiting.
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      socketTimeout: settings.timeoutMs,
      connectTimeout: settings.timeoutMs,
      retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
      // After a failover the old primary is a replica: leave it, and do not send the command again.
      reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 1 : false),
      ...(this.#hasTls ? {tls: tlsOptions(settings.tls)} : {}),
      ...sentinelOptions(settings),
    } satisfies RedisOptions;
    this.redis = new Redis(settings.url, options);
    let isAstray = false;
    this.redis.on('connect', () => {
      isAstray = false;
      this.#sentinelTrouble = undefined;
      this.#isUnanswered = this.#hasTls;
      this.#made++;
    });
    this.redis.on('error', (error: Error) => {
      this.#lastConnectionError = this.#isUnanswered ? cutOff(error) : (this.#sentinelTrouble ?? error);
      isAstray = isRefusedSelect(error);
      // ioredis takes a refused SELECT for no reason to stop, and would write to database 0 from then on.
      if (isAstray) this.redis.disconnect(true);
    });
    this.redis.on('end', () => this.#beginAnew());
    this.redis.on('close', () => (this.#isUnanswered = false));
    this.redis.on('ready', () => {
      if (settings.sentinels !== undefined) void this.#requireMaster();
      // A server that wants a client certificate says so when TLS is up already; then it is its first answer that counts.
      if (!isAstray && !this.#hasTls) this.#lastConnectionError = undefined;
    });
  }

  /** How often a connection was made. */
  get made(): number {
    return this.#made;
  }

  /** Address without user and password, for messages. */
  get address(): string {
    return redisAddress(this.#settings.url);
  }

  /** By Sentinels ioredis gives up for good when none of them answers, or a failover comes while it asks them. */
  #beginAnew(): void {
    if (this.#isClosed || this.#settings.sentinels === undefined) return;
    setTimeout(() => void this.#askSentinelsAgain(), SENTINEL_PAUSE_MS);
  }

  /** ioredis keeps to itself why there is no TLS with a Sentinel; the first one that is asked beside it tells. */
  async #askSentinelsAgain(): Promise<void> {
    const {sentinels, tls, timeoutMs} = this.#settings;
    const [first] = placesOf(sentinels);
    if (this.#hasTls && first !== undefined) {
      const trouble = await handshakeTrouble(first, tlsOptions(tls), timeoutMs);
      this.#sentinelTrouble = tlsReason(trouble) === undefined ? undefined : trouble;
    }
    if (!this.#isClosed && this.redis.status === 'end') this.redis.connect().catch(() => undefined);
  }

  /** A Sentinel may name a server that was master a moment ago. What is asked meanwhile is refused by it, or by positions. */
  async #requireMaster(): Promise<void> {
    const info = await this.redis.info('replication').catch(() => 'role:master');
    if (/^role:master/m.test(info)) return;
    this.#lastConnectionError = new Error('the Sentinels name a server that is no master');
    this.redis.disconnect(true);
  }

  get #hasTls(): boolean {
    return this.#settings.url.startsWith('rediss:');
  }

  /** Opens the connection; one try, then ioredis goes on trying in the background. Rejects with a ProjectorError. */
  async connect(): Promise<void> {
    await this.guarded(async () => {
      if (this.redis.status === 'wait' || this.redis.status === 'end') await this.redis.connect();
      await this.redis.ping();
    });
  }

  /** Closes the connection at once; whatever is in flight rejects. */
  close(): void {
    this.#isClosed = true;
    this.redis.disconnect();
  }

  /** Rejects with a ProjectorError. */
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

/** With the trouble of ours: one try for each connection, so that somebody hears of it. */
function sentinelOptions({url, tls, sentinels}: RedisSettings) {
  if (sentinels === undefined) return {};
  const {username, password} = sentinels;
  const hasTls = url.startsWith('rediss:');
  return {
    sentinels: placesOf(sentinels),
    name: decodeURIComponent(new URL(url).hostname),
    role: 'master' as const,
    sentinelRetryStrategy: () => null,
    // They tell of a failover; a master that is cut off would be written to for longer otherwise.
    failoverDetector: true,
    ...(username === undefined ? {} : {sentinelUsername: username}),
    ...(password === undefined ? {} : {sentinelPassword: password}),
    ...(hasTls ? {enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls)} : {}),
  };
}

function placesOf(sentinels: SentinelSettings | undefined): Server[] {
  return (sentinels?.places ?? []).map((place) => {
    const [host = '', port] = place.split(':');
    return {host, port: Number(port)};
  });
}

/** ReplyErrors of ioredis carry their command. */
function isRefusedSelect(error: Error): boolean {
  const {command} = error as {command?: {name?: unknown}};
  return command?.name === 'select';
}

function redisAddress(url: string): string {
  try {
    const {protocol, host, pathname} = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return '(unreadable REDIS_URL)';
  }
}
