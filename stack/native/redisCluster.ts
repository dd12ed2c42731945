/** A Redis Cluster of three masters with one replica each. Its owner may kill or freeze nodes, cut them off, and move slots. */
import {join} from 'node:path';
import type {Redis} from 'ioredis';
import {SLOT_COUNT} from '../../src/clients/redis/hashSlot.js';
import {freePorts} from '../ports.js';
import {until} from '../until.js';
import {ClusterLines, type NodePorts} from './clusterLines.js';
import {ClusterView} from './clusterView.js';
import {OwnRedis, tlsPortArgs, type TlsFiles} from './ownRedis.js';
import {slotCount} from './slotRanges.js';

const MASTERS = 3;
export const NODES = 2 * MASTERS;
/** A node is down for the others after this time without a reply. It is so long that a busy machine should cause no failover. */
const NODE_TIMEOUT_MS = 4_000;

/**
 * With `cluster-require-full-coverage yes`, the default, every node rejects every command as soon as one master is down. `no` lets
 * the other masters work, so a test sees that a client can use them. A slot without a node returns CLUSTERDOWN with both.
 */
const ARGS = [
  ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--cluster-require-full-coverage', 'no'],
  // A replica becomes the master even if it has not heard from the master for long, for example after a freeze.
  ...['--cluster-replica-validity-factor', '0', '--cluster-allow-replica-migration', 'no'],
];

/** TLS between the nodes, and on an additional port for clients. The owner itself uses the ports without TLS. */
const TLS_ARGS = ['--tls-cluster', 'yes', '--tls-replication', 'yes'];

/** The node that a slot leaves, and the one that it goes to. */
export interface Move {
  readonly from: OwnRedis;
  readonly to: OwnRedis;
}

export interface ClusterSetup {
  /** The ports of all nodes, the folder of their data, which `close` removes, and their log. Default: free ports, and temporary folders. */
  readonly place?: {readonly nodes: readonly NodePorts[]; readonly folder: string; readonly log: string};
  /** With proxies in front of the nodes, and between them. */
  readonly hasLines?: boolean;
  /** The certificate of all nodes. Not with `hasLines`. Default: no TLS. */
  readonly tls?: TlsFiles;
  /** Arguments of every node. */
  readonly args?: readonly string[];
}

/** How clients reach the nodes, in addition to their own ports. */
interface Ways {
  readonly lines: ClusterLines | undefined;
  readonly tlsPorts: readonly number[];
}

export class RedisCluster extends ClusterView implements AsyncDisposable {
  /** The proxies. Undefined without `hasLines`. */
  readonly lines: ClusterLines | undefined;
  readonly #ports: readonly NodePorts[];

  private constructor(nodes: readonly OwnRedis[], ports: readonly NodePorts[], {lines, tlsPorts}: Ways) {
    super(nodes, {tls: tlsPorts, proxies: lines?.clients.map(({port}) => port) ?? []});
    this.#ports = ports;
    this.lines = lines;
  }

  /** Resolves when all nodes agree on the slots, and each master has a replica in sync. It takes about three seconds. */
  static async open({place, hasLines, tls, args = []}: ClusterSetup = {}): Promise<RedisCluster> {
    // All ports are chosen at once, because nothing listens on them yet.
    const needsPorts = place === undefined || hasLines === true || tls !== undefined;
    const free = needsPorts ? await freePorts(4 * NODES) : [];
    const ports = place?.nodes ?? nodePorts(free);
    const others = free.slice(2 * NODES);
    const lines = hasLines === true ? await ClusterLines.open(ports, others) : undefined;
    const tlsPorts = tls === undefined ? [] : others.slice(0, NODES);
    const nodes = await Promise.all(
      ports.map(async ({port, bus}, index) => {
        const own = place && {log: place.log, home: join(place.folder, `node-${index + 1}`)};
        const all = [
          ...['--cluster-enabled', 'yes', '--cluster-port', String(bus), ...ARGS],
          ...(lines?.argsOf(index) ?? []),
          ...(tls === undefined ? [] : [...tlsPortArgs(tlsPorts[index]!, tls), ...TLS_ARGS]),
          ...args,
        ];
        return await OwnRedis.open({port, args: all, ...own});
      }),
    );
    const cluster = new RedisCluster(nodes, ports, {lines, tlsPorts});
    try {
      await cluster.#create();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
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
    await this.agree(
      (ports) => ports.includes(this.portOf(replica)),
      `the replica on port ${replica.port} to be master`,
    );
  }

  /** Waits until all nodes run and agree on three masters with a replica each, and the replicas have the data of their masters. */
  async settled(): Promise<void> {
    await this.agree(
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
      60_000,
    );
    for (const master of await this.masters()) await this.#copied(master);
  }

  /** The nodes name these ports, for example of proxies, to each other and to clients. Without arguments, their own ports. */
  async announce(ports: readonly number[] = this.nodes.map(({port}) => port)): Promise<void> {
    for (const [index, node] of this.nodes.entries()) {
      const port = ports[index] === node.port ? 0 : ports[index];
      await this.on(node).config('SET', 'cluster-announce-port', String(port));
    }
    await this.agree(
      (masters, replicas) =>
        masters.length === MASTERS &&
        replicas.length === MASTERS &&
        [...masters, ...replicas].every((port) => ports.includes(port)),
      `the nodes to announce the ports ${ports.join(', ')}`,
    );
    this.naming(ports);
  }

  /** The nodes name this host to clients. Undefined: their IP addresses. */
  async announceNames(host: string | undefined): Promise<void> {
    for (const node of this.nodes) {
      await this.on(node).config('SET', 'cluster-announce-hostname', host ?? '');
      const kind = host === undefined ? 'ip' : 'hostname';
      await this.on(node).config('SET', 'cluster-preferred-endpoint-type', kind);
    }
    const hosts = async (node: OwnRedis): Promise<string[]> =>
      (await this.slots(node)).flatMap(([, , ...nodes]) => nodes.map(([name]) => name));
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
    this.silent.add(node);
    node.pause();
  }

  thaw(node: OwnRedis): void {
    node.resume();
    this.silent.delete(node);
  }

  /** Cuts a node off from all other nodes. Clients still reach it, and it accepts writes until it notices. Needs `hasLines`. */
  cutOff(node: OwnRedis): void {
    if (this.lines === undefined) throw new Error('this cluster has no proxies');
    this.silent.add(node);
    this.lines.cutOff(this.nodes.indexOf(node));
  }

  /** Ends `cutOff`. */
  rejoin(node: OwnRedis): void {
    this.lines?.heal();
    this.silent.delete(node);
  }

  /** Moves a slot with its keys. Resolves when all running nodes know it. */
  async migrate(slot: number, move: Move): Promise<void> {
    await this.beginMigration(slot, move);
    await this.moveKeys(slot, move);
    await this.endMigration(slot, move);
  }

  /** Opens a slot: `from` redirects absent keys to `to` with ASK. */
  async beginMigration(slot: number, {from, to}: Move): Promise<void> {
    await this.on(to).cluster('SETSLOT', slot, 'IMPORTING', await this.idOf(from));
    await this.on(from).cluster('SETSLOT', slot, 'MIGRATING', await this.idOf(to));
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
    const id = await this.idOf(to);
    for (const node of [to, from]) await this.on(node).cluster('SETSLOT', slot, 'NODE', id);
    await until(
      async () => {
        const views = await Promise.all(
          this.running.map(async (node) => {
            const ranges = await this.slots(node);
            return ranges.find(([first, last]) => first <= slot && slot <= last)?.[2]?.[1];
          }),
        );
        return views.every((port) => port === this.portOf(to));
      },
      () => `slot ${slot} to be at port ${to.port} for all nodes`,
    );
  }

  /** Removes a slot from all nodes, so that they return CLUSTERDOWN for it, until `assign`. */
  async unassign(slot: number): Promise<void> {
    for (const node of this.running)
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
    this.disconnect();
    await Promise.all(
      this.nodes.map(async (node) => {
        if (node.isRunning) node.resume();
        await node.close();
      }),
    );
    await this.lines?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Waits until the replica has received everything that the master has written so far. */
  async #copied(master: OwnRedis): Promise<void> {
    const replica = this.on(await this.replicaOf(master));
    const offset = async (redis: Redis, name: string): Promise<number> =>
      Number(new RegExp(`${name}:(\\d+)`).exec(await redis.info('replication'))?.[1]);
    const written = await offset(this.on(master), 'master_repl_offset');
    await until(
      async () => (await offset(replica, 'slave_repl_offset')) >= written,
      () => `the replica of port ${master.port} to have its newest writes`,
      60_000,
    );
  }

  async #create(): Promise<void> {
    const [first, ...others] = this.nodes;
    const masters = this.nodes.slice(0, MASTERS);
    for (const [index, master] of masters.entries()) {
      const border = (at: number): number => Math.floor((at * SLOT_COUNT) / MASTERS);
      await this.on(master).cluster('ADDSLOTSRANGE', border(index), border(index + 1) - 1);
      // Different epochs from the start, so that the nodes need not resolve a collision.
      await this.on(master).cluster('SET-CONFIG-EPOCH', index + 1);
    }
    for (const node of others) {
      const index = this.nodes.indexOf(node);
      const {port, bus} = this.lines?.named(index) ?? this.#ports[index]!;
      const metPort = this.tlsPorts[index] ?? port;
      await this.on(first!).call('CLUSTER', 'MEET', '127.0.0.1', metPort, bus);
    }
    await this.agree((ports) => ports.length === MASTERS, 'the nodes to know all slots');
    await Promise.all(
      masters.map(async (master, index) => await this.#replicate(this.nodes[MASTERS + index]!, master)),
    );
    await this.agree((_, replicas) => replicas.length === MASTERS, 'the nodes to know all replicas');
    await until(
      async () =>
        (await Promise.all(this.nodes.map(async (node) => await this.on(node).cluster('INFO')))).every(
          (info) => info.includes('cluster_state:ok'),
        ),
      () => 'the cluster to be up',
    );
  }

  async #replicate(replica: OwnRedis, master: OwnRedis): Promise<void> {
    const id = await this.idOf(master);
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
}

/** The first ports are for clients, the next ones for messages between nodes. */
export function nodePorts(ports: readonly number[]): NodePorts[] {
  return ports.slice(0, NODES).map((port, index) => ({port, bus: ports[NODES + index]!}));
}
