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

/** Why the Python example cannot run on this machine. Undefined if it can. This installs nothing. */
export function whyNoPython(): string | undefined {
  if (which('python3') === undefined) return 'PATH contains no python3.';
  const answer = spawnSync('python3', ['-c', VERSION_CHECK], {encoding: 'utf8', timeout: 20_000});
  if (answer.status !== 0) return `python3 is not version ${PYTHON_MIN} or later.`;
  if (existsSync(packagesFolder())) return undefined;
  const pip = spawnSync('python3', ['-m', 'pip', '--version'], {encoding: 'utf8', timeout: 20_000});
  return pip.status === 0 ? undefined : 'python3 has no pip to install redis-py with.';
}

const VERSION_CHECK = `import sys; sys.exit(sys.version_info < (${PYTHON_MIN.replace('.', ', ')}))`;

/** Installs redis-py on the first call of a machine. */
export async function pythonReader(): Promise<Reader> {
  const folder = packagesFolder();
  if (!existsSync(folder)) await install(folder);
  return {
    name: 'python',
    report: async (args) =>
      await run('python3', ['examples/python/shop_report.py', ...args], {
        cwd: ROOT,
        env: {PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1'},
      }),
  };
}

/** The name contains the exact version, so that another version is another folder. */
function packagesFolder(): string {
  return join(cacheFolder(), 'python', readFileSync(REQUIREMENTS, 'utf8').trim());
}

/** The folder gets its name at the end, so that a folder of that name is complete. */
async function install(folder: string): Promise<void> {
  const part = `${folder}.part-${process.pid}`;
  mkdirSync(join(folder, '..'), {recursive: true});
  try {
    const args = ['-m', 'pip', 'install', '--quiet', '--no-input', '--target', part, '-r', REQUIREMENTS];
    const {ok, output} = await run('python3', args, {timeoutMs: INSTALL_TIMEOUT_MS});
    if (!ok) throw new Error(`redis-py cannot be installed: ${output.trim()}`);
    if (!existsSync(folder)) renameSync(part, folder);
  } finally {
    rmSync(part, {recursive: true, force: true});
  }
}
