/**
 * Logs failures of dependencies: one line when a kind of trouble begins, and one line when it has ended for every source.
 *
 * Many partitions report the same failure, each of them at every attempt. So the number of lines must not depend on them.
 */
import type {ErrorKind, ProjectorError} from '../runtime/errors.js';
import type {PastError, Trouble} from './workerView.js';

export interface TroubleLogger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** Limit of past errors in memory. It is enough for an operator who looks at one worker. */
const ERRORS_MAX = 10;

export class Troubles {
  readonly #logger: TroubleLogger;
  readonly #nowMs: () => number;
  /** The current trouble of each source. */
  readonly #troubles = new Map<string, Trouble>();
  /** Kinds of trouble that were logged and have not ended, with the time at which they began. */
  readonly #begunMs = new Map<ErrorKind, number>();
  readonly #errors: PastError[] = [];

  constructor(logger: TroubleLogger, nowMs: () => number) {
    this.#logger = logger;
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
    const before = this.#troubles.get(source);
    if (error === null) this.#troubles.delete(source);
    else {
      const sinceMs = before?.kind === error.kind ? before.sinceMs : this.#nowMs();
      this.#troubles.set(source, {kind: error.kind, detail: error.detail, sinceMs});
    }
    if (before !== undefined && before.kind !== error?.kind) this.#reportEnd(before.kind);
    if (error !== null) this.#reportBegin(error);
  }

  /** Removes the trouble of a source that no longer exists. This is not a recovery, so no line is logged. */
  forget(source: string): void {
    const kind = this.#troubles.get(source)?.kind;
    this.#troubles.delete(source);
    if (kind !== undefined && !this.#has(kind)) this.#begunMs.delete(kind);
  }

  #reportBegin({kind, detail}: ProjectorError): void {
    if (this.#begunMs.has(kind)) return;
    const nowMs = this.#nowMs();
    this.#begunMs.set(kind, nowMs);
    this.#logger.warn({kind}, `waiting: ${detail}`);
    this.#errors.push({atMs: nowMs, kind, detail});
    if (this.#errors.length > ERRORS_MAX) this.#errors.shift();
  }

  #reportEnd(kind: ErrorKind): void {
    const begunMs = this.#begunMs.get(kind);
    if (begunMs === undefined || this.#has(kind)) return;
    this.#begunMs.delete(kind);
    const durationMs = this.#nowMs() - begunMs;
    this.#logger.info({kind, durationMs}, `recovered: ${kind} after ${(durationMs / 1_000).toFixed(1)} s`);
  }

  #has(kind: ErrorKind): boolean {
    return [...this.#troubles.values()].some((trouble) => trouble.kind === kind);
  }
}
