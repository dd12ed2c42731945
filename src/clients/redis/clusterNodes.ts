/**
 * The connections to the nodes of a Redis Cluster, and which of them has a slot. ioredis finds the nodes.
 *
 * I4: no command passes through the Cluster object of ioredis, because it would send some of them again. Each is sent to the connection of a
 * node. That connection does not reconnect: it ends, its commands reject, and ioredis creates another one when it reads the slots again.
 */
import {Cluster, type ClusterOptions, type Redis} from 'ioredis';
import {messageOf, ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {tlsOptions} from '../tls.js';
import type {RedisSettings} from './connection.js';
import {NodeFaults} from './nodeFaults.js';
import {redisAddress} from './redisUrl.js';
import {clusterError, placeOf} from './redirect.js';

/** A node that does not return the slots within this time is skipped, and the next one is asked. */
const SLOTS_TIMEOUT_MS = 1_000;

const CLOSED = new Error('Connection is closed.');

export class ClusterNodes {
  made = 0;
  readonly #settings: RedisSettings;
  readonly #cluster: Cluster;
  readonly #closing = new AbortController();
  readonly #open = new Map<string, Redis>();
  readonly #faults = new NodeFaults();

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#cluster = new Cluster(startNodes(settings), clusterOptions(settings));
    // Without a listener ioredis prints the stack of each error. The errors of the nodes contain the reason.
    this.#cluster.on('error', () => undefined);
    this.#cluster.on('node error', (error: Error, place: string) => this.#faults.report(place, error));
    this.#cluster.on('+node', (node: Redis) => this.#add(node));
    this.#cluster.on('-node', (node: Redis) => {
      if (this.#open.get(placeOf(node)) === node) this.#open.delete(placeOf(node));
    });
  }

  /** Connects to the first node that responds, and reads the slots. */
  async connect(): Promise<void> {
    const {status} = this.#cluster;
    if (status === 'wait' || status === 'end') await this.#cluster.connect();
  }

  close(): void {
    this.#closing.abort();
    this.#cluster.disconnect();
  }

  /** The master of a slot. Undefined if it is unknown, or if the connection to it has ended. */
  masterOf(slot: number): Redis | undefined {
    return this.at(this.#cluster.slots[slot]?.[0] ?? '');
  }

  at(place: string): Redis | undefined {
    return this.#open.get(place);
  }

  /** The address without user and password, for messages. */
  get address(): string {
    return redisAddress(this.#settings.url);
  }

  unreachable(what: string): ProjectorError {
    const {last} = this.#faults;
    const reason = last === undefined ? '' : ` (the last error of a node: ${messageOf(last)})`;
    return new ProjectorError('redis-unreachable', `Redis at ${this.address}: ${what}${reason}`);
  }

  /** Why the master of a slot cannot be asked. */
  withoutMaster(slot: number): ProjectorError {
    const place = this.#cluster.slots[slot]?.[0] ?? '';
    if (this.#faults.of(place) === undefined)
      return this.unreachable(`no node responds that has slot ${slot}`);
    return this.failure(CLOSED, place);
  }

  /** Why no node is known that has slots. */
  withoutNodes(): ProjectorError {
    return this.#faults.last === undefined ? this.unreachable('no node responds') : this.failure(CLOSED);
  }

  /** Translates an error, and reads the slots again if they may have changed. */
  failure(error: unknown, place?: string): ProjectorError {
    const where = `Redis at ${this.address}${place === undefined ? '' : ` (node ${place})`}`;
    const fault = place === undefined ? this.#faults.last : this.#faults.of(place);
    const isReply = error instanceof Error && error.name === 'ReplyError';
    const failure = clusterError(error, where, isReply ? undefined : fault);
    if (place !== undefined && failure.kind === 'redis-unreachable' && !this.closed.aborted)
      void this.refresh(this.#settings.timeoutMs);
    return failure;
  }

  /** Aborts when the client is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Remembers that a node has this slot. */
  assign(slot: number, place: string): void {
    if (this.#open.has(place)) this.#cluster.slots[slot] = [place];
  }

  /** The addresses of all masters that have slots. */
  get masterPlaces(): string[] {
    const places = new Set<string>();
    for (const [place] of this.#cluster.slots.filter((keys) => keys.length > 0)) places.add(place ?? '');
    return [...places].sort();
  }

  /** Whether a node has replied that it does not run in cluster mode. */
  get hasServerWithoutCluster(): boolean {
    return this.#faults.some(({message}) => /cluster support disabled/.test(message));
  }

  /** Reads the slots again, and connects to nodes that have no connection. Resolves after `limitMs` at the latest, also if it has failed. */
  async refresh(limitMs: number): Promise<void> {
    const done = new AbortController();
    this.#cluster.refreshSlotsCache((error) => {
      if (error !== undefined && error !== null) this.#beginAgain();
      done.abort();
    });
    await systemClock.sleep(limitMs, done.signal);
  }

  /**
   * If no known node responds, the nodes may have other addresses now. So ioredis begins again with the nodes of the settings. It
   * does so by itself only if every connection has ended. But connections to replicas, which are never used, do not end.
   */
  #beginAgain(): void {
    const hasConnection = [...this.#open.values()].some((node) => node.status === 'ready');
    if (this.#cluster.status === 'ready' && this.#open.size > 0 && !hasConnection)
      this.#cluster.disconnect(true);
  }

  #add(node: Redis): void {
    const place = placeOf(node);
    this.#open.set(place, node);
    node.on('connect', () => this.made++);
    this.#faults.watch(node);
  }
}

function startNodes({url, clusterNodes = []}: RedisSettings): {host: string; port: number}[] {
  const {hostname, port} = new URL(url);
  const own = `${hostname.replace(/^\[|\]$/g, '')}:${port === '' ? 6379 : port}`;
  return [...new Set([own, ...clusterNodes])].map((place) => {
    const at = place.lastIndexOf(':');
    return {host: place.slice(0, at), port: Number(place.slice(at + 1))};
  });
}

function clusterOptions({url, timeoutMs, tls}: RedisSettings) {
  const {protocol, username, password} = new URL(url);
  return {
    lazyConnect: true,
    // The check would send INFO through the Cluster object, and connect() would never settle if it failed.
    enableReadyCheck: false,
    // If a command passed through the Cluster object by mistake, it would be sent once.
    enableOfflineQueue: false,
    maxRedirections: 0,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 0,
    retryDelayOnMoved: 0,
    clusterRetryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
    slotsRefreshTimeout: Math.min(SLOTS_TIMEOUT_MS, timeoutMs),
    // The name stays, because the certificate of a node can contain it.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: {
      ...(username === '' ? {} : {username: decodeURIComponent(username)}),
      ...(password === '' ? {} : {password: decodeURIComponent(password)}),
      ...(protocol === 'rediss:' ? {tls: tlsOptions(tls)} : {}),
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    },
  } satisfies ClusterOptions;
}
