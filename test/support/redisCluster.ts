/** A Redis Cluster of three masters with one replica each, for a test. The test may kill or freeze nodes and move slots. */
import {Redis} from 'ioredis';
import {SLOT_COUNT, slotOf} from '../../src/clients/redis/hashSlot.js';
import {freePorts} from '../../stack/ports.js';
import type {Certificate, TestCa} from './certificates.js';
import {clusterArgs, OwnRedis, tlsPortArgs} from './redisServer.js';
import {hasAllSlots, mastersIn, replicasIn, slotCount, type SlotRange} from './slotRanges.js';
import {until} from './until.js';

const MASTERS = 3;
/** A node is down for the others after this time without a reply. */
const NODE_TIMEOUT_MS = 1_500;

/**
 * With `cluster-require-full-coverage yes`, the default, every node rejects every command as soon as one master is down. `no` lets
 * the other masters work, so a test sees that a client can use them. A slot without a node returns CLUSTERDOWN with both.
 */
const ARGS = [
  ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--cluster-require-full-coverage', 'no'],
  // A replica becomes the master even if it has not heard from the master for long, for example after a freeze.
  ...['--cluster-replica-validity-factor', '0', '--cluster-allow-replica-migration', 'no'],
];

/** TLS between the nodes, and on an additional port for clients. The test itself uses the ports without TLS. */
const TLS_ARGS = ['--tls-cluster', 'yes', '--tls-replication', 'yes'];

export interface ClusterOptions {
  /** Arguments of every node. */
  readonly args?: readonly string[];
  readonly tls?: {readonly ca: TestCa; readonly certificate: Certificate};
}

/** The node that a slot leaves, and the one that it goes to. */
export interface Move {
  readonly from: OwnRedis;
  readonly to: OwnRedis;
}

export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly OwnRedis[];
  readonly #own: Map<OwnRedis, Redis>;
  readonly #tlsPorts: readonly number[];

  private constructor(nodes: readonly OwnRedis[], tlsPorts: readonly number[]) {
    this.nodes = nodes;
    this.#tlsPorts = tlsPorts;
    this.#own = new Map(nodes.map((node) => [node, connectionTo(node)]));
  }

  /** Resolves when all nodes agree on the slots, and each master has a replica in sync. It takes about three seconds. */
  static async open({args = [], tls}: ClusterOptions = {}): Promise<RedisCluster> {
    const tlsPorts = tls === undefined ? [] : await freePorts(2 * MASTERS);
    const open = async (index: number): Promise<OwnRedis> => {
      const ofTls =
        tls === undefined ? [] : [...tlsPortArgs(tlsPorts[index]!, tls.ca, tls.certificate), ...TLS_ARGS];
      return await OwnRedis.open({args: [...(await clusterArgs()), ...ARGS, ...ofTls, ...args]});
    };
    const nodes = await Promise.all(Array.from({length: 2 * MASTERS}, async (_, index) => await open(index)));
    const cluster = new RedisCluster(nodes, tlsPorts);
    try {
      await cluster.#create();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** The addresses of all nodes, as `host:port`. */
  get places(): string[] {
    return this.nodes.map(({port}) => `127.0.0.1:${port}`);
  }

  /** The addresses of all nodes for clients with TLS. */
  get tlsPlaces(): string[] {
    return this.#tlsPorts.map((port) => `127.0.0.1:${port}`);
  }

  tlsPlaceOf(node: OwnRedis): string {
    return this.tlsPlaces[this.nodes.indexOf(node)]!;
  }

  /** The URL of the first node. */
  get url(): string {
    return this.nodes[0]!.url;
  }

  /** The URL of the first node, for clients with TLS. */
  get tlsUrl(): string {
    return `rediss://${this.tlsPlaces[0]!}/0`;
  }

  /** The test's own connection to a node. */
  on(node: OwnRedis): Redis {
    return this.#own.get(node)!;
  }

  /** The running node that has the slot of a key, as the majority of the running nodes says. */
  async masterOf(key: string): Promise<OwnRedis> {
    const votes = await Promise.all(
      this.#running.map(async (node) => {
        const ranges = await this.#slots(node);
        return ranges.find(([first, last]) => first <= slotOf(key) && slotOf(key) <= last)?.[2]?.[1];
      }),
    );
    const count = (port: number): number => votes.filter((vote) => vote === port).length;
    const found = this.nodes.find(({port}) => count(port) * 2 > votes.length);
    if (found === undefined)
      throw new Error(`the nodes disagree on the master of ${key}: ${votes.join(', ')}`);
    return found;
  }

  /** The masters that have slots, in the order of their ports. */
  async masters(): Promise<OwnRedis[]> {
    const ranges = await this.#slots(this.#running[0]!);
    const ports = new Set(ranges.map(([, , master]) => master?.[1]));
    return this.nodes.filter(({port}) => ports.has(port));
  }

  async replicaOf(master: OwnRedis): Promise<OwnRedis> {
    const id = await this.#idOf(master);
    const lines = (await this.on(master).cluster('REPLICAS', id)) as string[];
    const found = this.nodes.find(({port}) => lines.some((line) => line.includes(`:${port}@`)));
    if (found === undefined) throw new Error(`the master on port ${master.port} has no replica`);
    return found;
  }

  /** A key that begins with this text and has its slot at this node. */
  async keyAt(node: OwnRedis, begin: string): Promise<string> {
    for (let i = 0; ; i++) if ((await this.masterOf(`${begin}${i}`)) === node) return `${begin}${i}`;
  }

  async kill(node: OwnRedis): Promise<void> {
    await node.kill();
  }

  /** Starts a node that was killed. Resolves when it responds. It may be a replica then. */
  async restart(node: OwnRedis): Promise<void> {
    await node.start();
  }

  /** Kills a master. Resolves with its replica when that is the master for all running nodes. */
  async failover(master: OwnRedis): Promise<OwnRedis> {
    const replica = await this.replicaOf(master);
    await this.kill(master);
    await this.becomesMaster(replica);
    return replica;
  }

  /** Waits until a replica is a master with slots for all running nodes. */
  async becomesMaster(replica: OwnRedis): Promise<void> {
    await this.#agree(
      (ports) => ports.includes(replica.port),
      `the replica on port ${replica.port} to be master`,
    );
  }

  /** Waits until all nodes run and agree on three masters with a replica each, and the replicas have the data of their masters. */
  async settled(): Promise<void> {
    await this.#agree(
      (masters, replicas) => masters.length === MASTERS && replicas.length === MASTERS,
      'the cluster to settle',
    );
    await until(
      async () => {
        const infos = await Promise.all(
          this.nodes.map(async (node) => await this.on(node).info('replication')),
        );
        // A node that has just been restarted calls itself a master, with its old data, until it hears of the failover.
        return infos.filter((info) => info.includes('master_link_status:up')).length === MASTERS;
      },
      () => 'the replicas to be in sync',
    );
  }

  /** The nodes name these ports, for example of proxies, to each other and to clients. Without arguments, their own ports. */
  async announce(ports: readonly number[] = this.nodes.map(({port}) => port)): Promise<void> {
    for (const [index, node] of this.nodes.entries()) {
      const port = ports[index] === node.port ? 0 : ports[index];
      await this.on(node).config('SET', 'cluster-announce-port', String(port));
    }
    await this.#agree(
      (masters, replicas) =>
        masters.length === MASTERS &&
        replicas.length === MASTERS &&
        [...masters, ...replicas].every((port) => ports.includes(port)),
      `the nodes to announce the ports ${ports.join(', ')}`,
    );
  }

  /** The nodes name this host to clients. Undefined: their IP addresses. */
  async announceNames(host: string | undefined): Promise<void> {
    for (const node of this.nodes) {
      await this.on(node).config('SET', 'cluster-announce-hostname', host ?? '');
      const kind = host === undefined ? 'ip' : 'hostname';
      await this.on(node).config('SET', 'cluster-preferred-endpoint-type', kind);
    }
    const hosts = async (node: OwnRedis): Promise<string[]> =>
      (await this.#slots(node)).flatMap(([, , ...nodes]) => nodes.map(([name]) => name));
    await until(
      async () =>
        (await Promise.all(this.nodes.map(hosts))).flat().every((name) => name === (host ?? '127.0.0.1')),
      () => `the nodes to announce the host ${host ?? '127.0.0.1'}`,
    );
  }

  /** Ends the replication to this replica, until `attach`. So it falls behind its master. */
  async detach(replica: OwnRedis, master: OwnRedis): Promise<void> {
    // The master rejects the login of a user that it does not know.
    await this.on(replica).config('SET', 'masterauth', 'none');
    await this.on(replica).config('SET', 'masteruser', 'nobody');
    await this.on(master).call('CLIENT', 'KILL', 'TYPE', 'replica');
    await until(
      async () => (await this.on(replica).info('replication')).includes('master_link_status:down'),
      () => 'the replica to lose its master',
    );
  }

  /** Allows replication again. */
  async attach(replica: OwnRedis): Promise<void> {
    await this.on(replica).config('SET', 'masterauth', '');
    await this.on(replica).config('SET', 'masteruser', '');
  }

  freeze(node: OwnRedis): void {
    node.pause();
  }

  thaw(node: OwnRedis): void {
    node.resume();
  }

  /** Moves a slot with its keys. Resolves when all running nodes know it. */
  async migrate(slot: number, move: Move): Promise<void> {
    await this.beginMigration(slot, move);
    await this.moveKeys(slot, move);
    await this.endMigration(slot, move);
  }

  /** Opens a slot: `from` redirects absent keys to `to` with ASK. */
  async beginMigration(slot: number, {from, to}: Move): Promise<void> {
    await this.on(to).cluster('SETSLOT', slot, 'IMPORTING', await this.#idOf(from));
    await this.on(from).cluster('SETSLOT', slot, 'MIGRATING', await this.#idOf(to));
  }

  /** Moves these keys of an open slot, or all. */
  async moveKeys(slot: number, {from, to}: Move, keys: readonly string[] = []): Promise<void> {
    const next = async (): Promise<readonly string[]> =>
      keys.length > 0 ? keys : await this.on(from).cluster('GETKEYSINSLOT', slot, 1_000);
    for (let batch = await next(); batch.length > 0; batch = keys.length > 0 ? [] : await next())
      await this.on(from).call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...batch);
  }

  /** Assigns an open slot to `to`. */
  async endMigration(slot: number, {from, to}: Move): Promise<void> {
    const id = await this.#idOf(to);
    for (const node of [to, from]) await this.on(node).cluster('SETSLOT', slot, 'NODE', id);
    await until(
      async () => {
        const views = await Promise.all(
          this.#running.map(async (node) => {
            const ranges = await this.#slots(node);
            return ranges.find(([first, last]) => first <= slot && slot <= last)?.[2]?.[1];
          }),
        );
        return views.every((port) => port === to.port);
      },
      () => `slot ${slot} to be at port ${to.port} for all nodes`,
    );
  }

  /** Removes a slot from all nodes, so that they return CLUSTERDOWN for it, until `assign`. */
  async unassign(slot: number): Promise<void> {
    for (const node of this.#running)
      await this.on(node)
        .cluster('DELSLOTS', slot)
        .catch(() => undefined);
    await until(
      async () => {
        const replies = await Promise.all(
          (await this.masters()).map(async (node) => (await this.on(node).cluster('NODES')) as string),
        );
        return replies.every((reply) => slotCount(reply) === SLOT_COUNT - 1);
      },
      () => `slot ${slot} to have no node`,
    );
  }

  async assign(slot: number, to: OwnRedis): Promise<void> {
    await this.on(to).cluster('ADDSLOTS', slot);
  }

  async close(): Promise<void> {
    for (const redis of this.#own.values()) redis.disconnect();
    await Promise.all(
      this.nodes.map(async (node) => {
        if (node.isRunning) node.resume();
        await node.close();
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #running(): OwnRedis[] {
    return this.nodes.filter((node) => node.isRunning);
  }

  async #create(): Promise<void> {
    const [first] = this.nodes;
    const masters = this.nodes.slice(0, MASTERS);
    const busPort = async (node: OwnRedis): Promise<string> =>
      (await this.on(node).config('GET', 'cluster-port'))[1]!;
    for (const [index, master] of masters.entries()) {
      const border = (at: number): number => Math.floor((at * SLOT_COUNT) / MASTERS);
      await this.on(master).cluster('ADDSLOTSRANGE', border(index), border(index + 1) - 1);
      // Different epochs from the start, so that the nodes need not resolve a collision.
      await this.on(master).cluster('SET-CONFIG-EPOCH', index + 1);
    }
    for (const [index, node] of this.nodes.entries()) {
      const port = this.#tlsPorts[index] ?? node.port;
      if (node !== first)
        await this.on(first!).call('CLUSTER', 'MEET', '127.0.0.1', port, await busPort(node));
    }
    await this.#agree((ports) => ports.length === MASTERS, 'the nodes to know all slots');
    await Promise.all(
      masters.map(async (master, index) => await this.#replicate(this.nodes[MASTERS + index]!, master)),
    );
    await this.#agree((_, replicas) => replicas.length === MASTERS, 'the nodes to know all replicas');
    await until(
      async () =>
        (await Promise.all(this.nodes.map(async (node) => await this.on(node).cluster('INFO')))).every(
          (info) => info.includes('cluster_state:ok'),
        ),
      () => 'the cluster to be up',
    );
  }

  async #replicate(replica: OwnRedis, master: OwnRedis): Promise<void> {
    const id = await this.#idOf(master);
    const isDone = async (): Promise<boolean> =>
      await this.on(replica)
        .cluster('REPLICATE', id)
        .then(
          () => true,
          () => false,
        );
    await until(isDone, () => `port ${replica.port} to know port ${master.port}`);
    await until(
      async () => (await this.on(replica).info('replication')).includes('master_link_status:up'),
      () => `the replica on port ${replica.port} to be in sync`,
    );
  }

  /** Waits until CLUSTER SLOTS of each running node shows masters and replicas like this, for all slots. */
  async #agree(
    isRight: (masterPorts: number[], replicaPorts: number[]) => boolean,
    what: string,
  ): Promise<void> {
    const agrees = async (node: OwnRedis): Promise<boolean> => {
      const ranges = await this.#slots(node);
      return hasAllSlots(ranges) && isRight(mastersIn(ranges), replicasIn(ranges));
    };
    await until(
      async () => (await Promise.all(this.#running.map(agrees))).every(Boolean),
      () => what,
      60_000,
    );
  }

  async #slots(node: OwnRedis): Promise<SlotRange[]> {
    return (await this.on(node).call('CLUSTER', 'SLOTS')) as SlotRange[];
  }

  async #idOf(node: OwnRedis): Promise<string> {
    return await this.on(node).cluster('MYID');
  }
}

function connectionTo(node: OwnRedis): Redis {
  const redis = new Redis(node.url, {maxRetriesPerRequest: null, retryStrategy: () => 50});
  redis.on('error', () => undefined);
  return redis;
}
