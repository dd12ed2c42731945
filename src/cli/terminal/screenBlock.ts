/** Lines that are drawn again in the same place of a terminal: never more than fit on it, so nothing scrolls. */

/** A terminal, as far as this needs it. */
export interface BlockScreen {
  /** Its size now; none, or 0, where it does not tell. */
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

  /** What stands below the last row that fits is left out, and counted in that row. */
  draw(lines: readonly string[]): void {
    // The cursor stands below the block, and in the last column some terminals begin a new row.
    const room = Math.max(1, (this.#screen.rows || ROWS) - 1);
    const width = Math.max(1, (this.#screen.columns || COLUMNS) - 1);
    const kept =
      lines.length <= room ? lines : [...lines.slice(0, room - 1), `(${lines.length - room + 1} more lines)`];
    // One write, so that no half of it is ever seen. Back to the first row of the block, and clear from there on.
    const back = this.#drawn === 0 ? '' : `\r\u001b[${this.#drawn}A\u001b[J`;
    this.#screen.write(back + kept.map((line) => `${line.slice(0, width)}\n`).join(''));
    this.#drawn = kept.length;
  }
}
