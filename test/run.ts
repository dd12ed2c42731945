/**
 * The two gates: `check` (format, lint, types, unit and property tests; no servers) and `all` (that, and everything on
 * real servers). Ends with one line: `N passed, N failed, N skipped`. Further arguments go to jest.
 */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Several times what the longest project takes: a run that hangs fails, and does not hold up everything. */
const HANGS_MS = 60 * 60_000;

/** What the counts reporter leaves. */
interface JestRun extends Counts {
  /** What the servers of the stack project were. */
  servers: 'native' | 'docker' | null;
}

const [mode = 'all', ...jestArgs] = process.argv.slice(2);
const counts: Counts = {passed: 0, failed: 0, skipped: 0};
const started = performance.now();

step('format', 'prettier', ['--check', '--log-level=warn', '.']);
step('lint', 'eslint', ['.']);
step('types', 'tsc', ['-p', 'tsconfig.json']);
step('types of the page', 'tsc', ['-p', 'src/observe/page', '--noEmit']);
jest('fast', []);
if (mode === 'all') {
  jest('simulation', []);
  jest('stack', ['--runInBand']);
  jest('containers', ['--runInBand']);
}

process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0)} s in all\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function step(name: string, tool: string, args: string[]): void {
  const begin = performance.now();
  const result = spawnSync(process.execPath, [binary(tool), ...args], {stdio: 'inherit'});
  const ok = result.status === 0;
  if (!ok) counts.failed++;
  process.stderr.write(
    `${ok ? 'ok' : 'FAILED'}  ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)\n`,
  );
}

function jest(project: string, args: string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
  const file = join(folder, 'counts.json');
  const result = spawnSync(
    process.execPath,
    [binary('jest'), '--selectProjects', project, ...args, ...jestArgs],
    {
      stdio: 'inherit',
      timeout: HANGS_MS,
      killSignal: 'SIGKILL',
      env: {...process.env, COUNTS_FILE: file},
    },
  );
  try {
    const run = JSON.parse(readFileSync(file, 'utf8')) as JestRun;
    if (run.servers !== null)
      process.stderr.write(
        `${project}: on ${run.servers === 'docker' ? 'containers' : 'native processes'}\n`,
      );
    counts.passed += run.passed;
    counts.failed += run.failed;
    counts.skipped += run.skipped;
    // A run that fails without a failed test (a stack that did not start, a leak) must not pass.
    if (result.status !== 0 && run.failed === 0) counts.failed++;
  } catch {
    counts.failed++;
  }
  rmSync(folder, {recursive: true, force: true});
}

function binary(tool: string): string {
  const files: Record<string, string> = {
    prettier: 'prettier/bin/prettier.cjs',
    eslint: 'eslint/bin/eslint.js',
    tsc: 'typescript/bin/tsc',
    jest: 'jest/bin/jest.js',
  };
  return join('node_modules', files[tool] ?? tool);
}
