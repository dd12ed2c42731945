/** Runs the programs of examples/ as processes. The Python client is installed once, into the cache and not into the repository. */
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, renameSync, rmSync} from 'node:fs';
import {delimiter, join} from 'node:path';
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
  /** Runs the reader of the partitioned layout until it exits. */
  partitioned(args: readonly string[]): Promise<ReaderResult>;
  /** What a function of the reader of the partitioned layout returns for each input. */
  results(name: keyof typeof NODE_CALLS, inputs: readonly unknown[]): Promise<unknown[]>;
}

export interface ReaderResult {
  readonly ok: boolean;
  readonly stdout: string;
  /** stdout and stderr. */
  readonly output: string;
}

/** One call for each function, as an expression of the input. A key is shown in hexadecimal digits. */
const NODE_CALLS = {
  murmur2: 'murmur2(Buffer.from(input))',
  recordKey: "recordKey(input, 'text').toString('hex')",
  partitionOf: 'partitionOf(...input)',
};
const PYTHON_CALLS: Readonly<Record<keyof typeof NODE_CALLS, string>> = {
  murmur2: 'murmur2(input.encode())',
  recordKey: 'record_key(input, "text").hex()',
  partitionOf: 'partition_of(*input)',
};

const node = async (args: readonly string[]): Promise<ReaderResult> =>
  await run(process.execPath, [...args], {cwd: ROOT});

export const nodeReader: Reader = {
  name: 'node',
  report: async (args) => await node(['examples/node/shop-report.mjs', ...args]),
  partitioned: async (args) => await node(['examples/node/partitioned-order.mjs', ...args]),
  results: async (name, inputs) => {
    const script = [
      `import {${name}} from './examples/node/partitioned-order.mjs';`,
      `console.log(JSON.stringify(JSON.parse(process.argv[1]).map((input) => ${NODE_CALLS[name]})));`,
    ];
    return parsed(await node(['--input-type=module', '-e', script.join('\n'), JSON.stringify(inputs)]));
  },
};

const python = async (args: readonly string[]): Promise<ReaderResult> =>
  await run('python3', [...args], {
    cwd: ROOT,
    env: {
      PYTHONPATH: [packagesFolder(), join(ROOT, 'examples', 'python')].join(delimiter),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });

export const pythonReader: Reader = {
  name: 'python',
  report: async (args) => await python(['examples/python/shop_report.py', ...args]),
  partitioned: async (args) => await python(['examples/python/partitioned_order.py', ...args]),
  results: async (name, inputs) => {
    const script = [
      'import json, sys',
      'from partitioned_order import murmur2, partition_of, record_key',
      `print(json.dumps([${PYTHON_CALLS[name]} for input in json.loads(sys.argv[1])]))`,
    ];
    return parsed(await python(['-c', script.join('\n'), JSON.stringify(inputs)]));
  },
};

function parsed({ok, stdout, output}: ReaderResult): unknown[] {
  if (!ok) throw new Error(`the example failed: ${output}`);
  return JSON.parse(stdout) as unknown[];
}

/** The names of a reader's JSON, as the Node example writes them: `user_id` is `userId`. */
export function camelNames(json: string): unknown {
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, char: string) => char.toUpperCase());
  return JSON.parse(json, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([name, part]) => [camel(name), part as unknown]))
      : value,
  );
}

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
