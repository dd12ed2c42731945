/** A Redis Cluster of two nodes for a test, with half of the slots on each, and a client of it. */
import {Cluster, Redis} from 'ioredis';
import {clusterArgs, OwnRedis} from './redisServer.js';
import {until} from './until.js';

export class OwnCluster implements AsyncDisposable {
  readonly client: Cluster;
  readonly #nodes: readonly OwnRedis[];

  private constructor(nodes: readonly OwnRedis[]) {
    this.#nodes = nodes;
    this.client = new Cluster(nodes.map(({url}) => url));
  }

  /** Resolves when both nodes know all slots. */
  static async open(): Promise<OwnCluster> {
    const nodes: OwnRedis[] = [];
    try {
      const buses: string[] = [];
      while (nodes.length < SLOTS.length) {
        const args = await clusterArgs();
        buses.push(args.at(-1)!);
        nodes.push(await OwnRedis.open({args}));
      }
      await join(nodes, buses[1]!);
      return new OwnCluster(nodes);
    } catch (error) {
      await Promise.all(nodes.map(async (node) => await node.close()));
      throw error;
    }
  }

  /** The address of the first node. */
  get url(): string {
    return this.#nodes[0]!.url;
  }

  /** The number of keys on each node. */
  async keyCounts(): Promise<number[]> {
    return await this.#onEach(async (node) => await node.dbsize());
  }

  /** Sends a command to each node. */
  async call(command: string, ...args: string[]): Promise<unknown[]> {
    return await this.#onEach(async (node) => await node.call(command, ...args));
  }

  async close(): Promise<void> {
    this.client.disconnect();
    await Promise.all(this.#nodes.map(async (node) => await node.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #onEach<T>(work: (node: Redis) => Promise<T>): Promise<T[]> {
    return await Promise.all(this.client.nodes('master').map(work));
  }
}

const SLOTS = [
  ['0', '8191'],
  ['8192', '16383'],
] as const;

async function join(nodes: readonly OwnRedis[], busOfSecond: string): Promise<void> {
  const admins = nodes.map(({url}) => new Redis(url));
  try {
    for (const [index, admin] of admins.entries())
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', ...SLOTS[index]!);
    await admins[0]!.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[1]!.port), busOfSecond);
    await until(
      async () => {
        const states = await Promise.all(
          admins.map(async (admin) => String(await admin.call('CLUSTER', 'INFO'))),
        );
        return states.every((state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:2/.test(state));
      },
      () => 'the nodes of the cluster to know each other',
    );
  } finally {
    for (const admin of admins) admin.disconnect();
  }
}
