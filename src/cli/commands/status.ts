/** `projector status`: prints the response of /status of a running worker in readable form. */
import {EXIT} from '../../runtime/errorPolicy.js';
import {connectionReason, ProjectorError} from '../../runtime/errors.js';
import type {Output} from '../terminal/output.js';
import {readStatus, statusLines} from './statusView.js';

export interface StatusOptions {
  /** `http://host:port` of the worker. If it is undefined, HTTP_HOST and HTTP_PORT are used. */
  readonly url: string | undefined;
  readonly json: boolean;
}

const TIMEOUT_MS = 5_000;

export async function status(
  {url, json}: StatusOptions,
  {
    config: {httpHost, httpPort},
    output,
  }: {config: {readonly httpHost: string; readonly httpPort: number | 'off'}; output: Output},
): Promise<number> {
  const base = url ?? workerUrl(httpHost, httpPort);
  const body = await fetchStatus(base);
  const told = readStatus(body);
  if (told === undefined) {
    throw new ProjectorError(
      'worker-unreachable',
      `what answers at ${base}/status is no worker of this program`,
    );
  }
  for (const line of json ? [JSON.stringify(body)] : statusLines(told)) output.line(line);
  return EXIT.ok;
}

/**
 * Returns the address of a worker with these settings, as seen from the same machine. Throws `usage` if HTTP_PORT is `off` or 0,
 * because then the port is unknown.
 */
export function workerUrl(host: string, port: number | 'off'): string {
  if (port === 'off' || port === 0) {
    const why = port === 0 ? 'is 0, so that any port may be the one' : 'is off';
    throw new ProjectorError('usage', `HTTP_PORT ${why}: give the address of the worker with --url`);
  }
  // 0.0.0.0 and :: mean that the worker listens on every address. A client must connect to one, so it uses the loopback address.
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Requests /status and resolves with its JSON. Rejects with `worker-unreachable` on any failure. */
export async function fetchStatus(base: string, timeoutMs = TIMEOUT_MS): Promise<unknown> {
  try {
    const response = await fetch(`${base}/status`, {signal: AbortSignal.timeout(timeoutMs)});
    if (!response.ok) throw new Error(`it answers with ${response.status}`);
    return await response.json();
  } catch (error) {
    throw new ProjectorError(
      'worker-unreachable',
      `no worker answers at ${base}/status: ${connectionReason(error)}`,
      {
        cause: error,
      },
    );
  }
}
