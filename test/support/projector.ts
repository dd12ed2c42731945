/** Runs commands in this process, and returns their output and exit code. That avoids the cost of starting a program. */
import {spawn} from 'node:child_process';
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {main} from '../../src/cli/program.js';
import {answerOf, requireAnswers} from './jsonAnswers.js';
import {variables, type CommandResult} from './stack.js';

/**
 * Runs `projector ...` until it ends. It gets the variables of the stack plus these ones, and no others. Every JSON answer is checked against
 * its schema, so each test of a command tests its schema too.
 */
export async function projector(
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const lines: string[] = [];
  const notes: string[] = [];
  const status = await main(
    ['node', 'projector', ...args],
    {...variables(), ...extra},
    {
      line: (text) => void lines.push(`${text}\n`),
      note: (text) => void notes.push(`${text}\n`),
    },
  );
  const stdout = lines.join('');
  const answer = stdout === '' ? undefined : answerOf(args);
  if (answer !== undefined) requireAnswers(answer, stdout);
  return {status, stdout, stderr: notes.join('')};
}

export interface BatchResult {
  readonly args: readonly string[];
  readonly code: number;
  /** The complete output of the process: that of the command, the logger and the client libraries. */
  readonly output: string;
}

/** Runs commands one after the other in a separate process, for tests that check the complete output of a process. */
export async function projectorBatch(
  commands: readonly (readonly string[])[],
  extra: Readonly<Record<string, string>> = {},
): Promise<BatchResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
  const file = join(folder, 'output');
  // Both streams go to one file, so that the output of a command precedes the line that marks its end.
  const fd = openSync(file, 'a');
  const child = spawn(process.execPath, ['test/support/projectorBatch.mjs', JSON.stringify(commands)], {
    env: {...process.env, NODE_ENV: 'production', ...variables(), ...extra},
    stdio: ['ignore', fd, fd],
  });
  closeSync(fd);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const output = readFileSync(file, 'utf8');
  rmSync(folder, {recursive: true});
  if (code !== 0) throw new Error(`the batch ended with exit code ${String(code)}: ${output.slice(-500)}`);
  const parts = output.split(/^end of command (\d+): exit code (\d+)\n/m);
  return commands.flatMap((args, index) => {
    const [own, number, exitCode] = parts.slice(3 * index);
    return Number(number) === index ? [{args, code: Number(exitCode), output: own ?? ''}] : [];
  });
}
