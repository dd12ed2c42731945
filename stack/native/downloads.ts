/**
 * Everything the native servers are made of, fetched once into the cache.
 *
 * An item is a folder. It is made under another name and renamed when complete, so an interrupted download is never
 * taken for a whole one; and under a lock, so two launchers at the same time fetch it once.
 */
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {lastLines, run, which} from '../command.js';
import {downloadsFolder, ROOT} from '../folders.js';
import {withLock} from '../lock.js';
import {StackError} from '../stackError.js';
import type {Install} from '../stackState.js';
import {debianFolder, debianLibraryPath, fetchDebian} from './debian.js';

export type RedisInstall = Pick<Install, 'redisServer' | 'redisCli' | 'redisLibraryPath'>;

export interface DownloadOptions {
  onProgress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

const POM = join(ROOT, 'stack', 'pom.xml');
const MAVEN_ITEMS = {
  kafka: {goal: 'dependency:copy-dependencies@kafka', title: 'Kafka and Kafka Connect'},
  debezium: {goal: 'dependency:unpack@debezium', title: "Debezium's MySQL connector"},
  mysql: {goal: 'dependency:unpack@mysql', title: 'MySQL'},
} as const;
type MavenItem = keyof typeof MAVEN_ITEMS;

/** Keyed by the content of pom.xml: a changed pin is another folder. */
export function mavenFolder(item: MavenItem): string {
  const pins = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12);
  return join(downloadsFolder(), `${item}-${pins}`);
}

export function mavenItemsPresent(): boolean {
  return (Object.keys(MAVEN_ITEMS) as MavenItem[]).every((item) => existsSync(mavenFolder(item)));
}

export async function fetchAll(java: string, options: DownloadOptions): Promise<Install> {
  const fromMaven = async (): Promise<void> => {
    // Kafka first and alone: it brings Maven's own plugins, which two cold runs at once would both write.
    await fetchMaven('kafka', options);
    await Promise.all([fetchMaven('debezium', options), fetchMaven('mysql', options)]);
  };
  const [redis] = await Promise.all([fetchRedis(options), fromMaven()]);
  const mysqlFolder = mavenFolder('mysql');
  return {
    ...redis,
    java,
    kafkaFolder: mavenFolder('kafka'),
    pluginsFolder: mavenFolder('debezium'),
    mysqlFolder,
    mysqlLibraryPath: `${join(mysqlFolder, 'lib')}:${debianLibraryPath()}`,
  };
}

/** Redis alone, with what comes along from Debian; for a test that runs one of its own. */
export async function fetchRedis(options: DownloadOptions): Promise<RedisInstall> {
  mkdirSync(downloadsFolder(), {recursive: true});
  await installItem(debianFolder(), 'Redis and libraries from Debian', {
    ...options,
    fetch: (folder) => fetchDebian(folder, options.signal),
  });
  const redisOnPath = which('redis-server');
  return {
    redisServer: redisOnPath ?? join(debianFolder(), 'unpacked', 'usr', 'bin', 'redis-server'),
    redisCli:
      redisOnPath === undefined ? join(debianFolder(), 'bin', 'redis-cli') : (which('redis-cli') ?? ''),
    redisLibraryPath: redisOnPath === undefined ? debianLibraryPath() : '',
  };
}

function fetchMaven(item: MavenItem, options: DownloadOptions): Promise<void> {
  const {goal, title} = MAVEN_ITEMS[item];
  return installItem(mavenFolder(item), title, {
    ...options,
    fetch: async (folder) => {
      const result = await run('mvn', ['-q', '-B', '-ntp', '-f', POM, `-Dtarget=${folder}`, goal], {
        signal: options.signal,
      });
      if (!result.ok) {
        throw new StackError(`Maven could not fetch ${title}:\n${lastLines(result.output, 12)}`);
      }
      if (item === 'mysql') await unpackMysql(folder, options.signal);
    },
  });
}

async function unpackMysql(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const archive = join(folder, 'mysql-Linux-amd64.tar.gz');
  const result = await run('tar', ['-xzf', archive, '-C', folder], {signal});
  if (!result.ok) throw new StackError(`tar could not unpack MySQL:\n${lastLines(result.output, 5)}`);
  rmSync(archive);
}

interface ItemOptions extends DownloadOptions {
  fetch: (folder: string) => Promise<void>;
}

export async function installItem(folder: string, title: string, options: ItemOptions): Promise<void> {
  if (existsSync(folder)) return;
  const {onProgress, signal} = options;
  const install = async (): Promise<void> => {
    if (existsSync(folder)) return;
    removeParts(folder);
    const startedMs = Date.now();
    const part = `${folder}.part-${process.pid}`;
    mkdirSync(part);
    onProgress(`downloading ${title} ...`);
    try {
      await options.fetch(part);
      renameSync(part, folder);
    } catch (error) {
      rmSync(part, {recursive: true, force: true});
      throw error;
    }
    onProgress(`downloaded ${title} in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  };
  await withLock(`download ${folder}`, install, {
    signal,
    onWait: () => onProgress(`waiting for another launcher that downloads ${title} ...`),
  });
}

/** What an interrupted download left; no living one can be there, since the lock is ours. */
function removeParts(folder: string): void {
  for (const name of readdirSync(dirname(folder))) {
    if (name.startsWith(`${basename(folder)}.part-`)) {
      rmSync(join(dirname(folder), name), {recursive: true, force: true});
    }
  }
}
