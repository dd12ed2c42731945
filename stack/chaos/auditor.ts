/** The audit of a chaos run, as a process that runs with the workers. If it ends without a signal of the run, the run fails. */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {workerVariables, type StackEnv} from '../environment.js';
import {WorkerProcess} from '../worker.js';

/** One place that the audit found: the key in Redis, and the kind of difference. */
export interface AuditedPlace {
  readonly key: string;
  readonly difference: string;
}

export interface AuditorSetup {
  readonly env: StackEnv;
  readonly folder: string;
  readonly onFailure: (what: string) => void;
}

export class Auditor {
  readonly #setup: AuditorSetup;
  readonly #wanted = new WeakSet<WorkerProcess>();
  #process: WorkerProcess | undefined;
  #started = 0;
  #earlierPasses = 0;
  readonly #earlierPlaces: AuditedPlace[] = [];

  constructor(setup: AuditorSetup) {
    this.#setup = setup;
    process.once('exit', this.#kill);
  }

  start(): void {
    const {env, onFailure} = this.#setup;
    const audit = new WorkerProcess({...workerVariables(env), PROJECTOR_START_TIMEOUT_MS: '600000'}, [
      'audit',
      '--repair',
      '--every',
      '3s',
      '--rows-per-second',
      '0',
    ]);
    this.#process = audit;
    const number = ++this.#started;
    void audit.exited.then(({code, signal}) => {
      writeFileSync(join(this.#setup.folder, `audit-${number}.log`), audit.output);
      if (this.#wanted.has(audit)) return;
      const lines = audit.output.trimEnd().split('\n').slice(-8).join('\n    ');
      onFailure(
        `the audit ended with ${signal ?? `exit code ${code ?? '?'}`} without a signal of the chaos run:\n    ${lines}`,
      );
    });
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const audit = this.#process;
    if (audit === undefined) return;
    this.#wanted.add(audit);
    await audit.end(signal);
    this.#earlierPasses += passesOf(audit);
    this.#earlierPlaces.push(...placesOf(audit));
    this.#process = undefined;
  }

  /** Complete passes since the start of the run. */
  get passes(): number {
    return this.#earlierPasses + (this.#process === undefined ? 0 : passesOf(this.#process));
  }

  /** Everything that differed so far. */
  get places(): readonly AuditedPlace[] {
    return [...this.#earlierPlaces, ...(this.#process === undefined ? [] : placesOf(this.#process))];
  }

  async close(): Promise<void> {
    process.off('exit', this.#kill);
    await this.end('SIGKILL');
  }

  /** Runs if this process exits before `close`. */
  readonly #kill = (): void => {
    this.#process?.send('SIGKILL');
  };
}

function passesOf({log}: WorkerProcess): number {
  return log.filter(({msg}) => String(msg).startsWith('pass complete')).length;
}

function placesOf({log}: WorkerProcess): AuditedPlace[] {
  return log
    .filter(({msg}) => msg === 'difference found')
    .map(({key, difference}) => ({key: String(key), difference: String(difference)}));
}
