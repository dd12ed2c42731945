/**
 * One line when something is away, one when all is well again, however many partitions notice it and however often.
 */
import type {ErrorKind, ProjectorError} from '../runtime/errors.js';
import type {PastError, Trouble} from './workerView.js';

export interface TroubleLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** Of the past; enough for a person who looks at one worker. */
const ERRORS_MAX = 10;

export class Troubles {
  readonly #log: TroubleLog;
  readonly #nowMs: () => number;
  /** What each source suffers from now. */
  readonly #troubles = new Map<string, Trouble>();
  readonly #errors: PastError[] = [];

  constructor(log: TroubleLog, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** One for each kind, the oldest. */
  get now(): Trouble[] {
    const byKind = new Map<ErrorKind, Trouble>();
    for (const trouble of this.#troubles.values()) {
      const known = byKind.get(trouble.kind);
      if (known === undefined || trouble.sinceMs < known.sinceMs) byKind.set(trouble.kind, trouble);
    }
    return [...byKind.values()];
  }

  /** What was told, the newest first. */
  get errors(): readonly PastError[] {
    return [...this.#errors].reverse();
  }

  /** `source` is in this trouble, or well again (null). */
  tell(source: string, error: ProjectorError | null): void {
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

  /** A source that is gone suffers no longer. */
  forget(source: string): void {
    this.tell(source, null);
  }
}
