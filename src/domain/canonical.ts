/**
 * The canonical text of a value, so that a value from Debezium equals the same value read from MySQL (I9).
 *
 * Debezium and MySQL already print numbers and decimals as the same text, but they print times differently:
 *
 * - MySQL prints `2026-11-23 08:32:40.280`.
 * - Debezium's isostring contains `T` and `Z`. It keeps trailing zeros of the fraction of a TIMESTAMP from the binlog.
 *   It drops them from the same column in a snapshot, and from every DATETIME.
 *
 * The canonical form is the form of MySQL without trailing zeros: `2026-11-23 08:32:40.28`, `2026-11-23 08:32:40`.
 * Debezium prints a TIMESTAMP in UTC. A MySQL client must set `time_zone = '+00:00'` to receive UTC, too.
 *
 * Pure: no clock, no I/O.
 */

const ISO_DATE_TIME = /^(\d{4,}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d+))?)?(?:Z|\+00:00)?$/;
const ISO_DATE = /^(\d{4,}-\d{2}-\d{2})Z?$/;
const ISO_TIME = /^(-?\d{2,}:\d{2}):(\d{2})(?:\.(\d+))?Z?$/;

/** Returns the canonical form of a date or time. It returns every other text unchanged. */
export function canonicalText(text: string): string {
  const first = text.charCodeAt(0);
  // Most texts return here, which is fast. A date or time begins with a digit, a negative TIME with a minus sign.
  if (!((first >= 48 && first <= 57) || first === 45)) return text;
  const dateTime = ISO_DATE_TIME.exec(text);
  if (dateTime !== null) {
    const [, date = '', hourMinute = '', second = '00', fraction] = dateTime;
    return `${date} ${hourMinute}:${second}${canonicalFraction(fraction)}`;
  }
  const date = ISO_DATE.exec(text);
  if (date !== null) return date[1] ?? text;
  const time = ISO_TIME.exec(text);
  if (time !== null) return `${time[1] ?? ''}:${time[2] ?? ''}${canonicalFraction(time[3])}`;
  return text;
}

function canonicalFraction(digits: string | undefined): string {
  const cut = (digits ?? '').replace(/0+$/, '');
  return cut === '' ? '' : `.${cut}`;
}

/** JSON without white space between its tokens. Debezium prints it with blanks in a snapshot, and without them from the binlog. */
export function canonicalJson(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
}
