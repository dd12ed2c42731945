/** Questions to servers that may not respond. All of them share one deadline. */
import {asProjectorError, ProjectorError, type ErrorKind} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import type {Answer} from './check.js';

/** The name and the kind of error that describe a server that does not respond. */
export interface Asked {
  readonly what: string;
  readonly kind: ErrorKind;
}

export class Questions {
  readonly #over = new AbortController();
  readonly #ended: Promise<void>;
  readonly #limitMs: number;

  constructor(clock: Clock, limitMs: number) {
    this.#limitMs = limitMs;
    this.#ended = clock.sleep(limitMs, this.#over.signal);
  }

  /** Never rejects. At the deadline, a question without an answer becomes an error. Its request is not cancelled. */
  async ask<T>({what, kind}: Asked, question: () => Promise<T>): Promise<Answer<T>> {
    const silent = this.#ended.then((): Answer<T> => {
      const detail = `${what} did not respond within ${this.#limitMs / 1_000} s`;
      return {kind: 'error', error: new ProjectorError(kind, detail)};
    });
    const answered = question().then(
      (value): Answer<T> => ({kind: 'answer', value}),
      (error: unknown): Answer<T> => ({kind: 'error', error: asProjectorError(error)}),
    );
    return await Promise.race([answered, silent]);
  }

  /** Asks only if the question `before` has an answer. Otherwise it skips this question and says why. */
  async after<A, T>(before: Answer<A>, asked: Asked, question: (value: A) => Promise<T>): Promise<Answer<T>> {
    if (before.kind === 'answer') return await this.ask(asked, async () => await question(before.value));
    return before.kind === 'skipped' ? before : {kind: 'skipped', why: `${asked.what} is not available`};
  }

  /** Ends the deadline timer, so that it does not keep the process alive. Questions without an answer become errors now. */
  end(): void {
    this.#over.abort();
  }
}
