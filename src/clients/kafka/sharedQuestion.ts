/**
 * One question that many callers ask at the same time. They share the answers, so that a server receives one request after the other.
 *
 * A caller never gets the answer to a request that was sent before its call, because that answer can be too old: a worker that has read a
 * newer position would find it outside of an older range.
 */
export class SharedQuestion<T> {
  readonly #question: () => Promise<T>;
  #current: Promise<unknown> = Promise.resolve();
  /** The request that has not been sent. */
  #next: Promise<T> | undefined;

  constructor(question: () => Promise<T>) {
    this.#question = question;
  }

  /** Rejects as the question does. */
  async ask(): Promise<T> {
    this.#next ??= this.#afterCurrent();
    return await this.#next;
  }

  async #afterCurrent(): Promise<T> {
    await this.#current;
    const answer = this.#question();
    this.#next = undefined;
    this.#current = answer.catch(() => undefined);
    return await answer;
  }
}
