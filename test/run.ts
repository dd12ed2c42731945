/**
 * Runs the checks and tests. Its modes are `check` (format, lint, types, unit and property tests, no servers), `all` (the
 * same, and all tests on real servers) and `soak` (the long form of the tests that have one). The last line of the output
 * is `N passed, N failed, N skipped`.
 *
 * Arguments are passed to jest. If they contain paths of test files, or parts of paths, only those files run. SEED repeats
 * the order of the files and the random data of the tests.
 */
import {spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {randomInt} from 'node:crypto';

/** The content of the file that the summary reporter writes. */
interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly files: readonly FileResult[];
  readonly peaksMebibytes: readonly number[];
}

interface FileResult {
  readonly file: string;
  readonly seconds: number;
  readonly hasFailed: boolean;
  /** The name of each failed test with the first lines of its error. */
  readonly reasons: readonly string[];
}

/** Several times the duration of the longest run. A run that hangs is killed and counts as failed. */
const HANGS_MS = 60 * 60_000;
const SOAK_HANGS_MS = 8 * HANGS_MS;
/**
 * Test files that use servers run in three jest processes, each with its own servers. That works with two cores, because
 * most of these tests wait for a session, a timeout or the start of a server.
 */
const IN_LANES = '--maxWorkers=3';
/** Tests without servers only compute, so one process per core is best. */
const ON_CORES = `--maxWorkers=${availableParallelism()}`;
const ALONE = '--maxWorkers=1';
/** Heap limit of jest and its workers. Without it V8 collects garbage so late that a process grows to gigabytes. */
const HEAP_LIMIT_MEBIBYTES = {test: 450, soak: 2_000};
/** Timeout for tests of the soak tier that set no other timeout. */
const SOAK_TEST_TIMEOUT_MS = 30 * 60_000;
const SLOWEST = 20;
const TOOLS = {
  prettier: 'prettier/bin/prettier.cjs',
  eslint: 'eslint/bin/eslint.js',
  tsc: 'typescript/bin/tsc',
  jest: 'jest/bin/jest.js',
} as const;

const [mode = 'all', ...jestArgs] = process.argv.slice(2);
/** With file names, or a test name after -t, only a part of the tests runs, without format, lint and type checks. */
const isPart = jestArgs.some((arg) => !arg.startsWith('-'));
const hasWorkers = jestArgs.some((arg) => /^(?:-w|-i|--runInBand|--maxWorkers)/.test(arg));
const seed = process.env['SEED'] ?? String(randomInt(2 ** 31));
const tier = mode === 'soak' ? 'soak' : 'test';
const counts = {passed: 0, failed: 0, skipped: 0};
const files: FileResult[] = [];
const started = performance.now();

if (!/^\d{1,10}$/.test(seed)) {
  process.stderr.write(`SEED is "${seed}", but it must be an integer of at most 10 digits.\n`);
  process.exit(2);
}
process.stderr.write(`seed ${seed}: SEED=${seed} repeats the order of the files and the random data\n`);
if (isPart) {
  await jest('selected tests', [ALONE]);
} else if (mode === 'soak') {
  await jest('soak', [IN_LANES, `--testTimeout=${SOAK_TEST_TIMEOUT_MS}`, ...filesOfBothTiers()]);
} else {
  // The linter runs concurrently, because it takes longer than all other checks together.
  await Promise.all([step('lint', 'eslint', ['.']), formatAndTypes()]);
  if (mode === 'check') {
    await jest('fast', [ON_CORES, '--selectProjects', 'fast']);
  } else {
    // The simulation has one long file. In a common run it could start last, and the other core would be idle.
    await Promise.all([
      jest('simulation', [ALONE, '--selectProjects', 'simulation']),
      jest('fast', [ALONE, '--selectProjects', 'fast']),
    ]);
    await jest('stack', [IN_LANES, '--selectProjects', 'stack']);
    await jest('containers', [ALONE, '--selectProjects', 'containers']);
  }
}
tellSlowest();
const command = mode === 'soak' ? 'npm run soak' : 'npm test';
for (const {file, reasons} of files.filter(({hasFailed}) => hasFailed)) {
  for (const reason of reasons) process.stderr.write(`${reason}\n`);
  process.stderr.write(`FAILED ${file}: to repeat it, run SEED=${seed} ${command} -- ${file}\n`);
}
process.stderr.write(`total time ${seconds(started)} s, seed ${seed}\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** Test files that import the tier, and therefore have a long form. */
function filesOfBothTiers(): string[] {
  return readdirSync('test', {recursive: true, encoding: 'utf8'})
    .map((name) => join('test', name))
    .filter(
      (file) => file.endsWith('.test.ts') && readFileSync(file, 'utf8').includes("'../support/tier.js'"),
    );
}

async function formatAndTypes(): Promise<void> {
  await step('format', 'prettier', ['--check', '--log-level=warn', '.']);
  await step('types', 'tsc', ['-p', 'tsconfig.json']);
  await step('types of the page', 'tsc', ['-p', 'src/page', '--noEmit']);
}

async function step(name: string, tool: keyof typeof TOOLS, toolArgs: readonly string[]): Promise<void> {
  const begin = performance.now();
  const {isGood, output} = await run(tool, toolArgs, {});
  if (!isGood) counts.failed++;
  process.stderr.write(`${output}${isGood ? 'ok' : 'FAILED'}  ${name} (${seconds(begin)} s)\n`);
}

async function jest(name: string, options: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
  const file = join(folder, 'summary.json');
  const begin = performance.now();
  const own = options.filter((option) => !(hasWorkers && option.startsWith('--maxWorkers')));
  const {isGood} = await run('jest', [...own, ...jestArgs], {
    SUMMARY_FILE: file,
    SEED: seed,
    TIER: tier,
  });
  try {
    const summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
    counts.passed += summary.passed;
    counts.failed += summary.failed;
    counts.skipped += summary.skipped;
    files.push(...summary.files);
    // jest can fail without a failed test, for example if the servers did not start. That counts as a failure.
    if (!isGood && summary.failed === 0) counts.failed++;
    const peaks = summary.peaksMebibytes.join(', ');
    process.stderr.write(`${name}: ${seconds(begin)} s, peak memory of the jest processes ${peaks} MiB\n`);
  } catch {
    counts.failed++;
  }
  rmSync(folder, {recursive: true, force: true});
}

interface Ended {
  readonly isGood: boolean;
  /** The output of a tool. Empty for jest, which writes to this terminal directly. */
  readonly output: string;
}

async function run(
  tool: keyof typeof TOOLS,
  toolArgs: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Ended> {
  const nodeOptions = tool === 'jest' ? [`--max-old-space-size=${HEAP_LIMIT_MEBIBYTES[tier]}`] : [];
  const child = spawn(process.execPath, [...nodeOptions, join('node_modules', TOOLS[tool]), ...toolArgs], {
    stdio: ['ignore', tool === 'jest' ? 'inherit' : 'pipe', tool === 'jest' ? 'inherit' : 'pipe'],
    env: {...process.env, ...variables},
    timeout: mode === 'soak' ? SOAK_HANGS_MS : HANGS_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => (output += data.toString()));
  return await new Promise((resolve) => {
    child.once('error', ({message}) => resolve({isGood: false, output: message}));
    child.once('close', (code) => resolve({isGood: code === 0, output}));
  });
}

function tellSlowest(): void {
  const slowest = [...files].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  process.stderr.write('slowest test files, in seconds:\n');
  for (const {file, seconds: took} of slowest)
    process.stderr.write(`${took.toFixed(1).padStart(7)}  ${file}\n`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1);
}
