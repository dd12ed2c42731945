/** Completion: bash accepts the script, and completes by it. */
import {spawnSync} from 'node:child_process';
import {main} from '../../src/cli/program.js';

async function script(shell: string): Promise<string> {
  const lines: string[] = [];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => lines.push(text)};
  expect(await main(['node', 'projector', 'completion', shell], {}, output)).toBe(0);
  return `${lines.join('\n')}\n`;
}

/** What bash offers for the last of these words. */
async function offered(words: readonly string[]): Promise<string[]> {
  const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _projector; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const {status, stdout, stderr} = spawnSync('bash', ['--norc', '-c', `${await script('bash')}${line}`], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash accepts the script', async () => {
  const {status, stderr} = spawnSync('bash', ['-n'], {input: await script('bash'), encoding: 'utf8'});
  expect([status, stderr]).toEqual([0, '']);
});

test.each([
  [
    ['projector', ''],
    ['run', 'lag', 'dlq', 'completion'],
    ['--json', 'list', '--kafka-brokers'],
  ],
  [['projector', 'd'], ['doctor', 'dlq'], ['run']],
  [
    ['projector', 'dlq', ''],
    ['list', 'show', 'drop', 'replay'],
    ['run', 'dlq'],
  ],
  [
    ['projector', 'dlq', 'list', '--'],
    ['--json', '--help', '--kafka-brokers', '--redis-url-file'],
    ['list', '--redis-url'],
  ],
  [['projector', '--kafka-topic', 'dlq', 'o'], ['orders', 'offsets'], ['list']],
  [
    ['projector', 'verify', '--against', ''],
    ['mysql', 'log'],
    ['--json', 'run'],
  ],
  [['projector', 'report', ''], ['products', 'users', 'totals', '--top'], ['run']],
  [['projector', 'lag', '--interval', '3', '--w'], ['--watch'], ['--json']],
  [['projector', 'config', 'check', '--redis-url-file', 'package.j'], ['package.json'], ['--json']],
])('%j: bash offers what can follow', async (words, wanted, unwanted) => {
  const found = await offered(words);
  expect(wanted.filter((word) => !found.includes(word))).toEqual([]);
  expect(unwanted.filter((word) => found.includes(word))).toEqual([]);
});

test.each(['zsh', 'fish'])('%s: the script names every command, and quotes every text', async (shell) => {
  const text = await script(shell);
  for (const command of ['run', 'dlq', 'replay', 'completion', 'reset'])
    expect(text).toMatch(new RegExp(`\\b${command}\\b`));
  // Whoever takes out what stands in single quotes finds none that is left, and no line end inside.
  const rest = text.split('\n').filter((line) => line.replace(/'[^']*'/g, '').includes("'"));
  expect(rest.filter((line) => !/\\'/.test(line))).toEqual([]);
});

test('zsh and fish accept their scripts where they are there', async () => {
  for (const shell of ['zsh', 'fish']) {
    const {error, status, stderr} = spawnSync(shell, ['-n'], {input: await script(shell), encoding: 'utf8'});
    if (error === undefined) expect([shell, status, stderr]).toEqual([shell, 0, '']);
    else expect(error.message).toContain('ENOENT');
  }
});
