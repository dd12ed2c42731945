/** Progress on stderr: one line that changes on a terminal, else a line now and then. */
import type {Clock} from '../lifecycle.js';
import type {Output} from './output.js';

const PLAIN_INTERVAL_MS = 5_000;

export class ProgressLine {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #isTerminal: boolean;
  #toldMs: number;
  #isOpen = false;

  constructor(output: Output, {clock, isTerminal}: {clock: Clock; isTerminal: boolean}) {
    this.#output = output;
    this.#clock = clock;
    this.#isTerminal = isTerminal;
    this.#toldMs = clock.nowMs();
  }

  /** `head` stands only where the line changes in place. */
  show(text: string, head = ''): void {
    if (this.#isTerminal) {
      process.stderr.write(`\r\u001b[K${head}${text}`);
      this.#isOpen = true;
      return;
    }
    if (this.#clock.nowMs() - this.#toldMs < PLAIN_INTERVAL_MS) return;
    this.#toldMs = this.#clock.nowMs();
    this.#output.note(text);
  }

  /** A line that stays, after whatever changes in place. */
  note(text: string): void {
    if (this.#isOpen) process.stderr.write('\r\u001b[K');
    this.#isOpen = false;
    this.#output.note(text);
  }
}
