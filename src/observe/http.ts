/**
 * The HTTP server of a worker, for probes, metrics, status and the live page.
 *
 * It accepts only GET and HEAD. A request changes nothing. An answer never waits for Kafka, Redis, MySQL or Connect, so the probes
 * respond while a server is not reachable. The only exception are the answers about the shop (shopRoutes.ts), which wait for Redis.
 */
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {messageOf, ProjectorError} from '../runtime/errors.js';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** The Content-Security-Policy of the answer. Without it, the answer gets a policy that blocks everything. */
  readonly policy?: string;
}

export interface Asked {
  /** The last part of the path, percent-encoded, if the key of the route ends with `{id}`. Otherwise it is empty. */
  readonly id: string;
  /** The `Host` header. */
  readonly host: string;
}

/** The key is the path of a request. `{id}` at its end stands for any last part of a path. */
export type Routes = Readonly<Record<string, (asked: Asked) => Answer | Promise<Answer>>>;

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};
const POLICY = "default-src 'none'; frame-ancestors 'none'";

export class HttpServer {
  readonly #routes: Routes;
  readonly #server: Server;

  constructor(routes: Routes) {
    this.#routes = routes;
    this.#server = createServer(
      {requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS},
      (request, response) => {
        void this.#answer(request, response);
      },
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves with the port. Port 0 selects any free port. Rejects with `http-unavailable` if it cannot listen. */
  async listen(host: string, port: number): Promise<number> {
    const listening = new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({host, port, exclusive: true}, resolve);
    });
    try {
      await listening;
    } catch (error) {
      const what = `cannot listen on ${host}:${port} for probes and metrics: ${messageOf(error)}`;
      throw new ProjectorError('http-unavailable', what, {cause: error});
    }
    // Without a listener, an `error` event of the server (for example a failed accept) would throw and end the worker.
    this.#server.on('error', () => undefined);
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer({method, url = '/', headers}: IncomingMessage, response: ServerResponse): Promise<void> {
    const {status, type, body, policy = POLICY} = await this.#answerTo(method, url, headers.host ?? '');
    const allow = status === 405 ? {allow: 'GET, HEAD'} : {};
    response.writeHead(status, {
      ...HEADERS,
      ...allow,
      'content-security-policy': policy,
      'content-type': type,
      'content-length': Buffer.byteLength(body),
    });
    response.end(method === 'HEAD' ? undefined : body);
  }

  async #answerTo(method: string | undefined, url: string, host: string): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD are supported');
    const path = url.replace(/[?#].*$/s, '');
    const idBegin = path.lastIndexOf('/') + 1;
    const withId = this.#routeOf(`${path.slice(0, idBegin)}{id}`);
    const route = withId ?? this.#routeOf(path);
    if (route === undefined)
      return plain(404, `not found; the paths are ${Object.keys(this.#routes).join(', ')}`);
    try {
      return await route({host, id: withId === undefined ? '' : path.slice(idBegin)});
    } catch (error) {
      return plain(500, messageOf(error));
    }
  }

  #routeOf(path: string): Routes[string] | undefined {
    return Object.hasOwn(this.#routes, path) ? this.#routes[path] : undefined;
  }
}

export function plain(status: number, text: string): Answer {
  return {status, type: 'text/plain; charset=utf-8', body: `${text}\n`};
}

export function json(status: number, value: unknown): Answer {
  const body = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
  return {status, type: 'application/json; charset=utf-8', body: `${body}\n`};
}
