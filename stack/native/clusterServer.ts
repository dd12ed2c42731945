/** A Redis Cluster as the server `redis` of a stack: an action concerns all of its nodes. */
import type {ProcessIdentity} from '../processIdentity.js';
import type {NativeState, ServerAction} from '../stackState.js';
import {dataFolder, logFile} from './recipe.js';
import {RedisCluster} from './redisCluster.js';

export class ClusterServer {
  readonly #cluster: RedisCluster;

  private constructor(cluster: RedisCluster) {
    this.#cluster = cluster;
  }

  static async open(state: NativeState): Promise<ClusterServer> {
    const {name, cluster} = state;
    const place = {
      nodes: cluster?.nodes ?? [],
      folder: dataFolder(state, 'redis'),
      log: logFile(name, 'redis'),
    };
    return new ClusterServer(await RedisCluster.open({place}));
  }

  /** The processes of the nodes that run. */
  get processes(): ProcessIdentity[] {
    return this.#cluster.nodes.flatMap(({identity}) => identity ?? []);
  }

  async act(action: ServerAction): Promise<void> {
    const {nodes} = this.#cluster;
    switch (action) {
      case 'kill':
        await Promise.all(nodes.map(async (node) => await node.kill()));
        break;
      case 'stop':
        await Promise.all(nodes.map(async (node) => await node.stop()));
        break;
      case 'start':
        await Promise.all(nodes.map(async (node) => (node.isRunning ? node.resume() : await node.start())));
        await this.#cluster.settled();
        break;
      case 'pause':
        for (const node of nodes) node.pause();
        break;
      case 'resume':
        for (const node of nodes) node.resume();
        break;
    }
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }
}
