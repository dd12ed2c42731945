/**
 * Proxies in front of the nodes of a Redis Cluster: one for clients and replicas, and one for the messages between nodes. The nodes name
 * the ports of the proxies. Each node connects to the others from an address of its own. So a proxy can reject the other nodes, and
 * still accept clients: that is a network partition between the nodes.
 */
import {Random} from '../random.js';
import {TcpProxy} from '../tcpProxy.js';

export interface NodePorts {
  readonly port: number;
  readonly bus: number;
}

export class ClusterLines {
  /** The proxy for clients and replicas, by node. */
  readonly clients: readonly TcpProxy[];
  readonly #buses: readonly TcpProxy[];

  private constructor(clients: readonly TcpProxy[], buses: readonly TcpProxy[]) {
    this.clients = clients;
    this.#buses = buses;
  }

  static async open(nodes: readonly NodePorts[], ports: readonly number[]): Promise<ClusterLines> {
    const open = async (target: number, port: number, seed: number): Promise<TcpProxy> =>
      await TcpProxy.open({host: '127.0.0.1', port: target}, {port, random: new Random(seed)});
    const clients = nodes.map(async ({port}, index) => await open(port, ports[index]!, index));
    const buses = nodes.map(async ({bus}, index) => await open(bus, ports[nodes.length + index]!, index));
    return new ClusterLines(await Promise.all(clients), await Promise.all(buses));
  }

  /** The ports that a node names. */
  named(index: number): NodePorts {
    return {port: this.clients[index]!.port, bus: this.#buses[index]!.port};
  }

  /** Arguments of redis-server for a node. */
  argsOf(index: number): string[] {
    const {port, bus} = this.named(index);
    return [
      ...['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-port', String(port)],
      ...['--cluster-announce-bus-port', String(bus), '--bind-source-addr', addressOf(index)],
    ];
  }

  /** Cuts a node off from all other nodes. Clients still reach it. */
  cutOff(index: number): void {
    const own = addressOf(index);
    const others = this.clients.flatMap((_, other) => (other === index ? [] : [addressOf(other)]));
    for (const proxies of [this.clients, this.#buses])
      proxies.forEach((proxy, at) => proxy.bar(at === index ? others : [own]));
  }

  heal(): void {
    for (const proxy of [...this.clients, ...this.#buses]) proxy.bar([]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients, ...this.#buses].map(async (proxy) => await proxy.close()));
  }
}

/** The address that a node connects from. All of 127.0.0.0/8 is this machine. */
function addressOf(index: number): string {
  return `127.0.0.${11 + index}`;
}
