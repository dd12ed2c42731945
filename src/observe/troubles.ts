/**
 * One line when something is away, one when all is well again, however many partitions notice it and however often.
 */
import type {ErrorKind, ProjectorError} from '../errors.js';

export interface TroubleLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export class Troubles {
  readonly #log: TroubleLog;
  /** What each source suffers from now. */
  readonly #kinds = new Map<string, ErrorKind>();

  constructor(log: TroubleLog) {
    this.#log = log;
  }

  /** `source` is in this trouble, or well again (null). */
  tell(source: string, error: ProjectorError | null): void {
    if (error === null) {
      if (this.#kinds.delete(source) && this.#kinds.size === 0) this.#log.info({}, 'going on');
      return;
    }
    const isKnown = [...this.#kinds.values()].includes(error.kind);
    this.#kinds.set(source, error.kind);
    if (!isKnown) this.#log.warn({kind: error.kind}, `waiting: ${error.detail}`);
  }

  /** A source that is gone suffers no longer. */
  forget(source: string): void {
    this.tell(source, null);
  }
}
