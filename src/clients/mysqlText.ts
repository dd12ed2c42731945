/**
 * The values of MySQL as text (clients/mysql.ts says which text).
 *
 * mysql2 decodes each value once, straight from the packet. With buffers, two objects for each value would live until the page is
 * converted, and a comparison spends much of its time on that.
 */
import type {FieldPacket, TypeCastField} from 'mysql2/promise';

/** The values of a row as text, by column. SQL NULL is null. */
export type TextRow = Readonly<Record<string, string | null>>;

/** Column types, by their numbers in the MySQL protocol. */
const DOUBLE = 5;
const BIT = 16;
const TEXTS_OR_BYTES: ReadonlySet<number | undefined> = new Set([15, 249, 250, 251, 252, 253, 254]);
const ZEROFILL_FLAG = 64;
const BYTES_CHARSET = 63;

/** The names that mysql2 gives to the types whose values can be bytes: BIT and TEXTS_OR_BYTES. */
const MAY_BE_BYTES: ReadonlySet<string> = new Set([
  ...['BIT', 'VARCHAR', 'VAR_STRING', 'STRING'],
  ...['TINY_BLOB', 'MEDIUM_BLOB', 'LONG_BLOB', 'BLOB'],
]);

/** The option `typeCast` of a query. Bytes become a text of one character each, which `textRows` finishes. */
export function typeCast(field: TypeCastField): string | null {
  // Without an argument, mysql2 takes the character set of the column: UTF-8 for texts, and one character for each byte of bytes.
  return MAY_BE_BYTES.has(field.type) ? field.string() : field.string('utf8');
}

/** Finishes rows that were read with `typeCast`, in place. Most columns need nothing more. */
export function textRows(rows: Record<string, string | null>[], fields: readonly FieldPacket[]): TextRow[] {
  // If two columns have the same name, mysql2 returns the last one.
  const last = new Map(fields.map((field) => [field.name, field]));
  for (const [name, field] of last) {
    const finish = finisherOf(field);
    if (finish === undefined) continue;
    for (const row of rows) {
      const text = row[name] ?? null;
      if (text !== null) row[name] = finish(text);
    }
  }
  return rows;
}

function finisherOf(field: FieldPacket): ((text: string) => string) | undefined {
  const {columnType, characterSet, columnLength} = field;
  const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
  if (columnType === DOUBLE) return (text) => Number(text).toString();
  if ((Number(field.flags) & ZEROFILL_FLAG) !== 0) return (text) => text.replace(/^0+(?=\d)/, '');
  if (columnType === BIT && columnLength === 1) return (text) => String(bytesOf(text)[0] ?? 0);
  if (columnType === BIT) return (text) => bytesOf(text).toString('base64');
  const isBytes = TEXTS_OR_BYTES.has(columnType) && characterSet === BYTES_CHARSET;
  return isBytes ? (text) => bytesOf(text).toString('hex') : undefined;
}
