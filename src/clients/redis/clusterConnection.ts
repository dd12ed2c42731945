/**
 * The connections of one client to a Redis Cluster. Each command is sent to the master that has the slot of its key.
 *
 * I4: a command is sent again only if a node says that it has not executed it. If a connection is closed, its commands reject. Commands
 * for a slot keep their order (S6): while one of them waits to be sent again, later ones wait for it.
 */
import type {ChainableCommander, Redis} from 'ioredis';
import {messageOf, ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {assignmentOf, ownLine} from './clusterMap.js';
import {ClusterNodes} from './clusterNodes.js';
import type {RedisSettings} from './connection.js';
import {redisAddress} from './redisUrl.js';
import {slotOf} from './hashSlot.js';
import {clusterError, placeOf, redirectOf, type Redirect} from './redirect.js';
import {pipelineReply, type Command, type PinnedServer, type Route} from './route.js';
import {withoutCluster} from './suitableServer.js';

/** Pause before a command is sent again. */
const PAUSE_MS = 50;

/** A command for a slot. `followsAsk`: it can run on the node that a slot is being moved to. */
interface Errand<T> {
  readonly slot: number;
  readonly command: Command<T>;
  readonly followsAsk: boolean;
  readonly deadlineMs: number;
}

type Attempt<T> = {readonly reply: T} | {readonly redirect: Redirect};

export class ClusterConnection implements Route {
  readonly #settings: RedisSettings;
  readonly #nodes: ClusterNodes;
  readonly #closed = new AbortController();
  /** By slot: resolves when the commands that were redirected have settled. */
  readonly #redirected = new Map<number, Promise<unknown>>();

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#nodes = new ClusterNodes(settings);
  }

  get address(): string {
    return redisAddress(this.#settings.url);
  }

  get made(): number {
    return this.#nodes.made;
  }

  get shards(): number {
    return this.#nodes.masterPlaces.length;
  }

  async connect(): Promise<void> {
    try {
      await this.#nodes.connect();
    } catch (error) {
      if (this.#nodes.hasServerWithoutCluster)
        throw new ProjectorError('redis-unsupported', withoutCluster(this.address), {cause: error});
      throw this.#failure(error);
    }
    await Promise.all(
      (await this.servers()).map(async ({ask}) => await ask(async (redis) => await redis.ping())),
    );
  }

  close(): void {
    this.#closed.abort();
    this.#nodes.close();
  }

  async atKey<T>(key: string, command: Command<T>): Promise<T> {
    return await this.#send({...this.#errand(key), command, followsAsk: true});
  }

  /**
   * A script does not follow ASK, because it accesses keys that it does not name:
   *
   * 1. While a slot is moved, some of its keys are on the new node, and the others on the old one.
   * 2. On the new node, the script would find no key of the others.
   * 3. It would create them again, and count an order twice.
   */
  async runScript<T>(key: string, command: Command<T>): Promise<T> {
    return await this.#send({...this.#errand(key), command, followsAsk: false});
  }

  groupsOf(keys: readonly string[]): number[][] {
    const groups = new Map<number, number[]>();
    for (const [index, key] of keys.entries()) addTo(groups, slotOf(key), index);
    return [...groups.values()];
  }

  async each(
    keys: readonly string[],
    ask: (pipeline: ChainableCommander, key: string) => unknown,
  ): Promise<unknown[]> {
    const replies: unknown[] = [];
    const groups = new Map<Redis | undefined, number[]>();
    for (const [index, key] of keys.entries()) {
      const slot = slotOf(key);
      addTo(groups, this.#redirected.has(slot) ? undefined : this.#nodes.masterOf(slot), index);
    }
    const singly = groups.get(undefined) ?? [];
    const ofNode = async (node: Redis, indexes: readonly number[]): Promise<void> => {
      const pipeline = node.pipeline();
      for (const index of indexes) ask(pipeline, keys[index] ?? '');
      for (const [at, entry] of ((await pipeline.exec()) ?? []).entries()) {
        const index = indexes[at] ?? 0;
        if (redirectOf(entry[0], placeOf(node)) !== undefined) singly.push(index);
        else replies[index] = this.#orThrow(node, () => pipelineReply(entry));
      }
    };
    await Promise.all(
      [...groups].map(async ([node, indexes]) => {
        if (node !== undefined) await ofNode(node, indexes);
      }),
    );
    await Promise.all(
      singly.map(async (index) => {
        const key = keys[index] ?? '';
        replies[index] = await this.atKey(key, async (redis) => {
          const pipeline = redis.pipeline();
          ask(pipeline, key);
          const [entry = [null, null] as const] = (await pipeline.exec()) ?? [];
          return pipelineReply(entry);
        });
      }),
    );
    return replies;
  }

  async serverOf(key: string): Promise<PinnedServer> {
    const slot = slotOf(key);
    if (this.#nodes.masterOf(slot) === undefined) await this.#nodes.refresh(this.#settings.timeoutMs);
    const node = this.#nodes.masterOf(slot);
    if (node === undefined) throw this.#unreachable(`no node responds that has slot ${slot}`);
    return this.#pinned(node, () => this.#nodes.masterOf(slot) === node);
  }

  async servers(): Promise<readonly PinnedServer[]> {
    const isKnown = (place: string): boolean => this.#nodes.at(place) !== undefined;
    const before = this.#nodes.masterPlaces;
    if (before.length === 0 || !before.every(isKnown)) await this.#nodes.refresh(this.#settings.timeoutMs);
    const places = this.#nodes.masterPlaces;
    if (places.length === 0) throw this.#unreachable('no node responds');
    return places.map((place) => {
      const node = this.#nodes.at(place);
      if (node === undefined) throw this.#failure(new Error('Connection is closed.'), place);
      return this.#pinned(node, () => true);
    });
  }

  /**
   * A listing of all keys lacks a key if it moves from a node that is listed later to one that was listed before. So the assignment of slots
   * must be the same before and after, and no slot may be between two nodes.
   */
  async *unchangedServers(): AsyncGenerator<PinnedServer> {
    await this.#nodes.refresh(this.#settings.timeoutMs);
    const servers = await this.servers();
    const before = await this.#assignment(servers);
    for (const server of servers) {
      yield server;
      if ((await this.#assignment(servers)) === before) continue;
      throw this.#unreachable('the assignment of slots to nodes changed during a scan of the keys');
    }
  }

  async #assignment(servers: readonly PinnedServer[]): Promise<string> {
    const lines = await Promise.all(
      servers.map(async ({ask}) => ownLine(String(await ask(async (redis) => await redis.cluster('NODES'))))),
    );
    const assignment = assignmentOf(lines);
    if (assignment !== undefined) return assignment;
    throw this.#unreachable('slots are being moved to other nodes, or have no node');
  }

  #errand(key: string): {slot: number; deadlineMs: number} {
    return {slot: slotOf(key), deadlineMs: systemClock.nowMs() + this.#settings.timeoutMs};
  }

  async #send<T>(errand: Errand<T>): Promise<T> {
    const {slot} = errand;
    for (let earlier = this.#redirected.get(slot); earlier !== undefined;) {
      await earlier;
      earlier = this.#redirected.get(slot);
    }
    const attempt = await this.#attempt(errand, this.#nodes.masterOf(slot), false);
    if ('reply' in attempt) return attempt.reply;
    // Redirects arrive in the order of the commands. Each command is sent again after the one before it, so they keep this order.
    const earlier = this.#redirected.get(slot) ?? Promise.resolve();
    const again = earlier.then(async () => await this.#sendAgain(errand, attempt.redirect));
    const settled: Promise<unknown> = Promise.allSettled([again]).then(() => {
      if (this.#redirected.get(slot) === settled) this.#redirected.delete(slot);
    });
    this.#redirected.set(slot, settled);
    return await again;
  }

  /** Sends a command again until a node executes it, or until its deadline has passed. */
  async #sendAgain<T>(errand: Errand<T>, first: Redirect): Promise<T> {
    let redirect = first;
    for (let pauseMs = first.kind === 'wait' ? PAUSE_MS : 0; ; pauseMs = PAUSE_MS) {
      const isPatient = redirect.kind === 'ask' && !errand.followsAsk;
      await systemClock.sleep(isPatient ? PAUSE_MS : pauseMs, this.#closed.signal);
      const target = await this.#targetOf(errand, redirect);
      if (this.#closed.signal.aborted || systemClock.nowMs() >= errand.deadlineMs)
        throw this.#failure(redirect.error);
      const attempt = await this.#attempt(errand, target, redirect.kind === 'ask' && errand.followsAsk);
      if ('reply' in attempt) return attempt.reply;
      redirect = attempt.redirect;
    }
  }

  async #targetOf({slot, followsAsk, deadlineMs}: Errand<unknown>, to: Redirect): Promise<Redis | undefined> {
    const target =
      to.kind === 'wait' || (to.kind === 'ask' && !followsAsk) ? undefined : this.#nodes.at(to.place);
    const isKnown = target !== undefined && (to.kind === 'ask' || this.#nodes.masterOf(slot) === target);
    if (!isKnown) await this.#nodes.refresh(Math.max(0, deadlineMs - systemClock.nowMs()));
    if (to.kind === 'ask' && followsAsk) return this.#nodes.at(to.place);
    // The node that was asked for the slots may know less than the one that has redirected the command.
    if (to.kind === 'moved') this.#nodes.assign(slot, to.place);
    return this.#nodes.masterOf(slot);
  }

  async #attempt<T>({slot, command}: Errand<T>, node: Redis | undefined, asks: boolean): Promise<Attempt<T>> {
    if (node === undefined) {
      const error = this.#unreachable(`no node responds that has slot ${slot}`);
      return {redirect: {kind: 'wait', place: '', error}};
    }
    try {
      // ASKING applies to the next command on the connection. If it fails, that command fails too.
      if (asks) node.asking().catch(() => undefined);
      return {reply: await command(node)};
    } catch (error) {
      const redirect = redirectOf(error, placeOf(node));
      if (redirect === undefined) throw this.#failure(error, placeOf(node));
      return {redirect};
    }
  }

  #pinned(node: Redis, isUnchanged: () => boolean): PinnedServer {
    const place = placeOf(node);
    return {
      address: `${this.address} (node ${place})`,
      ask: async (command) => {
        try {
          const reply = await command(node);
          if (isUnchanged()) return reply;
        } catch (error) {
          throw this.#failure(error, place);
        }
        throw this.#unreachable(`node ${place} has lost slots during a scan of the keys`);
      },
    };
  }

  #orThrow<T>(node: Redis, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#failure(error, placeOf(node));
    }
  }

  #unreachable(what: string): ProjectorError {
    const fault = this.#nodes.faultAt();
    const reason = fault === undefined ? '' : ` (the last error of a node: ${messageOf(fault)})`;
    return new ProjectorError('redis-unreachable', `Redis at ${this.address}: ${what}${reason}`);
  }

  /** Translates an error, and reads the slots again if they may have changed. */
  #failure(error: unknown, place?: string): ProjectorError {
    const where = `Redis at ${this.address}${place === undefined ? '' : ` (node ${place})`}`;
    const isReply = error instanceof Error && error.name === 'ReplyError';
    const failure = clusterError(error, where, isReply ? undefined : this.#nodes.faultAt(place));
    if (place !== undefined && failure.kind === 'redis-unreachable' && !this.#closed.signal.aborted)
      void this.#nodes.refresh(this.#settings.timeoutMs);
    return failure;
  }
}

function addTo<K>(groups: Map<K, number[]>, key: K, index: number): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [index]);
  else group.push(index);
}
