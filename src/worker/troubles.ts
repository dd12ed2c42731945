/**
 * Logs failures of dependencies: one line when a kind of trouble begins, and one line when no trouble is left.
 *
 * Many partitions report the same failure, each of them at every attempt. So the number of lines must not depend on them.
 */
import type {ErrorKind, ProjectorError} from '../runtime/errors.js';
import type {PastError, Trouble} from './workerView.js';

export interface TroubleLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** Limit of past errors in memory. It is enough for an operator who looks at one worker. */
const ERRORS_MAX = 10;

export class Troubles {
  readonly #log: TroubleLog;
  readonly #nowMs: () => number;
  /** The current trouble of each source. */
  readonly #troubles = new Map<string, Trouble>();
  readonly #errors: PastError[] = [];

  constructor(log: TroubleLog, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** One trouble for each kind: the oldest. */
  get now(): Trouble[] {
    const byKind = new Map<ErrorKind, Trouble>();
    for (const trouble of this.#troubles.values()) {
      const known = byKind.get(trouble.kind);
      if (known === undefined || trouble.sinceMs < known.sinceMs) byKind.set(trouble.kind, trouble);
    }
    return [...byKind.values()];
  }

  /** Errors that were logged, newest first. */
  get errors(): readonly PastError[] {
    return [...this.#errors].reverse();
  }

  /** Reports the trouble of `source`, or its recovery (null). */
  notify(source: string, error: ProjectorError | null): void {
    if (error === null) {
      if (this.#troubles.delete(source) && this.#troubles.size === 0) this.#log.info({}, 'going on');
      return;
    }
    const {kind, detail} = error;
    const isKnown = [...this.#troubles.values()].some((trouble) => trouble.kind === kind);
    const before = this.#troubles.get(source);
    const nowMs = this.#nowMs();
    this.#troubles.set(source, {kind, detail, sinceMs: before?.kind === kind ? before.sinceMs : nowMs});
    if (isKnown) return;
    this.#log.warn({kind}, `waiting: ${detail}`);
    this.#errors.push({atMs: nowMs, kind, detail});
    if (this.#errors.length > ERRORS_MAX) this.#errors.shift();
  }

  /** Removes the trouble of a source that no longer exists. */
  forget(source: string): void {
    this.notify(source, null);
  }
}
