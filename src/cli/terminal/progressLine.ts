/** Progress on stderr: one line that changes on a terminal, else a line now and then. */
import {systemClock, type Clock} from '../../runtime/lifecycle.js';
import type {Output} from './output.js';

/** A terminal, as far as this needs it. */
export interface Screen {
  /** Its width now; none, or 0, where it does not tell. */
  readonly columns: number | undefined;
  write(text: string): unknown;
}

const PLAIN_INTERVAL_MS = 5_000;
const COLUMNS = 80;
/** To the begin of the line, and clear it. */
const ERASE = '\r\u001b[K';

export class ProgressLine {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #screen: Screen | null;
  #toldMs: number;
  #isOpen = false;

  /** `screen`: null where nothing can change in place. */
  constructor(output: Output, {clock, screen}: {clock: Clock; screen: Screen | null}) {
    this.#output = output;
    this.#clock = clock;
    this.#screen = screen;
    this.#toldMs = clock.nowMs();
  }

  /** `head` gets the room beside the text; it stands only where the line changes in place. */
  show(text: string, head: (columns: number) => string = () => ''): void {
    if (this.#screen !== null) {
      this.#screen.write(ERASE + fitted(text, head, this.#screen.columns));
      this.#isOpen = true;
      return;
    }
    if (this.#clock.nowMs() - this.#toldMs < PLAIN_INTERVAL_MS) return;
    this.#toldMs = this.#clock.nowMs();
    this.#output.note(text);
  }

  /** A line that stays, in the place of whatever changes. */
  note(text: string): void {
    this.clear();
    this.#output.note(text);
  }

  /** Before anybody else writes. */
  clear(): void {
    if (this.#isOpen) this.#screen?.write(ERASE);
    this.#isOpen = false;
  }
}

/** On stderr. */
export function newProgressLine(output: Output): ProgressLine {
  return new ProgressLine(output, {clock: systemClock, screen: process.stderr.isTTY ? process.stderr : null});
}

/** One row of the terminal: what goes on in a second one cannot be taken back. */
function fitted(text: string, head: (columns: number) => string, columns: number | undefined): string {
  // In the last column some terminals begin a new row.
  const room = (columns === undefined || columns < 1 ? COLUMNS : columns) - 1;
  return text.length >= room ? text.slice(0, room) : head(room - text.length) + text;
}
