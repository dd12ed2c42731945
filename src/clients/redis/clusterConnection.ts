/** The connections of one client to a Redis Cluster. Each command is sent to the master that has the slot of its key. */
import type {ChainableCommander, Redis} from 'ioredis';
import {ProjectorError} from '../../runtime/errors.js';
import {ClusterCommands} from './clusterCommands.js';
import {assignmentOf, ownLine} from './clusterMap.js';
import {ClusterNodes} from './clusterNodes.js';
import type {RedisSettings} from './connection.js';
import {slotOf} from './hashSlot.js';
import {placeOf, redirectOf} from './redirect.js';
import {pipelineReply, type Command, type PinnedServer, type Route} from './route.js';
import {withoutCluster} from './suitableServer.js';

export class ClusterConnection implements Route {
  readonly #settings: RedisSettings;
  readonly #nodes: ClusterNodes;
  readonly #commands: ClusterCommands;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#nodes = new ClusterNodes(settings);
    this.#commands = new ClusterCommands(this.#nodes, settings.timeoutMs);
  }

  get address(): string {
    return this.#nodes.address;
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
      throw this.#nodes.failure(error);
    }
    await Promise.all(
      (await this.servers()).map(async ({ask}) => await ask(async (redis) => await redis.ping())),
    );
  }

  close(): void {
    this.#nodes.close();
  }

  async atKey<T>(key: string, command: Command<T>): Promise<T> {
    return await this.#commands.send(slotOf(key), command, {followsAsk: true});
  }

  /**
   * A script does not follow ASK, because it accesses keys that it does not name:
   *
   * 1. While a slot is moved, some of its keys are on the new node, and the others on the old one.
   * 2. On the new node, the script would not find the keys that are still on the old one.
   * 3. It would create them again, and count an order twice.
   */
  async runScript<T>(key: string, command: Command<T>): Promise<T> {
    return await this.#commands.send(slotOf(key), command, {followsAsk: false});
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
      addTo(groups, this.#commands.isWaiting(slot) ? undefined : this.#nodes.masterOf(slot), index);
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
    if (node === undefined) throw this.#nodes.withoutMaster(slot);
    return this.#pinned(node, () => this.#nodes.masterOf(slot) === node);
  }

  async servers(): Promise<readonly PinnedServer[]> {
    const isKnown = (place: string): boolean => this.#nodes.at(place) !== undefined;
    const before = this.#nodes.masterPlaces;
    if (before.length === 0 || !before.every(isKnown)) await this.#nodes.refresh(this.#settings.timeoutMs);
    const places = this.#nodes.masterPlaces;
    if (places.length === 0) throw this.#nodes.withoutNodes();
    return places.map((place) => {
      const node = this.#nodes.at(place);
      if (node === undefined) throw this.#nodes.failure(new Error('Connection is closed.'), place);
      return this.#pinned(node, () => true);
    });
  }

  /**
   * A listing of all keys lacks a key if it moves from a node that is listed later to one that was listed before. So the assignment of slots
   * must be the same before and after, and no slot may be on its way between two nodes.
   */
  async *unchangedServers(): AsyncGenerator<PinnedServer> {
    await this.#nodes.refresh(this.#settings.timeoutMs);
    const servers = await this.servers();
    const before = await this.#assignment(servers);
    for (const server of servers) {
      yield server;
      if ((await this.#assignment(servers)) === before) continue;
      throw this.#nodes.unreachable('the assignment of slots to nodes changed during a scan of the keys');
    }
  }

  async #assignment(servers: readonly PinnedServer[]): Promise<string> {
    const lines = await Promise.all(
      servers.map(async ({ask}) => ownLine(String(await ask(async (redis) => await redis.cluster('NODES'))))),
    );
    const assignment = assignmentOf(lines);
    if (assignment !== undefined) return assignment;
    throw this.#nodes.unreachable('slots are being moved to other nodes, or have no node');
  }

  #pinned(node: Redis, isUnchanged: () => boolean): PinnedServer {
    const place = placeOf(node);
    return {
      address: `${this.address} (node ${place})`,
      node: place,
      ask: async (command) => {
        try {
          const reply = await command(node);
          if (isUnchanged()) return reply;
        } catch (error) {
          throw this.#nodes.failure(error, place);
        }
        throw this.#nodes.unreachable(`node ${place} has lost slots during a scan of the keys`);
      },
    };
  }

  #orThrow<T>(node: Redis, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#nodes.failure(error, placeOf(node));
    }
  }
}

function addTo<K>(groups: Map<K, number[]>, key: K, index: number): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [index]);
  else group.push(index);
}
