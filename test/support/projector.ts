/** The command line, called in this process: what a command prints and how it ends, without the cost of starting a program. */
import {spawn} from 'node:child_process';
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {main} from '../../src/cli/program.js';
import {variables, type CommandResult} from './stack.js';

/** Runs `projector ...` to its end, with these variables on top of the stack's; it sees no other ones. */
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
  return {status, stdout: lines.join(''), stderr: notes.join('')};
}

export interface BatchResult {
  readonly args: readonly string[];
  readonly code: number;
  /** All that it wrote, whoever wrote it: the command, a logger, a client library. */
  readonly output: string;
}

/** Runs commands one after the other in one program of its own, for tests that look at everything that a program writes. */
export async function projectorBatch(
  commands: readonly (readonly string[])[],
  extra: Readonly<Record<string, string>> = {},
): Promise<BatchResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
  const file = join(folder, 'output');
  // One file for both streams, so that what a command wrote stands before the line that ends it.
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
