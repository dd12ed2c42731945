/** Runs the programs of examples/ as processes. The Python client is installed once, into the cache and not into the repository. */
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {run, which} from '../../stack/command.js';
import {cacheFolder, ROOT} from '../../stack/folders.js';

/** The examples need this version, because they use `X | None` in annotations of fields and the newest client. */
const PYTHON_MIN = '3.10';
const REQUIREMENTS = join(ROOT, 'examples', 'python', 'requirements.txt');
const INSTALL_TIMEOUT_MS = 100_000;

export interface Reader {
  readonly name: 'python' | 'node';
  /** Runs the reader until it exits. */
  report(args: readonly string[]): Promise<ReaderResult>;
}

export interface ReaderResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** stdout and stderr. */
  readonly output: string;
}

export const nodeReader: Reader = {
  name: 'node',
  report: async (args) =>
    await run(process.execPath, ['examples/node/shop-report.mjs', ...args], {cwd: ROOT}),
};

export const pythonReader: Reader = {
  name: 'python',
  report: async (args) =>
    await run('python3', ['examples/python/shop_report.py', ...args], {
      cwd: ROOT,
      env: {PYTHONPATH: packagesFolder(), PYTHONDONTWRITEBYTECODE: '1'},
    }),
};

/** Why the Python example cannot run on this machine. Undefined if it can. The first call on a machine installs redis-py. */
export function whyNoPython(): string | undefined {
  if (which('python3') === undefined) return 'PATH contains no python3.';
  const answer = spawnSync('python3', ['-c', VERSION_CHECK], {encoding: 'utf8', timeout: 20_000});
  if (answer.status !== 0) return `python3 is not version ${PYTHON_MIN} or later.`;
  const folder = packagesFolder();
  return existsSync(folder) ? undefined : install(folder);
}

const VERSION_CHECK = `import sys; sys.exit(sys.version_info < (${PYTHON_MIN.replace('.', ', ')}))`;

/** The name contains the exact version, so that another version is another folder. */
function packagesFolder(): string {
  return join(cacheFolder(), 'python', readFileSync(REQUIREMENTS, 'utf8').trim());
}

/** Returns why it failed. The folder gets its name at the end, so that a folder of that name is complete. */
function install(folder: string): string | undefined {
  const part = `${folder}.part-${process.pid}`;
  mkdirSync(join(folder, '..'), {recursive: true});
  const args = ['-m', 'pip', 'install', '--quiet', '--no-input', '--target', part, '-r', REQUIREMENTS];
  const {status, stderr} = spawnSync('python3', args, {encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS});
  try {
    if (status !== 0) return `redis-py could not be installed: ${stderr.trim().split('\n').at(-1) ?? ''}`;
    if (!existsSync(folder)) renameSync(part, folder);
    return undefined;
  } finally {
    rmSync(part, {recursive: true, force: true});
  }
}
