import {type ChildProcess, spawn} from 'node:child_process';
import {closeSync, mkdirSync, openSync, readFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {lastLines, run, which} from '../command.js';
import {identityOf, kill, type ProcessIdentity} from '../processIdentity.js';
import {StackError} from '../stackError.js';
import type {ServerName} from '../stackState.js';
import type {Recipe, ServerCommand} from './recipe.js';

const PROBE_INTERVAL_MS = 100;
const READY_TIMEOUT_MS = 120_000;
const TERM_TIMEOUT_MS = 5000;
/** A server that restarts later gets more time to close its files than one whose data is removed. */
const RESTART_TERM_TIMEOUT_MS = 30_000;
const LOG_LINES = 12;

/** One server of a stack, including its restarts. The process is a child of the supervisor. */
export class ServerProcess {
  readonly name: ServerName;
  readonly #recipe: Recipe;
  readonly #logFile: string;
  readonly #prefix: string[];
  #child: ChildProcess | undefined;
  /** Set when this class ends the process. The exit is then expected, so the listener is not called. */
  #isEnding = false;
  #isStopped = false;

  constructor(recipe: Recipe, logFile: string, prefix: string[]) {
    this.name = recipe.name;
    this.#recipe = recipe;
    this.#logFile = logFile;
    this.#prefix = prefix;
    mkdirSync(dirname(logFile), {recursive: true});
  }

  get identity(): ProcessIdentity | undefined {
    return this.#child?.pid === undefined ? undefined : identityOf(this.#child.pid);
  }

  get isRunning(): boolean {
    return !hasExited(this.#child);
  }

  async prepare(): Promise<void> {
    for (const command of this.#recipe.prepare) {
      const child = this.#spawn(command);
      await exited(child);
      if (child.exitCode !== 0) throw this.#failure('failed to initialize');
    }
  }

  start(): void {
    // If stop() was called during the preparation, the server must not start.
    if (this.#isStopped) throw new StackError(`${this.name} was stopped before it started.`);
    this.#isEnding = false;
    this.#spawn(this.#recipe.command);
  }

  async whenReady(): Promise<void> {
    const deadlineMs = Date.now() + READY_TIMEOUT_MS;
    let lastProblem: string;
    for (;;) {
      if (hasExited(this.#child)) throw this.#failure('ended while starting');
      try {
        await this.#recipe.probe();
        break;
      } catch (error) {
        lastProblem = error instanceof Error ? error.message : String(error);
      }
      if (Date.now() > deadlineMs) {
        throw this.#failure(`was not ready within ${READY_TIMEOUT_MS / 1000} s (${lastProblem})`);
      }
      await sleep(PROBE_INTERVAL_MS);
    }
    // Another program may have bound the port meanwhile and responded instead of this server, so the exit is checked again.
    if (hasExited(this.#child)) throw this.#failure('ended while starting');
  }

  /** Loads the initial data. Call it after the first start, when the server is ready. */
  async load(): Promise<void> {
    await this.#recipe.load?.();
  }

  /** Listens to the exit of the current process. Call it after each start. */
  onExit(listener: (reason: string) => void): void {
    this.#child?.once('exit', (code, signal) => {
      if (!this.#isEnding) listener(signal ?? `exit code ${code ?? '?'}`);
    });
  }

  /** Stops the server. It cannot be started again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.end('SIGTERM', TERM_TIMEOUT_MS);
  }

  /** Ends the process with SIGKILL, like a crash, or with SIGTERM. It can be started again. */
  async end(signal: 'SIGKILL' | 'SIGTERM', timeoutMs = RESTART_TERM_TIMEOUT_MS): Promise<void> {
    this.#isEnding = true;
    const child = this.#child;
    if (child === undefined || hasExited(child) || child.pid === undefined) return;
    const identity = identityOf(child.pid);
    const gone = exited(child);
    kill(identity, signal);
    // A process that is stopped by SIGSTOP handles SIGTERM only after SIGCONT.
    kill(identity, 'SIGCONT');
    const timer = setTimeout(() => kill(identity, 'SIGKILL'), timeoutMs);
    await gone;
    clearTimeout(timer);
  }

  /** Freezes or resumes the process. */
  send(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.isRunning) throw new StackError(`${this.name} is not running.`);
    kill(this.identity!, signal);
  }

  #spawn(command: ServerCommand): ChildProcess {
    const log = openSync(this.#logFile, 'a');
    const [program, ...args] = [...this.#prefix, command.program, ...command.args];
    const child = spawn(program!, args, {
      cwd: command.cwd,
      env: {...process.env, ...command.env},
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.on('error', () => {
      // whenReady() reports the failure, because it checks the exit. Without this listener Node would throw.
    });
    this.#child = child;
    return child;
  }

  #failure(what: string): StackError {
    let log = '';
    try {
      // Stack traces of Java are removed, because they would push the message out of the last lines.
      log = readFileSync(this.#logFile, 'utf8').replaceAll(/^\tat .*\n/gm, '');
    } catch {
      // The log file does not exist, so the message has no log lines.
    }
    return new StackError(
      `${this.name} ${what}. The last lines of its log:\n${lastLines(log, LOG_LINES)}\nThe whole log: ${this.#logFile}`,
    );
  }
}

/** A command prefix that makes the kernel kill a server when the supervisor dies, even by SIGKILL. Empty without setpriv. */
export async function parentDeathPrefix(): Promise<string[]> {
  const setpriv = which('setpriv');
  if (setpriv === undefined) return [];
  const prefix = [setpriv, '--pdeathsig', 'KILL', '--'];
  const [program, ...args] = [...prefix, 'true'];
  return (await run(program, args)).ok ? prefix : [];
}

function hasExited(child: ChildProcess | undefined): boolean {
  return child?.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function exited(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
