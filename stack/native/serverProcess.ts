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
/** A server that will be started again may take its time to close its files; one whose data is removed need not. */
const RESTART_TERM_TIMEOUT_MS = 30_000;
const LOG_LINES = 12;

/** One server of a stack, from its first command to its end, with restarts in between; a child of the supervisor. */
export class ServerProcess {
  readonly name: ServerName;
  readonly #recipe: Recipe;
  readonly #logFile: string;
  readonly #prefix: string[];
  #child: ChildProcess | undefined;
  /** Its end is ours: nobody needs to be told. */
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
      if (child.exitCode !== 0) throw this.#failure('could not be prepared');
    }
  }

  start(): void {
    // A stop that came while the server was prepared must not be followed by a start.
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
        throw this.#failure(`did not answer within ${READY_TIMEOUT_MS / 1000} s (${lastProblem})`);
      }
      await sleep(PROBE_INTERVAL_MS);
    }
    // Another program may have taken the port in between, and answered in the server's place.
    if (hasExited(this.#child)) throw this.#failure('ended while starting');
  }

  /** After the first start, when it answers. */
  async load(): Promise<void> {
    await this.#recipe.load?.();
  }

  /** Of the process that runs now: to be asked for after each start. */
  onExit(listener: (reason: string) => void): void {
    this.#child?.once('exit', (code, signal) => {
      if (!this.#isEnding) listener(signal ?? `exit code ${code ?? '?'}`);
    });
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.end('SIGTERM', TERM_TIMEOUT_MS);
  }

  /** Ends it, as a crash or in good order; it may be started again. */
  async end(signal: 'SIGKILL' | 'SIGTERM', timeoutMs = RESTART_TERM_TIMEOUT_MS): Promise<void> {
    this.#isEnding = true;
    const child = this.#child;
    if (child === undefined || hasExited(child) || child.pid === undefined) return;
    const identity = identityOf(child.pid);
    const gone = exited(child);
    kill(identity, signal);
    // A server that a test has stopped with SIGSTOP would not hear SIGTERM.
    kill(identity, 'SIGCONT');
    const timer = setTimeout(() => kill(identity, 'SIGKILL'), timeoutMs);
    await gone;
    clearTimeout(timer);
  }

  /** Lets it stand still, or go on. */
  send(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.isRunning) throw new StackError(`${this.name} does not run.`);
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
      // Told by the exit check of whoever waits; without a listener Node would throw.
    });
    this.#child = child;
    return child;
  }

  #failure(what: string): StackError {
    let log = '';
    try {
      // Of a Java exception the message matters, and its stack trace would push it out of sight.
      log = readFileSync(this.#logFile, 'utf8').replaceAll(/^\tat .*\n/gm, '');
    } catch {
      // Not even the log could be opened.
    }
    return new StackError(
      `${this.name} ${what}. The end of its log:\n${lastLines(log, LOG_LINES)}\nThe whole log: ${this.#logFile}`,
    );
  }
}

/** Lets the kernel kill a server when the supervisor dies in any way, even by SIGKILL. Where it exists. */
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
