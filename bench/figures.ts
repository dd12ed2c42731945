/**
 * Computes figures, and prints them as cells of a table. A figure that could not be measured is null and prints as
 * NOT_MEASURED. So a table never shows 0, Infinity or NaN for it.
 *
 * Pure: no clock, no I/O.
 */
export const NOT_MEASURED = 'not measured';

/** Undefined, NaN and Infinity also mean that the figure was not measured. */
export type Figure = number | null | undefined;

/** A number with a fixed count of decimals. */
export function fixed(figure: Figure, decimals: number): string {
  return isMeasured(figure) ? figure.toFixed(decimals) : NOT_MEASURED;
}

/** A whole number, with commas between the thousands. */
export function thousands(figure: Figure): string {
  return isMeasured(figure) ? Math.round(figure).toLocaleString('en-US') : NOT_MEASURED;
}

export function mebibytes(bytes: Figure): string {
  return thousands(quotient(bytes, 1_048_576));
}

/** A time of which the decimals matter only while it is short. */
export function milliseconds(ms: Figure): string {
  return fixed(ms, isMeasured(ms) && ms >= 10 ? 0 : 1);
}

/** Several cells with a separator between them. One NOT_MEASURED is enough if none of them was measured. */
export function joined(cells: readonly string[], separator: string): string {
  return cells.every((cell) => cell === NOT_MEASURED) ? NOT_MEASURED : cells.join(separator);
}

/** `LOW to HIGH`, of the figures that were measured. */
export function range(figures: readonly Figure[], print: (figure: Figure) => string): string {
  const known = measured(figures);
  return known.length === 0 ? NOT_MEASURED : `${print(Math.min(...known))} to ${print(Math.max(...known))}`;
}

/** Null if one of both is unknown, or if the division has no result. */
export function quotient(dividend: Figure, divisor: Figure): number | null {
  if (!isMeasured(dividend) || !isMeasured(divisor) || divisor === 0) return null;
  return dividend / divisor;
}

/** Events per second. Null without events or without time: a rate of 0 or Infinity is no measurement. */
export function rateOf(events: Figure, seconds: Figure): number | null {
  return events === 0 ? null : quotient(events, seconds);
}

export function microsecondsPer(seconds: Figure, events: Figure): number | null {
  return quotient(isMeasured(seconds) ? seconds * 1e6 : null, events);
}

/** The middle of the figures that were measured. Null if there is none. */
export function median(figures: readonly Figure[]): number | null {
  const sorted = measured(figures).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = sorted.slice(sorted.length % 2 === 0 ? middle - 1 : middle, middle + 1);
  if (low === undefined) return null;
  return sorted.length % 2 === 0 && high !== undefined ? (low + high) / 2 : low;
}

export function highest(figures: readonly Figure[]): number | null {
  const known = measured(figures);
  return known.length === 0 ? null : Math.max(...known);
}

export function measured(figures: readonly Figure[]): number[] {
  return figures.filter(isMeasured);
}

function isMeasured(figure: Figure): figure is number {
  return figure !== null && figure !== undefined && Number.isFinite(figure);
}

/** A table in Markdown. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [lines[0], `|${' --- |'.repeat(head.length)}`, ...lines.slice(1)].join('\n');
}
