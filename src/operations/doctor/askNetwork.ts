/** Looks up the names of hosts, and asks what uses the HTTP port of a worker. */
import {lookup} from 'node:dns/promises';
import {isIP} from 'node:net';
import type {Config} from '../../config/config.js';
import {causesOf, messageOf, ProjectorError} from '../../runtime/errors.js';
import type {Questions} from './asking.js';
import type {Answer} from './check.js';

export interface HostAnswer {
  readonly host: string;
  /** How many addresses the host has. */
  readonly addresses: Answer<number>;
}

/** Every host in the settings, without duplicates. With Sentinels, REDIS_URL contains the name of a master and not of a host. */
export function hostsOf(config: Config): string[] {
  const {brokers = [], redisUrl, redisSentinels, redisClusterNodes = [], mysqlUrl, connectUrl} = config;
  const redis = redisSentinels === undefined ? redisUrl : undefined;
  const urls = [redis, mysqlUrl, connectUrl].filter((url) => url !== undefined);
  const hosts = [
    ...[...brokers, ...(redisSentinels ?? []), ...redisClusterNodes].map((place) =>
      place.replace(/:\d+$/, ''),
    ),
    ...urls.map((url) => new URL(url).hostname),
  ];
  return [...new Set(hosts.map((host) => host.replace(/^\[|\]$/g, '')).filter((host) => host !== ''))];
}

export async function askHosts(hosts: readonly string[], questions: Questions): Promise<HostAnswer[]> {
  const asked = {what: 'the name service', kind: 'host-unknown'} as const;
  return await Promise.all(
    hosts.map(async (host) => ({
      host,
      addresses: await questions.ask(asked, async () => {
        if (isIP(host) !== 0) return 1;
        try {
          return (await lookup(host, {all: true})).length;
        } catch (error) {
          const detail = `host name ${host} cannot be resolved: ${messageOf(error)}`;
          throw new ProjectorError('host-unknown', detail, {cause: error});
        }
      }),
    })),
  );
}

/** What uses the port for probes and metrics. */
export type PortUse = 'free' | 'worker' | 'other';

/** `fetchStatus` returns the JSON of the worker at this address. It rejects if no worker answers. */
export async function askPort(
  questions: Questions,
  fetchStatus: () => Promise<unknown>,
  isWorker: (body: unknown) => boolean,
): Promise<Answer<PortUse>> {
  return await questions.ask({what: 'the HTTP port', kind: 'http-unavailable'}, async () => {
    try {
      return isWorker(await fetchStatus()) ? 'worker' : 'other';
    } catch (error) {
      return isRefused(error) ? 'free' : 'other';
    }
  });
}

function isRefused(error: unknown): boolean {
  return [...causesOf(error)].some(
    (link) => link instanceof Error && 'code' in link && link.code === 'ECONNREFUSED',
  );
}
