/** A TCP proxy before Redis: loses replies, and goes away for a while. */
import {createConnection, createServer, type AddressInfo, type Server, type Socket} from 'node:net';

export class RedisProxy {
  /** How many replies were lost. */
  lost = 0;
  readonly #target: URL;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #server: Server;
  #port = 0;
  #losesWhen: (reply: Buffer) => boolean = () => false;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = this.#newServer();
  }

  static async open(target: string): Promise<RedisProxy> {
    const proxy = new RedisProxy(target);
    await proxy.#listen();
    return proxy;
  }

  /** The same URL, through the proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#port);
    return url.href;
  }

  /** Cuts the connection instead of delivering what these replies begin; Redis has done the work by then. */
  loseReplies(when: (reply: Buffer) => boolean): void {
    this.#losesWhen = when;
  }

  /** Cuts all connections; new ones are taken. */
  cutAll(): void {
    for (const pair of this.#pairs) cut(pair);
  }

  /** Cuts all connections and refuses new ones. */
  async goAway(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
  }

  /** Back on the same port. */
  async comeBack(): Promise<void> {
    this.#server = this.#newServer();
    await this.#listen();
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.goAway();
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #newServer(): Server {
    return createServer((client) => {
      const server = createConnection({host: this.#target.hostname, port: Number(this.#target.port || 6379)});
      const pair = [client, server] as const;
      this.#pairs.add(pair);
      for (const socket of pair) {
        socket.on('error', () => cut(pair));
        socket.on('close', () => {
          cut(pair);
          this.#pairs.delete(pair);
        });
      }
      client.on('data', (request) => server.write(request));
      server.on('data', (reply) => {
        if (this.#losesWhen(reply)) {
          this.lost++;
          cut(pair);
        } else client.write(reply);
      });
    });
  }
}

function cut(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) socket.destroy();
}
