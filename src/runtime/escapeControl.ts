/**
 * Texts of others, for a terminal.
 *
 * Pure: no clock, no I/O.
 */

/** Control characters made visible: a record must not steer the terminal that shows it. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
