/** The output of commands: data goes to stdout, everything else to stderr. */

export interface Output {
  /** Prints one line of data. */
  line(text: string): void;
  /** Prints one line for the operator. */
  note(text: string): void;
}

export const standardOutput: Output = {
  line: (text) => process.stdout.write(`${text}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
};

/** Formats rows under a head. Each column is as wide as its widest cell, and numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [head, ...rows].map((cells) => tableRow(cells, widths));
}

/**
 * Formats one row with given widths, for a table whose first rows are printed before the last ones are read. A cell that is wider
 * than its column is printed in full.
 */
export function tableRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return /^-?[\d.]+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
    })
    .join('  ')
    .trimEnd();
}
