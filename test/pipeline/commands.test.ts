/**
 * The commands of the documents, run as a reader runs them: in a copy of the repository without installed packages, with
 * the servers that the quick start of README.md starts. Each block is pasted as a whole into a shell.
 *
 * Blocks of the kinds `sh docker` run in test/containers, and the syntax of `sh elsewhere` is checked in test/tidy.
 */
import {cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {spawnSync} from 'node:child_process';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import mysql from 'mysql2/promise';
import {freePorts} from '../../stack/ports.js';
import {readState} from '../../stack/stackState.js';
import {workerVariables, type StackEnv} from '../../stack/environment.js';
import {blocksOf, likeLine, markdownFiles, Paste, stepsOf, type Block} from '../support/commandBlocks.js';
import {until} from '../support/until.js';

const START_TIMEOUT_MS = 420_000;
const COMMAND_TIMEOUT_MS = 180_000;
/** The documents call the stack of the demo `demo`. This one must not meet the stack of a developer. */
const NAME = `commands-${process.pid}`;
/** The command that the demo prints for its worker. */
const STOP_WORKER = /\bkill \d+$/m;
/** Commands that run until they are interrupted. */
const SERVICE = /^projector audit (?!.*--once)/;

const folder = mkdtempSync(join(tmpdir(), 'order-projector-commands-'));
const copy = join(folder, 'order-projector');
const bin = join(folder, 'bin');
const environment: Record<string, string> = {PATH: `${bin}:${process.env['PATH'] ?? ''}`};
/** What README.md shows of the quick start, and what it printed here. */
const start = {shown: '', output: ''};

/** A block of README.md that contains this text. */
function readmeBlock(text: string): Block {
  const found = blocksOf('README.md').filter((block) => block.text.includes(text));
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** Replaces every text. Each must occur, so that a changed document cannot run with other servers. */
function adapted(text: string, replacements: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [from, to] of replacements) {
    expect(result).toContain(from);
    result = result.replaceAll(from, to);
  }
  return result;
}

function paste(text: string): Paste {
  return new Paste(text, {cwd: copy, env: environment});
}

/** Runs a block and returns its output. Every command in it must succeed. */
async function pasted(text: string): Promise<string> {
  const shell = paste(text);
  await shell.ended;
  expect(shell.output).not.toContain(Paste.failed);
  expect(shell.output).toContain(Paste.complete);
  return shell.output;
}

function copyTrackedFiles(): void {
  const {stdout} = spawnSync('git', ['ls-files', '-z'], {encoding: 'utf8'});
  for (const file of stdout.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(copy, file)), {recursive: true});
    cpSync(file, join(copy, file));
  }
}

function writeProgram(name: string, command: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`, {mode: 0o755});
}

function stackAddresses(): StackEnv {
  const {stdout} = spawnSync('npm', ['run', '-s', 'stack', '--', 'env', '--json', '--name', NAME], {
    cwd: copy,
    encoding: 'utf8',
  });
  return JSON.parse(stdout) as StackEnv;
}

beforeAll(async () => {
  mkdirSync(bin);
  copyTrackedFiles();
  const block = readmeBlock('npm run demo');
  const blocks = blocksOf('README.md');
  const shown = blocks[blocks.findIndex(({line}) => line === block.line) + 1]!;
  const names = new Map([
    ['--native --orders 500 --keep', `--native --orders 500 --keep --name ${NAME}`],
    ['--name demo', `--name ${NAME}`],
  ]);
  start.shown = shown.text.slice(0, shown.text.indexOf('best sellers'));
  start.output = await pasted(adapted(block.text, names));
  const env = stackAddresses();
  Object.assign(environment, workerVariables(env));
  const state = readState(NAME);
  const cli = state?.mode === 'native' ? state.install.redisCli : 'redis-cli';
  writeProgram('redis-cli', `${cli} -u ${env.redis.url}`);
  writeProgram('projector', `node ${copy}/dist/main.js`);
}, START_TIMEOUT_MS);

afterAll(async () => {
  const stopWorker = STOP_WORKER.exec(start.output)?.[0];
  if (stopWorker !== undefined) await paste(stopWorker).ended;
  const down = paste(`npm run -s stack -- down --name ${NAME}`);
  await down.ended;
  rmSync(folder, {recursive: true, force: true});
}, 120_000);

test('the quick start of README.md without Docker prints what README.md shows', () => {
  for (const line of start.shown.split('\n').filter((text) => text.trim() !== ''))
    expect(start.output).toMatch(likeLine(line));
  expect(start.output).toMatch(STOP_WORKER);
  expect(start.output).toMatch(/^best sellers: product\s+units$/m);
});

test(
  'the commands of README.md for own servers start a worker that becomes ready',
  async () => {
    const [port] = await freePorts(1);
    const [text, verify] = readmeBlock('connector apply &&').text.split(/^(?=.*main\.js verify)/m);
    const exports = /^export .*$/gm;
    const addresses = new Map([
      // The quick start has done both in this copy (stack/bootstrap.mjs).
      ['npm ci --ignore-scripts && npm run build', ':'],
      ['kafka:9092', environment['KAFKA_BROKERS']!],
      ['redis://redis:6379/0', environment['REDIS_URL']!],
      ['http://connect:8083', environment['CONNECT_URL']!],
      ['mysql://projector:CHANGE-ME@mysql:3306/shop', environment['MYSQL_URL']!],
    ]);
    const commands = adapted(text!, addresses);
    const shell = new Paste(commands, {
      cwd: copy,
      env: {PATH: environment['PATH']!, PROJECTOR_HTTP_PORT: String(port)},
    });
    const isReady = async (): Promise<boolean> => {
      if (!shell.isRunning) throw new Error(`the commands ended early:\n${shell.output.slice(-4_000)}`);
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    };
    try {
      await until(
        isReady,
        () => `a worker that is ready. Its output:\n${shell.output.slice(-4_000)}`,
        120_000,
      );
      const compared = await pasted(`${commands.match(exports)!.join('\n')}\n${verify!}`);
      expect(compared).toMatch(/^0 differences$/m);
    } finally {
      shell.signal('SIGINT');
      await shell.ended;
    }
    expect(shell.output).not.toContain(Paste.failed);
    expect(shell.output).toContain('"msg":"worker stopped"');
  },
  COMMAND_TIMEOUT_MS,
);

/** The documents that have blocks to run with these servers. README.md has its own tests above. */
const documents = markdownFiles()
  .filter((file) => file !== 'README.md')
  .map((file) => ({
    file,
    blocks: blocksOf(file).filter(({kind}) => ['sh', 'console', 'sql'].includes(kind)),
  }))
  .filter(({blocks}) => blocks.length > 0);

describe.each(documents)('$file', ({blocks}) => {
  test.each(blocks)(
    'the $kind block at line $line runs',
    async (block) => {
      if (block.kind === 'sh') await pasted(block.text);
      else if (block.kind === 'sql') await runSql(block.text);
      else await runSession(block);
    },
    COMMAND_TIMEOUT_MS,
  );
});

async function runSql(text: string): Promise<void> {
  const {port} = new URL(environment['MYSQL_URL']!);
  const connection = await mysql.createConnection({
    uri: `mysql://root@127.0.0.1:${port}/shop`,
    multipleStatements: true,
  });
  try {
    await connection.query(text);
  } finally {
    await connection.end();
  }
}

/** The commands of a session, one after the other. The last line that the document shows must be printed. */
async function runSession(block: Block): Promise<void> {
  for (const {command, shown} of stepsOf(block)) {
    const shell = paste(command);
    const last = shown.filter((line) => line.trim() !== '...').at(-1);
    if (SERVICE.test(command) && last !== undefined) {
      await until(
        () => likeLine(last).test(shell.output) || !shell.isRunning,
        () => `the line "${last}" of ${command}. Its output:\n${shell.output}`,
        COMMAND_TIMEOUT_MS / 2,
      );
      shell.signal('SIGINT');
    }
    await shell.ended;
    // 2: wrong usage; 126 and 127: no such program.
    expect(shell.output).not.toMatch(/^\(command failed\) (?:2|126|127):/m);
    if (last !== undefined) expect(shell.output).toMatch(likeLine(last));
  }
}
