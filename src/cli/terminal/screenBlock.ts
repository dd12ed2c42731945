/** Redraws a block of lines in the same place of a terminal. It draws no more lines than fit, because the terminal must not scroll. */
import {counted} from '../../runtime/counted.js';

/** The part of a terminal that the block uses. */
export interface BlockScreen {
  /** The current size. It is undefined or 0 if the terminal does not report it. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  write(text: string): unknown;
}

const ROWS = 24;
const COLUMNS = 80;

export class ScreenBlock {
  readonly #screen: BlockScreen;
  #drawn = 0;

  constructor(screen: BlockScreen) {
    this.#screen = screen;
  }

  /** Replaces the block by `lines`. If they do not fit, the last row shows how many were left out. */
  draw(lines: readonly string[]): void {
    // One row stays free for the cursor, which is below the block. The last column stays empty, because some terminals begin a new
    // row after a character in it.
    const room = Math.max(1, (this.#screen.rows || ROWS) - 1);
    const width = Math.max(1, (this.#screen.columns || COLUMNS) - 1);
    const kept =
      lines.length <= room
        ? lines
        : [...lines.slice(0, room - 1), `(${counted(lines.length - room + 1, 'more line')})`];
    // `back` moves the cursor to the first row of the block and erases everything from there on. One write does both the erasing and
    // the drawing, so that the terminal never shows half of a block.
    const back = this.#drawn === 0 ? '' : `\r\u001b[${this.#drawn}A\u001b[J`;
    this.#screen.write(back + kept.map((line) => `${line.slice(0, width)}\n`).join(''));
    this.#drawn = kept.length;
  }
}
