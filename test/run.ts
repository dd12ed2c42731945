/**
 * The gates: `check` (format, lint, types, unit and property tests; no servers), `all` (that, and everything on real
 * servers, in lanes) and `soak` (the long form of all tests that have one). Ends with one line: `N passed, N failed, N skipped`.
 *
 * Arguments go to jest. With paths of test files, or parts of them, only those files run. SEED repeats an order of files and what
 * tests draw at random.
 */
import {spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {randomInt} from 'node:crypto';

/** What the summary reporter leaves. */
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
}

/** Several times what the longest run takes: one that hangs fails, and does not hold up everything. */
const HANGS_MS = 60 * 60_000;
const SOAK_HANGS_MS = 8 * HANGS_MS;
/**
 * Test files on servers run in three processes at a time, each with servers of its own. Two cores are enough for them: most tests
 * wait for a session, a timeout or a server that starts.
 */
const IN_LANES = '--maxWorkers=3';
/** Tests without servers only compute. */
const ON_CORES = `--maxWorkers=${availableParallelism()}`;
const ALONE = '--maxWorkers=1';
/** Heap limit of jest; its workers inherit it. Without a limit V8 collects garbage late, and a process grows to gigabytes. */
const HEAP_LIMIT_MEBIBYTES = {test: 450, soak: 2_000};
/** For tests of the soak tier that name no limit of their own. */
const SOAK_TEST_TIMEOUT_MS = 30 * 60_000;
const SLOWEST = 20;
const TOOLS = {
  prettier: 'prettier/bin/prettier.cjs',
  eslint: 'eslint/bin/eslint.js',
  tsc: 'typescript/bin/tsc',
  jest: 'jest/bin/jest.js',
} as const;

const [mode = 'all', ...jestArgs] = process.argv.slice(2);
/** Files, or a name of tests after -t: a part of the tests, without format, lint and types. */
const isPart = jestArgs.some((arg) => !arg.startsWith('-'));
const hasWorkers = jestArgs.some((arg) => /^(?:-w|-i|--runInBand|--maxWorkers)/.test(arg));
const seed = process.env['SEED'] ?? String(randomInt(2 ** 31));
const tier = mode === 'soak' ? 'soak' : 'test';
const counts = {passed: 0, failed: 0, skipped: 0};
const files: FileResult[] = [];
const started = performance.now();

if (!/^\d{1,10}$/.test(seed)) {
  process.stderr.write(`SEED is "${seed}": it must be a whole number of at most 10 digits.\n`);
  process.exit(2);
}
process.stderr.write(`seed ${seed}; repeat the order of files and the random data with SEED=${seed}\n`);
if (isPart) {
  await jest('part of the tests', [ALONE]);
} else if (mode === 'soak') {
  await jest('soak', [IN_LANES, `--testTimeout=${SOAK_TEST_TIMEOUT_MS}`, ...filesOfBothTiers()]);
} else {
  // The linter needs a core for longer than all others together.
  await Promise.all([step('lint', 'eslint', ['.']), formatAndTypes()]);
  if (mode === 'check') {
    await jest('fast', [ON_CORES, '--selectProjects', 'fast']);
  } else {
    // The simulation is one long file. In one run with the others it could be drawn last, and one core would be idle.
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
for (const {file} of files.filter(({hasFailed}) => hasFailed))
  process.stderr.write(`FAILED ${file}: repeat it with SEED=${seed} ${command} -- ${file}\n`);
process.stderr.write(`${seconds(started)} s in all, seed ${seed}\n`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** Those that ask for the tier, and so have a long form. */
function filesOfBothTiers(): string[] {
  return readdirSync('test', {recursive: true, encoding: 'utf8'})
    .map((name) => join('test', name))
    .filter(
      (file) => file.endsWith('.test.ts') && readFileSync(file, 'utf8').includes("'../support/tier.js'"),
    );
}

async function formatAndTypes(): Promise<void> {
  await step('format', 'prettier', ['--check', '--projector-log-level=warn', '.']);
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
    // A run that fails without a failed test (servers that did not start, a leak) must not pass.
    if (!isGood && summary.failed === 0) counts.failed++;
    const peaks = summary.peaksMebibytes.join(', ');
    process.stderr.write(`${name}: ${seconds(begin)} s, memory of jest's processes at most ${peaks} MiB\n`);
  } catch {
    counts.failed++;
  }
  rmSync(folder, {recursive: true, force: true});
}

interface Ended {
  readonly isGood: boolean;
  /** Of a tool; jest writes for itself. */
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
  process.stderr.write('the slowest files, in seconds:\n');
  for (const {file, seconds: took} of slowest)
    process.stderr.write(`${took.toFixed(1).padStart(7)}  ${file}\n`);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1);
}
