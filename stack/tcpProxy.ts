/**
 * A TCP proxy in front of a server, which simulates network faults: it resets, refuses, holds or delays connections,
 * splits replies into bytes, and loses replies. The faults are set at run time and apply to all connections.
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
  /** The port to listen on at 127.0.0.1. Default: a free port. */
  readonly port?: number;
  /** Source of the random jitter. */
  readonly random?: Random;
}

/** The two sockets of one proxied connection, and a pipe for each direction. */
interface Link {
  /** The address that the client connects from. */
  readonly source: string;
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: TcpPipe;
  readonly replies: TcpPipe;
}

export type Direction = 'requests' | 'replies';

export class TcpProxy {
  /** The number of replies that the proxy discarded. */
  lost = 0;
  /** The port that the proxy listens on. */
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
  #barred: ReadonlySet<string> = new Set();

  private constructor(target: Address, port: number, random: Random) {
    this.#target = target;
    this.port = port;
    this.#random = random;
    this.#server = this.#newServer();
  }

  /** Opens a proxy in front of an address, or in front of the host and port of a URL. */
  static async open(target: Address | string, options: TcpProxyOptions = {}): Promise<TcpProxy> {
    // Port 0 would give a port of the kernel's range: an outgoing connection could use it while the proxy is closed.
    const port = options.port ?? (await freePorts(1))[0]!;
    const proxy = new TcpProxy(placeOf(target), port, options.random ?? new Random(1));
    await proxy.#listen();
    return proxy;
  }

  get address(): Address {
    return {host: '127.0.0.1', port: this.port};
  }

  /** The same URL with the host and port of the proxy. */
  url(of: string): string {
    const url = new URL(of);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** The number of connected clients. */
  get connections(): number {
    return this.#links.size;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Ends all faults. It does not reopen a proxy that was closed by `goAway`. */
  pass(): void {
    this.#losesWhen = () => false;
    for (const mode of Object.values(this.#modes)) {
      Object.assign(mode, {isHeld: false, isSliced: false, slowness: {}});
    }
    this.#wakeAll();
  }

  /** Resets the connection instead of delivering the selected replies. The server has executed the requests by then. */
  loseReplies(when: (reply: Buffer) => boolean): void {
    this.#losesWhen = when;
  }

  /** Resets connections that come from these addresses, open ones and new ones. It replaces the addresses of an earlier call. */
  bar(sources: Iterable<string>): void {
    this.#barred = new Set(sources);
    for (const link of this.#links) if (this.#barred.has(link.source)) cut(link);
  }

  /** Resets all connections. New ones are accepted. */
  cutAll(): void {
    for (const link of this.#links) cut(link);
  }

  /** Resets all connections and refuses new ones. */
  async goAway(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
  }

  /** New connections go to this server. Open connections stay with the previous one. */
  leadTo(target: Address | string): void {
    this.#target = placeOf(target);
  }

  /** Listens on the same port again. */
  async comeBack(): Promise<void> {
    this.#server = this.#newServer();
    await this.#listen();
  }

  /**
   * Simulates a network partition: connections stay open and new ones are accepted, but nothing is delivered, not even
   * the end of a connection. `release` delivers everything that was sent meanwhile, also from clients that have left.
   */
  hold(directions: readonly Direction[] = ['requests', 'replies']): void {
    for (const direction of directions) this.#modes[direction].isHeld = true;
  }

  release(): void {
    for (const mode of Object.values(this.#modes)) mode.isHeld = false;
    this.#wakeAll();
  }

  /** Slows down both directions from the next bytes on. `{}` ends the slowness. */
  slow(slowness: Slowness): void {
    for (const mode of Object.values(this.#modes)) mode.slowness = slowness;
    this.#wakeAll();
  }

  /** Delivers replies one byte at a time. */
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
    // allowHalfOpen: the end of one direction is forwarded in order, and does not close the other direction.
    return createServer({allowHalfOpen: true, noDelay: true}, (client) => {
      const source = client.remoteAddress ?? '';
      if (this.#barred.has(source)) {
        reset(client);
        return;
      }
      const server = createConnection({...this.#target, allowHalfOpen: true, noDelay: true});
      const random = this.#random;
      const link: Link = {
        source,
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
          // The end is queued after the replies that are still in flight.
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

/** Forwards the end of a socket to the other side: a FIN as a FIN, a reset as a reset. */
function passEnd(socket: Socket, pipe: TcpPipe): void {
  socket.on('end', () => pipe.finish('end'));
  // `close` follows and handles the error. Without this listener Node would throw.
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
