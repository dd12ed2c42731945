/** The command blocks of the documents, and what a reader's shell prints when they are run. */
import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';

/** What the info string of a fenced block says. test/README.md describes each kind. */
export const BLOCK_KINDS = [
  'sh',
  'sh docker',
  'sh elsewhere',
  'console',
  'text',
  'sql',
  'sql elsewhere',
  'env',
  'js',
  'ts',
  'python',
  'json',
  'mermaid',
] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

export interface Block {
  readonly file: string;
  /** The line of the opening fence. */
  readonly line: number;
  readonly kind: string;
  readonly text: string;
}

/** All tracked Markdown files. */
export function markdownFiles(): string[] {
  const {stdout} = spawnSync('git', ['ls-files', '*.md'], {encoding: 'utf8'});
  return stdout.split('\n').filter((file) => file !== '' && existsSync(file));
}

export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  let open: {line: number; kind: string; text: string[]} | undefined;
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const fence = /^ *```(.*)$/.exec(line);
    if (fence === null) open?.text.push(line);
    else if (open === undefined) open = {line: index + 1, kind: (fence[1] ?? '').trim(), text: []};
    else {
      blocks.push({file, line: open.line, kind: open.kind, text: `${open.text.join('\n')}\n`});
      open = undefined;
    }
  }
  return blocks;
}

/** One command of a `console` block, with the lines that the document shows as its output. */
export interface Step {
  readonly command: string;
  readonly shown: readonly string[];
}

export function stepsOf(block: Block): Step[] {
  const steps: {command: string; shown: string[]}[] = [];
  for (const line of block.text.split('\n')) {
    if (line.startsWith('$ ')) steps.push({command: line.slice(2), shown: []});
    else if (line !== '') steps.at(-1)?.shown.push(line);
  }
  return steps;
}

/** Matches a line of output that differs from the shown one only in numbers, blanks and what `...` leaves out. */
export function likeLine(shown: string): RegExp {
  const pattern = shown
    .trim()
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('\\.\\.\\.', '.*')
    .replace(/\d[\d,]*(?:\\\.\d+)?/g, '[\\d,.]+')
    .replace(/\s+/g, '\\s+');
  return new RegExp(`^\\s*${pattern}\\s*$`, 'm');
}

/** A shell that reads its commands from stdin, as it does when a whole block is pasted. */
export class Paste {
  readonly #child: ChildProcess;
  /** Resolves when the shell has ended. */
  readonly ended: Promise<void>;
  /** The output on stdout and stderr. */
  output = '';

  constructor(text: string, {cwd, env}: {cwd: string; env: Readonly<Record<string, string>>}) {
    // The shell leads a process group, so that `interrupt` reaches the running command, as Ctrl-C does.
    this.#child = spawn('bash', ['-s'], {
      cwd,
      env: {...process.env, ...env},
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (data: Buffer) => (this.output += data.toString()));
    this.ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
    // A command that reads stdin swallows the rest of the block. Then the last line is missing in the output.
    this.#child.stdin?.end(
      `trap 'echo "${Paste.failed} $?: $BASH_COMMAND"' ERR\n${text}\necho '${Paste.complete}'\n`,
    );
  }

  static readonly failed = '(command failed)';
  static readonly complete = '(block complete)';

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning && this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
  }
}
