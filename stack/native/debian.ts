/**
 * Downloads Debian packages of Redis and of two libraries that MySQL requires, and unpacks them into the cache. Nothing
 * is installed, so no root rights are required. Programs and libraries of the machine are used if they exist.
 */
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {type CommandResult, lastLines, run, which} from '../command.js';
import {downloadsFolder} from '../folders.js';
import {StackError} from '../stackError.js';

/** Change this when the structure of the folder changes, so that older cache folders are not used. */
const LAYOUT = '3';
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'];
/** Debian renamed libaio1 to libaio1t64 in the transition to 64-bit time values. */
const MYSQL_LIBRARIES = [
  {file: 'libaio.so.1', packages: ['libaio1t64', 'libaio1']},
  {file: 'libnuma.so.1', packages: ['libnuma1']},
];

/** The folder name depends on the distribution and on the missing files, because both decide what is downloaded. */
export function debianFolder(): string {
  const lacks = [
    LAYOUT,
    which('redis-server') === undefined ? 'redis' : '',
    ...missingLibraries().map(({file}) => file),
  ];
  const key = createHash('sha256')
    .update(`${osRelease()}\n${lacks.join(' ')}`)
    .digest('hex')
    .slice(0, 12);
  return join(downloadsFolder(), `debian-${key}`);
}

export function debianLibraryPath(): string {
  return LIBRARY_FOLDERS.map((folder) => join(debianFolder(), 'unpacked', folder)).join(':');
}

/** Names of the missing packages, for messages. Empty if nothing has to be downloaded. */
export function missingFromDebian(): string[] {
  const redis = which('redis-server') === undefined ? ['redis-server'] : [];
  return [...redis, ...missingLibraries().map(({packages}) => packages.at(-1)!)];
}

export async function fetchDebian(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked);
  if (missingFromDebian().length === 0) return;
  const apt = new Apt(folder, signal);
  await apt.fetch(unpacked, async () => await neededPackages(apt));
  writeRedisCli(folder);
  for (const libraries of LIBRARY_FOLDERS.map((path) => join(unpacked, path))) {
    const renamed = join(libraries, 'libaio.so.1t64');
    if (existsSync(renamed)) symlinkSync('libaio.so.1t64', join(libraries, 'libaio.so.1'));
  }
}

/** Writes a redis-cli script that sets its own library path, so that a user can copy it from a message into a shell. */
function writeRedisCli(folder: string): void {
  if (!existsSync(join(folder, 'unpacked', 'usr', 'bin', 'redis-cli'))) return;
  const libraries = LIBRARY_FOLDERS.map((path) => `$here/unpacked/${path}`).join(':');
  const script = [
    '#!/bin/sh',
    'here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)',
    `LD_LIBRARY_PATH="${libraries}" exec "$here/unpacked/usr/bin/redis-cli" "$@"`,
  ];
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'redis-cli'), `${script.join('\n')}\n`, {mode: 0o755});
}

async function neededPackages(apt: Apt): Promise<string[]> {
  const packages = new Set<string>();
  if (which('redis-server') === undefined) {
    for (const name of ['redis-server', 'redis-tools']) {
      packages.add(name);
      for (const library of await apt.missingDependencies(name)) packages.add(library);
    }
  }
  for (const library of missingLibraries()) packages.add(await apt.firstKnown(library.packages));
  return [...packages];
}

/** Runs apt to download packages into a folder, and unpacks them there. */
export class Apt {
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  #options: string[] = ['-o', 'APT::Sandbox::User=root'];

  constructor(folder: string, signal: AbortSignal | undefined) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Downloads the packages. If that fails, it updates the package lists, calls `packages` again and retries once. */
  async fetch(unpacked: string, packages: () => Promise<string[]>): Promise<void> {
    const download = async (): Promise<void> =>
      mustSucceed(await this.#run('apt-get', ['download', ...(await packages())]), 'apt-get download');
    await download().catch(async () => {
      // The package lists are missing, or they name files that the mirror has deleted.
      await this.#update();
      await download();
    });
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith('.deb')) continue;
      const file = join(this.#folder, name);
      const result = await run('dpkg', ['-x', file, unpacked], {signal: this.#signal});
      if (!result.ok) throw new StackError(`dpkg failed to unpack ${name}:\n${lastLines(result.output, 5)}`);
      rmSync(file);
    }
  }

  /** The package and those of its dependencies that the machine lacks. Nothing is installed. */
  async toInstall(name: string): Promise<string[]> {
    const args = ['--simulate', 'install', '--no-install-recommends', name];
    const result = await this.#run('apt-get', args);
    mustSucceed(result, `apt-get --simulate install ${name}`);
    return [...result.stdout.matchAll(/^Inst (\S+)/gm)].map(([, needed]) => needed!);
  }

  async #update(): Promise<void> {
    if (process.getuid?.() !== 0) {
      const lists = join(this.#folder, 'apt');
      mkdirSync(join(lists, 'lists', 'partial'), {recursive: true});
      this.#options.push('-o', `Dir::State::Lists=${join(lists, 'lists')}`, '-o', `Dir::Cache=${lists}`);
    }
    mustSucceed(await this.#run('apt-get', ['update']), 'apt-get update');
  }

  /** The libraries that the package requires and the machine lacks. Of alternatives it returns the first. */
  async missingDependencies(name: string): Promise<string[]> {
    const result = await this.#run('apt-cache', ['depends', '--important', name]);
    mustSucceed(result, 'apt-cache depends');
    const missing: string[] = [];
    let satisfied = false;
    let firstAlternative: string | undefined;
    for (const [, bar, library] of result.stdout.matchAll(/^ ([ |])(?:Pre)?Depends: (\S+)$/gm)) {
      firstAlternative ??= library!;
      satisfied ||= !library!.startsWith('lib') || (await this.#isInstalled(library!));
      if (bar === '|') continue;
      if (!satisfied) missing.push(firstAlternative);
      satisfied = false;
      firstAlternative = undefined;
    }
    return missing;
  }

  async #isInstalled(name: string): Promise<boolean> {
    const result = await run('dpkg-query', ['-W', '-f', '${db:Status-Status}', name]);
    return result.ok && result.stdout === 'installed';
  }

  async firstKnown(names: string[]): Promise<string> {
    for (const name of names) {
      if ((await this.#run('apt-cache', ['show', name])).ok) return name;
    }
    throw new StackError(`The package lists of apt contain none of these packages: ${names.join(', ')}.`);
  }

  #run(program: string, args: string[]): Promise<CommandResult> {
    return run(program, [...this.#options, ...args], {
      cwd: this.#folder,
      env: {LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive'},
      signal: this.#signal,
    });
  }
}

function mustSucceed(result: CommandResult, what: string): void {
  if (!result.ok) throw new StackError(`${what} failed:\n${lastLines(result.output, 8)}`);
}

function missingLibraries(): typeof MYSQL_LIBRARIES {
  const folders = ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib64', '/lib64', '/usr/lib'];
  return MYSQL_LIBRARIES.filter(({file}) => !folders.some((folder) => existsSync(join(folder, file))));
}

export function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return 'unknown';
  }
}
