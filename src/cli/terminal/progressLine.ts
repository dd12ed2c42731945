/** Shows progress on stderr: one line that changes in place on a terminal, else at most one line every 5 s. */
import {systemClock, type Clock} from '../../runtime/lifecycle.js';
import type {Output} from './output.js';

/** The part of a terminal that the progress line uses. */
export interface Screen {
  /** The current width. It is undefined or 0 if the terminal does not report it. */
  readonly columns: number | undefined;
  write(text: string): unknown;
}

const PLAIN_INTERVAL_MS = 5_000;
const COLUMNS = 80;
/** Moves the cursor to the start of the row and erases the row. */
const ERASE = '\r\u001b[K';

export class ProgressLine {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #screen: Screen | null;
  #notifiedMs: number;
  #isOpen = false;

  /** `screen` is null if stderr is not a terminal, so that no line can change in place. */
  constructor(output: Output, {clock, screen}: {clock: Clock; screen: Screen | null}) {
    this.#output = output;
    this.#clock = clock;
    this.#screen = screen;
    this.#notifiedMs = clock.nowMs();
  }

  /**
   * Shows `text` as the current progress. On a terminal, `head` is printed in front of it, for example a bar. It receives the
   * number of columns that the text leaves free.
   */
  show(text: string, head: (columns: number) => string = () => ''): void {
    if (this.#screen !== null) {
      this.#screen.write(ERASE + fitted(text, head, this.#screen.columns));
      this.#isOpen = true;
      return;
    }
    if (this.#clock.nowMs() - this.#notifiedMs < PLAIN_INTERVAL_MS) return;
    this.#notifiedMs = this.#clock.nowMs();
    this.#output.note(text);
  }

  /** Erases the progress and prints a line that stays. */
  note(text: string): void {
    this.clear();
    this.#output.note(text);
  }

  /** Erases the progress. This must be called before other code writes to the terminal, else both texts would share a row. */
  clear(): void {
    if (this.#isOpen) this.#screen?.write(ERASE);
    this.#isOpen = false;
  }
}

/** Creates a progress line on stderr. */
export function newProgressLine(output: Output): ProgressLine {
  return new ProgressLine(output, {clock: systemClock, screen: process.stderr.isTTY ? process.stderr : null});
}

/** Cuts the text to one row of the terminal, because the erase sequence cannot erase a second row. */
function fitted(text: string, head: (columns: number) => string, columns: number | undefined): string {
  // The last column stays empty, because some terminals begin a new row after a character in it.
  const room = (columns === undefined || columns < 1 ? COLUMNS : columns) - 1;
  return text.length >= room ? text.slice(0, room) : head(room - text.length) + text;
}
