/**
 * A TCP proxy before a server, on a port of its own, as the network that fails: it cuts, refuses, holds, delays,
 * slices, and loses replies. What it does is changed at run time, for all connections.
 */
import {createConnection, createServer, type Server, type Socket} from 'node:net';
import {freePorts} from './ports.js';
import {Random} from './random.js';
import {reset, type PipeMode, type Slowness, TcpPipe} from './tcpPipe.js';

export type {Slowness} from './tcpPipe.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TcpProxyOptions {
  /** Where to listen on 127.0.0.1; default: a free port. */
  readonly port?: number;
  /** For the jitter. */
  readonly random?: Random;
}

/** A client and its way to the server. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: TcpPipe;
  readonly replies: TcpPipe;
}

export type Direction = 'requests' | 'replies';

export class TcpProxy {
  /** How many replies were lost. */
  lost = 0;
  /** Where it listens. */
  readonly port: number;
  #target: Address;
  readonly #random: Random;
  readonly #links = new Set<Link>();
  readonly #modes: Readonly<Record<Direction, PipeMode>> = {
    requests: {isHeld: false, isSliced: false, slowness: {}},
    replies: {isHeld: false, isSliced: false, slowness: {}},
  };
  #server: Server;
  #losesWhen: (reply: Buffer) => boolean = () => false;

  private constructor(target: Address, port: number, random: Random) {
    this.#target = target;
    this.port = port;
    this.#random = random;
    this.#server = this.#newServer();
  }

  /** In front of an address, or of the host and port of a URL. */
  static async open(target: Address | string, options: TcpProxyOptions = {}): Promise<TcpProxy> {
    // Not any free port: while the proxy is away, an outgoing connection could take one of the kernel's range.
    const port = options.port ?? (await freePorts(1))[0]!;
    const proxy = new TcpProxy(placeOf(target), port, options.random ?? new Random(1));
    await proxy.#listen();
    return proxy;
  }

  get address(): Address {
    return {host: '127.0.0.1', port: this.port};
  }

  /** The same URL, through the proxy. */
  url(of: string): string {
    const url = new URL(of);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#links.size;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Lets everything through again; not for a proxy that went away. */
  pass(): void {
    this.#losesWhen = () => false;
    for (const mode of Object.values(this.#modes)) {
      Object.assign(mode, {isHeld: false, isSliced: false, slowness: {}});
    }
    this.#wakeAll();
  }

  /** Cuts the connection instead of delivering what these replies begin; the server has done the work by then. */
  loseReplies(when: (reply: Buffer) => boolean): void {
    this.#losesWhen = when;
  }

  /** Resets all connections; new ones are taken. */
  cutAll(): void {
    for (const link of this.#links) cut(link);
  }

  /** Resets all connections and refuses new ones. */
  async goAway(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
  }

  /** New connections lead to this server; open ones stay with the old one. */
  leadTo(target: Address | string): void {
    this.#target = placeOf(target);
  }

  /** Back on the same port. */
  async comeBack(): Promise<void> {
    this.#server = this.#newServer();
    await this.#listen();
  }

  /**
   * A black hole: connections stay and new ones are taken, but nothing arrives, not even the end of a connection. What
   * was sent meanwhile arrives after `release`, also from clients that have left: as after a partition of the network.
   */
  hold(directions: readonly Direction[] = ['requests', 'replies']): void {
    for (const direction of directions) this.#modes[direction].isHeld = true;
  }

  release(): void {
    for (const mode of Object.values(this.#modes)) mode.isHeld = false;
    this.#wakeAll();
  }

  /** Both directions, from the next bytes on; `{}` makes the line quick again. */
  slow(slowness: Slowness): void {
    for (const mode of Object.values(this.#modes)) mode.slowness = slowness;
    this.#wakeAll();
  }

  /** Delivers replies byte by byte. */
  slice(isSliced = true): void {
    this.#modes.replies.isSliced = isSliced;
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.goAway();
    else this.cutAll();
  }

  #wakeAll(): void {
    for (const {requests, replies} of this.#links) {
      requests.wake();
      replies.wake();
    }
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  #newServer(): Server {
    // Half open: an end is passed on in its turn, not answered at once.
    return createServer({allowHalfOpen: true, noDelay: true}, (client) => {
      const server = createConnection({...this.#target, allowHalfOpen: true, noDelay: true});
      const random = this.#random;
      const link: Link = {
        client,
        server,
        requests: new TcpPipe({from: client, to: server, mode: this.#modes.requests, random}),
        replies: new TcpPipe({from: server, to: client, mode: this.#modes.replies, random}),
      };
      this.#links.add(link);
      client.on('data', (request: Buffer) => link.requests.push(request));
      server.on('data', (reply: Buffer) => {
        if (this.#losesWhen(reply)) {
          this.lost++;
          // Behind the replies that are still on their way.
          link.replies.finish('reset');
          server.destroy();
        } else link.replies.push(reply);
      });
      passEnd(client, link.requests);
      passEnd(server, link.replies);
      for (const socket of [client, server]) {
        socket.on('close', () => {
          if (client.closed && server.closed) this.#forget(link);
        });
      }
    });
  }

  #forget(link: Link): void {
    link.requests.close();
    link.replies.close();
    this.#links.delete(link);
  }
}

/** Passes the end of a socket on to the other side, as the end that it was. */
function passEnd(socket: Socket, pipe: TcpPipe): void {
  socket.on('end', () => pipe.finish('end'));
  // Told once more by `close`; without a listener Node would throw.
  socket.on('error', () => undefined);
  socket.on('close', (hadError) => hadError && pipe.finish('reset'));
}

function cut({client, server}: Link): void {
  reset(client);
  reset(server);
}

function placeOf(target: Address | string): Address {
  if (typeof target !== 'string') return target;
  const {hostname, port, protocol} = new URL(target);
  const standard = protocol.startsWith('redis') ? 6379 : protocol === 'mysql:' ? 3306 : 80;
  return {host: hostname, port: port === '' ? standard : Number(port)};
}
