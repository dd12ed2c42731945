/**
 * A number with the noun that it counts.
 *
 * Pure: no clock, no I/O.
 */

/** Returns `1 difference` or `2 differences`. The count can be a text with separators, such as `1,234`. */
export function counted(count: number | bigint | string, one: string, many = `${one}s`): string {
  return `${count} ${String(count) === '1' ? one : many}`;
}
