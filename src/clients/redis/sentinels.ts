/** The Sentinels of a Redis: how ioredis asks them for the address of the master. */
import type {Redis} from 'ioredis';
import {tlsOptions, type Server, type TlsMaterial} from '../tls.js';

export interface SentinelSettings {
  /** Each as `host:port`. */
  readonly places: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** ioredis asks the Sentinels once and then stops, so that this class can report the reason. Then this class starts the next attempt. */
export function sentinelOptions({url, tls, sentinels}: WithSentinels) {
  if (sentinels === undefined) return {};
  const {username, password} = sentinels;
  const hasTls = url.startsWith('rediss:');
  return {
    sentinels: placesOf(sentinels),
    name: decodeURIComponent(new URL(url).hostname),
    role: 'master' as const,
    sentinelRetryStrategy: () => null,
    // Sentinels publish failovers, and ioredis then reconnects. Without it, writes to an isolated old master would continue for longer.
    failoverDetector: true,
    ...(username === undefined ? {} : {sentinelUsername: username}),
    ...(password === undefined ? {} : {sentinelPassword: password}),
    ...(hasTls ? {enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls)} : {}),
  };
}

/**
 * ioredis connects to the Sentinels for the failover detector without a listener for errors, and prints the stack of every such error. A
 * Sentinel that is down needs no message, because the others detect a failover too. If none responds, the connection reports it.
 */
export function silenceSentinels(redis: Redis): void {
  const {connector} = redis as unknown as {connector: {connectToSentinel: (...args: unknown[]) => Redis}};
  const connect = connector.connectToSentinel.bind(connector);
  connector.connectToSentinel = (...args) => connect(...args).on('error', () => undefined);
}

/** The addresses of the Sentinels. */
export function placesOf(sentinels: SentinelSettings | undefined): Server[] {
  return (sentinels?.places ?? []).map((place) => {
    const [host = '', port] = place.split(':');
    return {host, port: Number(port)};
  });
}

interface WithSentinels {
  readonly url: string;
  readonly tls?: TlsMaterial | undefined;
  readonly sentinels?: SentinelSettings;
}
