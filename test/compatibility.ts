/**
 * `npm run compatibility`: runs the tests of the pipeline on combinations of versions, as containers. It needs a Docker engine.
 *
 * It keeps the newest result of each combination in test/compatibility.json, and writes them into docs/compatibility.md and README.md.
 * Words after `--` select combinations: `npm run compatibility -- valkey` runs those whose images or Node.js contain `valkey`.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {lastLines, run} from '../stack/command.js';

interface Combination {
  readonly mysql: string;
  readonly redis: string;
  /** The version in the npm package `node`. */
  readonly node: string;
}

interface Versions {
  readonly mysql: string;
  readonly redis: string;
  readonly node: string;
}

interface Seen extends Versions {
  /** YYYY-MM-DD */
  readonly date: string;
  /** The last line of the tests. */
  readonly summary: string;
}

/** The newest result of each combination, by `nameOf`. */
type Results = Record<string, Seen>;

/** Every server and every Node.js is in one combination at least, next to the versions of docker-compose.yml. */
const COMBINATIONS: readonly Combination[] = [
  {mysql: 'mysql:8.0', redis: 'redis:7.4', node: '20'},
  {mysql: 'mysql:9.7', redis: 'redis:7.4', node: '24'},
  {mysql: 'mysql:8.0', redis: 'redis:8', node: '22'},
  {mysql: 'mysql:9.7', redis: 'redis:8', node: '24'},
  {mysql: 'mysql:8.0', redis: 'valkey/valkey:8', node: '24'},
  {mysql: 'mysql:9.7', redis: 'valkey/valkey:8', node: '22'},
];
/** Parts of names of test files: all that a worker, a rebuild and a comparison ask of MySQL and Redis. */
const TESTS = [
  'pipeline/changes',
  'pipeline/deletes',
  'pipeline/cascades',
  'pipeline/types',
  'pipeline/ids',
  'pipeline/rebuild',
  'pipeline/verify.test',
  'pipeline/crash',
  'pipeline/schemaChanges',
  'pipeline/silentChanges',
];
const LIMIT_MS = 30 * 60_000;
const RESULTS = 'test/compatibility.json';
const DOCUMENT = 'docs/compatibility.md';
const README = 'README.md';
const BEGIN = '<!-- compatibility: written by npm run compatibility -->';
const END = '<!-- compatibility: end -->';

const words = process.argv.slice(2);
const chosen = COMBINATIONS.filter((each) => words.every((word) => nameOf(each).includes(word)));
const seen: Seen[] = [];
for (const combination of chosen) {
  const result = await tested(combination);
  seen.push(result);
  const results = storedResults();
  results[nameOf(combination)] = result;
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
}
writeDocuments(COMBINATIONS.flatMap((each) => storedResults()[nameOf(each)] ?? []));
process.stdout.write(`${table(seen).join('\n')}\n`);
process.exitCode = seen.length > 0 && seen.every(isGood) ? 0 : 1;

function storedResults(): Results {
  return JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
}

function nameOf({mysql, redis, node}: Combination): string {
  return `${mysql} ${redis} node:${node}`;
}

function isGood({summary}: Seen): boolean {
  return / 0 failed,/.test(summary);
}

function writeDocuments(rows: readonly Seen[]): void {
  replacePart(DOCUMENT, table(rows));
  replacePart(README, [summaryOf(rows)]);
}

async function tested({mysql, redis, node}: Combination): Promise<Seen> {
  const npmNode = ['exec', '--yes', `--package=node@${node}`, '--', 'node'];
  const [mysqlText, redisText, nodeText] = await Promise.all([
    versionText('docker', ['run', '--rm', '--entrypoint', 'mysqld', mysql, '--version']),
    versionText('docker', ['run', '--rm', '--entrypoint', redisProgram(redis), redis, '--version']),
    versionText('npm', [...npmNode, '--version']),
  ]);
  const versions: Versions = {
    mysql: `MySQL ${firstVersion(mysqlText)}`,
    redis: `${redis.startsWith('valkey') ? 'Valkey' : 'Redis'} ${firstVersion(redisText)}`,
    node: `Node.js ${firstVersion(nodeText)}`,
  };
  process.stderr.write(`${versions.mysql}, ${versions.redis}, ${versions.node} ...\n`);
  const {ok, output} = await run('npm', [...npmNode, '--import', 'tsx', 'test/run.ts', 'all', ...TESTS], {
    env: {STACK_MODE: 'docker', MYSQL_IMAGE: mysql, REDIS_IMAGE: redis},
    timeoutMs: LIMIT_MS,
  });
  if (!ok) process.stderr.write(`${lastLines(output, 400)}\n`);
  const summary = /^\d+ passed, \d+ failed, \d+ skipped$/m.exec(output)?.[0] ?? 'did not end';
  process.stderr.write(`  ${summary}\n`);
  return {...versions, date: new Date().toISOString().slice(0, 10), summary};
}

function redisProgram(image: string): string {
  return image.startsWith('valkey') ? 'valkey-server' : 'redis-server';
}

async function versionText(program: string, programArgs: string[]): Promise<string> {
  const {ok, stdout, output} = await run(program, programArgs);
  if (ok) return stdout;
  throw new Error(`${program} ${programArgs.join(' ')} failed:\n${lastLines(output, 8)}`);
}

/** The first version in the output of `--version`: `mysqld  Ver 9.7.4 for Linux`, `Redis server v=8.0.6 sha=...`, `v24.9.0`. */
function firstVersion(text: string): string {
  const version = /\d+\.\d+\.\d+/.exec(text)?.[0];
  if (version === undefined) throw new Error(`there is no version in "${text.trim()}"`);
  return version;
}

function table(rows: readonly Seen[]): string[] {
  return [
    '| MySQL | Redis or Valkey | Node.js | Tests of the pipeline | On |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({mysql, redis, node, summary, date}) =>
        `| ${mysql.replace('MySQL ', '')} | ${redis} | ${node.replace('Node.js ', '')} | ${summary} | ${date} |`,
    ),
  ];
}

/** One sentence for the README: the versions that were in a combination without failures. */
function summaryOf(rows: readonly Seen[]): string {
  const good = rows.filter(isGood);
  const versions = (name: keyof Versions): string =>
    [...new Set(good.map((row) => row[name]))].sort().join(', ');
  const dates = good.map(({date}) => date).sort();
  return `Tested in combinations, the last on ${dates.at(-1) ?? 'no day'}: ${versions('mysql')}; ${versions('redis')}; ${versions('node')}.`;
}

function replacePart(path: string, lines: readonly string[]): void {
  const text = readFileSync(path, 'utf8');
  const [before, rest, ...more] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${path} must contain "${BEGIN}" once, and "${END}" after it`);
  writeFileSync(path, `${before}${BEGIN}\n\n${lines.join('\n')}\n\n${END}${after}`);
}
