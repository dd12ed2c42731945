/** The worker as a process of its own, as an operator would start it; for the demo and the tests. */
import {spawn, type ChildProcess} from 'node:child_process';
import {fileURLToPath} from 'node:url';

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line of the worker's log. */
export type LogLine = Readonly<Record<string, unknown>>;

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<WorkerExit>;
  /** Everything that it wrote to stdout and stderr. */
  output = '';
  readonly #lines: LogLine[] = [];
  /** How much of the output is among the lines. */
  #readTo = 0;

  /** Starts `node dist/main.js run` with these variables on top of this process's own. */
  constructor(variables: Readonly<Record<string, string>>, args: readonly string[] = ['run']) {
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      env: {...process.env, NODE_ENV: 'production', ...variables},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve({code, signal}));
    });
  }

  /** Gives up what it has written so far, for runs that start many workers. */
  forget(): void {
    this.output = '';
    this.#lines.length = 0;
    this.#readTo = 0;
  }

  get pid(): number {
    const {pid} = this.#child;
    if (pid === undefined) throw new Error('the worker could not be started');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The lines of its log so far. Tests ask often, so each line is parsed once. */
  get log(): readonly LogLine[] {
    const end = this.output.lastIndexOf('\n') + 1;
    for (const line of this.output.slice(this.#readTo, end).split('\n'))
      if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as LogLine);
    this.#readTo = end;
    return this.#lines;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<WorkerExit> {
    if (this.isRunning) this.#child.kill(signal);
    return await this.exited;
  }

  /** Sends a signal that does not end it, such as SIGSTOP. */
  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
