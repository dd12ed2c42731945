/** Questions to servers that may be silent: each is over at one common end of time. */
import {asProjectorError, ProjectorError, type ErrorKind} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import type {Answer} from './check.js';

/** How a server is called when it is silent. */
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

  /** Never rejects. What is still under way at the end is left alone. */
  async ask<T>({what, kind}: Asked, question: () => Promise<T>): Promise<Answer<T>> {
    const silent = this.#ended.then((): Answer<T> => {
      const detail = `${what} has not answered within ${this.#limitMs / 1_000} s`;
      return {kind: 'error', error: new ProjectorError(kind, detail)};
    });
    const answered = question().then(
      (value): Answer<T> => ({kind: 'answer', value}),
      (error: unknown): Answer<T> => ({kind: 'error', error: asProjectorError(error)}),
    );
    return await Promise.race([answered, silent]);
  }

  /** Asks only when the answer before it is there. */
  async after<A, T>(before: Answer<A>, asked: Asked, question: (value: A) => Promise<T>): Promise<Answer<T>> {
    if (before.kind === 'answer') return await this.ask(asked, async () => await question(before.value));
    return before.kind === 'skipped' ? before : {kind: 'skipped', why: `${asked.what} was not reached`};
  }

  /** No question is asked any more. */
  end(): void {
    this.#over.abort();
  }
}
