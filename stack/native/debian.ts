/**
 * Redis, and two libraries that MySQL needs, from Debian's packages: downloaded and unpacked into the cache, never
 * installed, so root is not needed and the machine stays as it was. What the machine has is not fetched.
 */
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {type CommandResult, lastLines, run, which} from '../command.js';
import {downloadsFolder} from '../folders.js';
import {StackError} from '../stackError.js';

/** To be changed with the shape of the folder, so that an older one is not taken for it. */
const LAYOUT = '3';
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'];
/** Debian renamed libaio1 when its time values became 64 bits wide. */
const MYSQL_LIBRARIES = [
  {file: 'libaio.so.1', packages: ['libaio1t64', 'libaio1']},
  {file: 'libnuma.so.1', packages: ['libnuma1']},
];

/** Keyed by the distribution and by what it lacks: both decide what is fetched. */
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

/** Names for a message; empty when there is nothing to fetch. */
export function missingFromDebian(): string[] {
  const redis = which('redis-server') === undefined ? ['redis-server'] : [];
  return [...redis, ...missingLibraries().map(({packages}) => packages.at(-1)!)];
}

export async function fetchDebian(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const unpacked = join(folder, 'unpacked');
  if (missingFromDebian().length === 0) {
    mkdirSync(unpacked);
    return;
  }
  await unpackPackages(folder, (apt) => apt.missingPackages(), signal);
  writeRedisCli(folder);
  for (const libraries of LIBRARY_FOLDERS.map((path) => join(unpacked, path))) {
    const renamed = join(libraries, 'libaio.so.1t64');
    if (existsSync(renamed)) symlinkSync('libaio.so.1t64', join(libraries, 'libaio.so.1'));
  }
}

/** Downloads packages and unpacks them into `unpacked` of the folder. */
export async function unpackPackages(
  folder: string,
  namesOf: (apt: Apt) => Promise<Iterable<string>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked);
  const apt = new Apt(folder, signal);
  await apt.download(namesOf).catch(async () => {
    // No package lists yet, or lists that name files which the mirror no longer has.
    await apt.update();
    await apt.download(namesOf);
  });
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.deb')) continue;
    const result = await run('dpkg', ['-x', join(folder, name), unpacked], {signal});
    if (!result.ok) throw new StackError(`dpkg could not unpack ${name}:\n${lastLines(result.output, 5)}`);
    rmSync(join(folder, name));
  }
}

/** A command that finds its libraries by itself, so that it can be copied from a message into a shell. */
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

class Apt {
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  #options: string[] = ['-o', 'APT::Sandbox::User=root'];

  constructor(folder: string, signal: AbortSignal | undefined) {
    this.#folder = folder;
    this.#signal = signal;
  }

  async update(): Promise<void> {
    if (process.getuid?.() !== 0) {
      const lists = join(this.#folder, 'apt');
      mkdirSync(join(lists, 'lists', 'partial'), {recursive: true});
      this.#options.push('-o', `Dir::State::Lists=${join(lists, 'lists')}`, '-o', `Dir::Cache=${lists}`);
    }
    mustSucceed(await this.#run('apt-get', ['update']), 'apt-get update');
  }

  async download(namesOf: (apt: this) => Promise<Iterable<string>>): Promise<void> {
    const names = await namesOf(this);
    mustSucceed(await this.#run('apt-get', ['download', ...names]), 'apt-get download');
  }

  /** Redis and the libraries that the machine has not. */
  async missingPackages(): Promise<Set<string>> {
    const packages = new Set<string>();
    if (which('redis-server') === undefined) {
      for (const name of ['redis-server', 'redis-tools']) {
        packages.add(name);
        for (const library of await this.#missingDependencies(name)) packages.add(library);
      }
    }
    for (const library of missingLibraries()) packages.add(await this.#firstKnown(library.packages));
    return packages;
  }

  /** Libraries that the package needs and the machine has not; of alternatives the first. */
  async #missingDependencies(name: string): Promise<string[]> {
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

  async #firstKnown(names: string[]): Promise<string> {
    for (const name of names) {
      if ((await this.#run('apt-cache', ['show', name])).ok) return name;
    }
    throw new StackError(`Debian's package lists know none of ${names.join(', ')}.`);
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

function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return 'unknown';
  }
}
