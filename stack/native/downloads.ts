/**
 * Downloads the programs of the native servers into the cache, once.
 *
 * Each item is a folder. It is created under a temporary name and renamed when it is complete, so that an interrupted
 * download is never used. A lock makes sure that concurrent launchers download it only once.
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

/** The folder name contains a hash of pom.xml, so a changed version uses a new folder. */
export function mavenFolder(item: MavenItem): string {
  const pins = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12);
  return join(downloadsFolder(), `${item}-${pins}`);
}

export function mavenItemsPresent(): boolean {
  return (Object.keys(MAVEN_ITEMS) as MavenItem[]).every((item) => existsSync(mavenFolder(item)));
}

export async function fetchAll(java: string, options: DownloadOptions): Promise<Install> {
  const fromMaven = async (): Promise<void> => {
    // Kafka is downloaded first. This run also downloads Maven's plugins, which two concurrent runs would both write.
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

/** Downloads Redis and the Debian libraries only, for tests that run their own Redis. */
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
        throw new StackError(`Maven failed to download ${title}:\n${lastLines(result.output, 12)}`);
      }
      if (item === 'mysql') await unpackMysql(folder, options.signal);
    },
  });
}

async function unpackMysql(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const archive = join(folder, 'mysql-Linux-amd64.tar.gz');
  const result = await run('tar', ['-xzf', archive, '-C', folder], {signal});
  if (!result.ok) throw new StackError(`tar failed to unpack MySQL:\n${lastLines(result.output, 5)}`);
  rmSync(archive);
}

interface ItemOptions extends DownloadOptions {
  fetch: (folder: string) => Promise<void>;
}

/** Creates the folder with `fetch` if it does not exist. */
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
    onWait: () => onProgress(`waiting for another process that downloads ${title} ...`),
  });
}

/** Removes the folders of interrupted downloads. None of them is in use, because this process holds the lock. */
function removeParts(folder: string): void {
  for (const name of readdirSync(dirname(folder))) {
    if (name.startsWith(`${basename(folder)}.part-`)) {
      rmSync(join(dirname(folder), name), {recursive: true, force: true});
    }
  }
}
