/** Runs the worker as a separate process, as an operator does. Used by the demo and the tests. */
import {spawn, type ChildProcess} from 'node:child_process';
import {fileURLToPath} from 'node:url';

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One parsed line of the worker's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** What to start. The default is the build of this checkout, under the Node of this process. */
export interface Program {
  readonly node?: string;
  /** Path of another build's dist/main.js. */
  readonly main?: string;
}

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<WorkerExit>;
  /** The output on stdout and stderr. */
  output = '';
  readonly #lines: LogLine[] = [];
  /** The number of characters of the output that are parsed into lines. */
  #readTo = 0;

  /** Starts `node dist/main.js run` with the environment of this process plus these variables. */
  constructor(
    variables: Readonly<Record<string, string>>,
    args: readonly string[] = ['run'],
    {node = process.execPath, main = MAIN}: Program = {},
  ) {
    this.#child = spawn(node, [main, ...args], {
      env: {...process.env, NODE_ENV: 'production', ...variables},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve({code, signal}));
    });
  }

  /** Discards the output so far, to save memory in runs that start many workers. */
  forget(): void {
    this.output = '';
    this.#lines.length = 0;
    this.#readTo = 0;
  }

  get pid(): number {
    const {pid} = this.#child;
    if (pid === undefined) throw new Error('the worker process could not be started');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The log lines so far. Tests call this often, so each line is parsed only once. */
  get log(): readonly LogLine[] {
    const end = this.output.lastIndexOf('\n') + 1;
    for (const line of this.output.slice(this.#readTo, end).split('\n'))
      if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as LogLine);
    this.#readTo = end;
    return this.#lines;
  }

  /** Sends a signal and waits until the process has exited. */
  async end(signal: NodeJS.Signals): Promise<WorkerExit> {
    if (this.isRunning) this.#child.kill(signal);
    return await this.exited;
  }

  /** Sends a signal that does not end the process, such as SIGSTOP. */
  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
