/**
 * Makes control characters in foreign text visible, so that a terminal can print it safely.
 *
 * Pure: no clock, no I/O.
 */

/** Escapes every control character except newline and tab, so that a record cannot control the terminal that shows it. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
