/**
 * Scores of the report sorted sets. They are whole numbers, which Redis prints as `1e+17` if they are large.
 *
 * Pure: no clock, no I/O.
 */

/** Returns the digits of a whole score. Returns undefined for every other score, which this program did not write. */
export function wholeScore(score: string): string | undefined {
  const number = Number(score);
  return Number.isInteger(number) ? BigInt(number).toString() : undefined;
}
