/** Three Sentinels for a test, which monitor one master. They end with the test process. */
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import {fetchRedis} from '../../stack/native/downloads.js';
import {parentDeathPrefix, ServerProcess} from '../../stack/native/serverProcess.js';
import {freePorts} from '../../stack/ports.js';
import type {Certificate} from './certificates.js';
import {until} from './until.js';

/** If set, the Sentinels use only TLS: with each other, with the master, and with clients. */
export interface SentinelTls {
  /** The certificate file of the CA that signed all certificates. */
  readonly ca: string;
  readonly own: Certificate;
}

export const MASTER = 'shop-master';
const COUNT = 3;
const QUORUM = 2;

export class Sentinels implements AsyncDisposable {
  readonly ports: readonly number[];
  readonly #servers: readonly ServerProcess[];
  readonly #home: string;
  readonly #tls: SentinelTls | undefined;

  private constructor(
    at: {ports: readonly number[]; home: string; tls: SentinelTls | undefined},
    servers: readonly ServerProcess[],
  ) {
    this.ports = at.ports;
    this.#servers = servers;
    this.#home = at.home;
    this.#tls = at.tls;
  }

  /** Starts the Sentinels. Resolves when they have found each other and this number of replicas. */
  static async open(masterPort: number, replicas: number, tls?: SentinelTls): Promise<Sentinels> {
    const install = await fetchRedis({onProgress: (line) => process.stderr.write(`${line}\n`)});
    const home = mkdtempSync(join(tmpdir(), 'order-projector-sentinels-'));
    const ports = await freePorts(COUNT);
    const prefix = await parentDeathPrefix();
    const servers = ports.map((port) => {
      const folder = join(home, String(port));
      mkdirSync(folder);
      const file = join(folder, 'sentinel.conf');
      const lines = [
        ...[...portLines(port, tls), 'bind 127.0.0.1', `dir ${folder}`],
        `sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} ${QUORUM}`,
        `sentinel down-after-milliseconds ${MASTER} 1500`,
        `sentinel failover-timeout ${MASTER} 6000`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      const {redisServer: program, redisLibraryPath} = install;
      const env = redisLibraryPath === '' ? {} : {env: {LD_LIBRARY_PATH: redisLibraryPath}};
      const probe = async (): Promise<void> => {
        await ask({port, tls}, async (redis) => await redis.ping());
      };
      const recipe = {prepare: [], command: {program, args: [file, '--sentinel'], ...env}, probe};
      return new ServerProcess({name: 'redis', port, ...recipe}, join(folder, 'log'), prefix);
    });
    const sentinels = new Sentinels({ports, home, tls}, servers);
    for (const server of servers) server.start();
    for (const server of servers) await server.whenReady();
    await until(
      async () => (await sentinels.#views()).every((view) => isComplete(view, replicas)),
      () => `${COUNT} Sentinels to find each other and ${replicas} replicas`,
      60_000,
    );
    return sentinels;
  }

  get places(): string {
    return this.ports.map((port) => `127.0.0.1:${port}`).join(',');
  }

  /** The address of the master, as each Sentinel reports it. */
  async masterPorts(): Promise<number[]> {
    const of = async (port: number): Promise<number> =>
      await ask({port, tls: this.#tls}, async (redis) => {
        const place = (await redis.call('SENTINEL', 'get-master-addr-by-name', MASTER)) as string[];
        return Number(place[1]);
      });
    return await Promise.all(this.#alive.map(of));
  }

  get #alive(): readonly number[] {
    return this.ports.filter((_, index) => this.#servers[index]?.isRunning === true);
  }

  async #views(): Promise<string[][]> {
    const of = async (port: number): Promise<string[]> =>
      await ask(
        {port, tls: this.#tls},
        async (redis) => (await redis.call('SENTINEL', 'master', MASTER)) as string[],
      );
    return await Promise.all(this.ports.map(of));
  }

  /** Kills one of the Sentinels. The others still have a quorum. */
  async killOne(): Promise<void> {
    await this.#servers.at(-1)?.end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.end('SIGKILL');
    rmSync(this.#home, {recursive: true, force: true});
  }
}

/** Checks a reply of alternating names and values. */
function isComplete(view: readonly string[], replicas: number): boolean {
  const value = (name: string): string | undefined => view[view.indexOf(name) + 1];
  return value('num-slaves') === String(replicas) && value('num-other-sentinels') === String(COUNT - 1);
}

function portLines(port: number, tls: SentinelTls | undefined): string[] {
  if (tls === undefined) return [`port ${port}`];
  const {ca, own} = tls;
  return [
    ...['port 0', `tls-port ${port}`, 'tls-replication yes', 'tls-auth-clients no'],
    ...[`tls-ca-cert-file ${ca}`, `tls-cert-file ${own.cert}`, `tls-key-file ${own.key}`],
  ];
}

interface Place {
  readonly port: number;
  readonly tls: SentinelTls | undefined;
}

async function ask<T>({port, tls}: Place, work: (redis: Redis) => Promise<T>): Promise<T> {
  const secure = tls === undefined ? {} : {tls: {ca: readFileSync(tls.ca)}};
  const redis = new Redis({host: '127.0.0.1', port, retryStrategy: () => null, ...secure});
  redis.on('error', () => undefined);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
