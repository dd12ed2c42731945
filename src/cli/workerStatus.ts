/**
 * Asks a running worker for its status (observe/routes.ts).
 *
 * The worker may run another version of this program. So every field except `state` and `partitions` may be missing.
 */
import {connectionReason, ProjectorError} from '../runtime/errors.js';

const TIMEOUT_MS = 5_000;

/** Requests /status and resolves with its JSON. Rejects with `worker-unreachable` on any failure. */
export async function fetchStatus(base: string, timeoutMs = TIMEOUT_MS): Promise<unknown> {
  try {
    const response = await fetch(`${base}/status`, {signal: AbortSignal.timeout(timeoutMs)});
    if (!response.ok) throw new Error(`the server responded with HTTP status ${response.status}`);
    return await response.json();
  } catch (error) {
    throw new ProjectorError(
      'worker-unreachable',
      `cannot read the status of a worker from ${base}/status: ${connectionReason(error)}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Returns the address of a worker with these settings, as seen from the same machine. Throws `usage` if PROJECTOR_HTTP_PORT is `off` or 0,
 * because then the port is unknown.
 */
export function workerUrl(host: string, port: number | 'off'): string {
  if (port === 'off' || port === 0) {
    const why =
      port === 0 ? 'is 0, so the port of the worker is unknown' : 'is off, so the worker has no HTTP server';
    throw new ProjectorError('usage', `PROJECTOR_HTTP_PORT ${why}: set the address of a worker with --url`);
  }
  // 0.0.0.0 and :: mean that the worker listens on every address. A client must connect to one, so it uses the loopback address.
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Returns the status, or undefined if `body` is not the response of a worker. */
export function readStatus(body: unknown): WorkerStatus | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const {state, partitions} = body as Partial<WorkerStatus>;
  return typeof state === 'string' && Array.isArray(partitions) ? (body as WorkerStatus) : undefined;
}

export interface WorkerPartition {
  readonly partition: number;
  /** Offsets and counts are strings, because a JSON number would lose digits (I8). */
  readonly position: string | null;
  readonly end: string | null;
  readonly lagRecords: string | null;
}

export interface WorkerStatus {
  readonly state: string;
  readonly ready?: {readonly isWell?: boolean; readonly reasons?: readonly string[]};
  readonly version?: string;
  readonly group?: string;
  readonly topic?: string;
  readonly now?: string;
  readonly started?: string;
  readonly lagRecords?: string | null;
  readonly lagSeconds?: number | null;
  readonly freshnessSeconds?: number | null;
  readonly records?: Readonly<Record<string, unknown>>;
  readonly rebalances?: number;
  readonly connector?: {readonly name?: string; readonly state?: string} | null;
  readonly audit?: {
    readonly isRunning?: boolean;
    readonly isRequested?: boolean;
    readonly overdueSeconds?: number;
    readonly last?: {
      readonly ended?: string;
      readonly differences?: number;
      readonly repaired?: number;
      readonly open?: number;
    } | null;
  } | null;
  readonly partitions: readonly WorkerPartition[];
  readonly errors?: readonly {readonly at?: string; readonly kind?: string; readonly detail?: string}[];
}
