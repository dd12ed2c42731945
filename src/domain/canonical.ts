/**
 * The one text form in which values from Debezium and from MySQL meet (I9).
 *
 * Numbers and decimals are already equal text on both ways. Times are not: MySQL prints `2026-11-23 08:32:40.280`.
 * Debezium's isostring has `T` and `Z`, and it keeps the zeros at the end of a fraction in some cases (a TIMESTAMP from
 * the binlog) and drops them in others (the same column in a snapshot, every DATETIME). The canonical form is MySQL's, with
 * the fraction cut to the digits that count: `2026-11-23 08:32:40.28`, `2026-11-23 08:32:40`.
 * TIMESTAMP is in UTC on both ways; a client of MySQL must set `time_zone = '+00:00'`.
 *
 * Pure: no clock, no I/O.
 */

const ISO_DATE_TIME = /^(\d{4,}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d+))?)?(?:Z|\+00:00)?$/;
const ISO_DATE = /^(\d{4,}-\d{2}-\d{2})Z?$/;
const ISO_TIME = /^(-?\d{2,}:\d{2}):(\d{2})(?:\.(\d+))?Z?$/;

/** Canonical text of a value that is text on both ways; other texts pass unchanged. */
export function canonicalText(text: string): string {
  const first = text.charCodeAt(0);
  // Fast way out: dates and times begin with a digit or, for a negative TIME, a minus sign.
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
