/** What commands print: data to stdout, all else to stderr. */

export interface Output {
  /** One line of data. */
  line(text: string): void;
  /** One line for the operator. */
  note(text: string): void;
}

export const standardOutput: Output = {
  line: (text) => process.stdout.write(`${text}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
};

/** Rows under a head, columns as wide as they need; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [head, ...rows].map((cells) => tableRow(cells, widths));
}

/** One row, for tables whose rows are printed before all are known. What is wider than its column is printed whole. */
export function tableRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return /^-?[\d.]+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
    })
    .join('  ')
    .trimEnd();
}
