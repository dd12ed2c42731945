/** The nodes of a Redis Cluster as they see it: which of them are masters, and of which slots. */
import {Redis} from 'ioredis';
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import {until} from '../until.js';
import type {OwnRedis} from './ownRedis.js';
import {hasAllSlots, mastersIn, replicasIn, type SlotRange} from './slotRanges.js';

/** The ports that nodes name to clients, if these are not their own ones: of proxies, and those for TLS. In the order of the nodes. */
interface NamedPorts {
  readonly proxies: readonly number[];
  readonly tls: readonly number[];
}

export class ClusterView {
  readonly nodes: readonly OwnRedis[];
  /** Nodes that are frozen or cut off. The others are asked as if these did not run. */
  protected readonly silent = new Set<OwnRedis>();
  readonly #own: Map<OwnRedis, Redis>;
  /** The port that a node names to clients and to other nodes. */
  readonly #named: Map<OwnRedis, number>;
  /** Empty without TLS. */
  protected readonly tlsPorts: readonly number[];

  protected constructor(nodes: readonly OwnRedis[], {proxies, tls}: NamedPorts) {
    this.nodes = nodes;
    this.tlsPorts = tls;
    this.#own = new Map(nodes.map((node) => [node, connectionTo(node)]));
    this.#named = new Map(nodes.map((node, index) => [node, proxies[index] ?? node.port]));
  }

  /** The addresses of all nodes, as `host:port`. */
  get places(): string[] {
    return this.nodes.map((node) => `127.0.0.1:${this.portOf(node)}`);
  }

  /** The URL of the first node. */
  get url(): string {
    return `redis://${this.places[0]!}/0`;
  }

  /** The addresses of all nodes for clients with TLS. */
  get tlsPlaces(): string[] {
    return this.tlsPorts.map((port) => `127.0.0.1:${port}`);
  }

  /** The URL of the first node, for clients with TLS. */
  get tlsUrl(): string {
    return `rediss://${this.tlsPlaces[0]!}/0`;
  }

  tlsPlaceOf(node: OwnRedis): string {
    return this.tlsPlaces[this.nodes.indexOf(node)]!;
  }

  /** The port that the node names: that of a proxy, or its own. */
  portOf(node: OwnRedis): number {
    return this.#named.get(node)!;
  }

  /** A connection to a node, without a proxy. */
  on(node: OwnRedis): Redis {
    return this.#own.get(node)!;
  }

  /** The running node that has the slot of a key, as the majority of the running nodes says. */
  async masterOf(key: string): Promise<OwnRedis> {
    const votes = await Promise.all(
      this.running.map(async (node) => {
        const ranges = await this.slots(node);
        return ranges.find(([first, last]) => first <= slotOf(key) && slotOf(key) <= last)?.[2]?.[1];
      }),
    );
    const count = (port: number): number => votes.filter((vote) => vote === port).length;
    const found = this.nodes.find((node) => count(this.portOf(node)) * 2 > votes.length);
    if (found === undefined)
      throw new Error(`the nodes disagree on the master of ${key}: ${votes.join(', ')}`);
    return found;
  }

  /** The masters that have slots, in the order of their ports. */
  async masters(): Promise<OwnRedis[]> {
    const ranges = await this.slots(this.running[0]!);
    const ports = new Set(ranges.map(([, , master]) => master?.[1]));
    return this.nodes.filter((node) => ports.has(this.portOf(node)));
  }

  async replicaOf(master: OwnRedis): Promise<OwnRedis> {
    const id = await this.idOf(master);
    const lines = (await this.on(master).cluster('REPLICAS', id)) as string[];
    const found = this.nodes.find((node) => lines.some((line) => line.includes(`:${this.portOf(node)}@`)));
    if (found === undefined) throw new Error(`the master on port ${master.port} has no replica`);
    return found;
  }

  /** A key that begins with this text and has its slot at this node. */
  async keyAt(node: OwnRedis, begin: string): Promise<string> {
    for (let i = 0; ; i++) if ((await this.masterOf(`${begin}${i}`)) === node) return `${begin}${i}`;
  }

  protected naming(ports: readonly number[]): void {
    this.nodes.forEach((node, index) => this.#named.set(node, ports[index] ?? node.port));
  }

  protected disconnect(): void {
    for (const redis of this.#own.values()) redis.disconnect();
  }

  protected get running(): OwnRedis[] {
    return this.nodes.filter((node) => node.isRunning && !this.silent.has(node));
  }

  /** Waits until CLUSTER SLOTS of each running node shows masters and replicas like this, for all slots. */
  protected async agree(
    isRight: (masterPorts: number[], replicaPorts: number[]) => boolean,
    what: string,
  ): Promise<void> {
    const agrees = async (node: OwnRedis): Promise<boolean> => {
      const ranges = await this.slots(node);
      return hasAllSlots(ranges) && isRight(mastersIn(ranges), replicasIn(ranges));
    };
    await until(
      async () => (await Promise.all(this.running.map(agrees))).every(Boolean),
      () => what,
      60_000,
    );
  }

  protected async slots(node: OwnRedis): Promise<SlotRange[]> {
    return (await this.on(node).call('CLUSTER', 'SLOTS')) as SlotRange[];
  }

  protected async idOf(node: OwnRedis): Promise<string> {
    return await this.on(node).cluster('MYID');
  }
}

function connectionTo(node: OwnRedis): Redis {
  const redis = new Redis(node.url, {maxRetriesPerRequest: null, retryStrategy: () => 50});
  redis.on('error', () => undefined);
  return redis;
}
