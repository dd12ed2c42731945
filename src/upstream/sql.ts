/**
 * Parts of queries to MySQL.
 *
 * I9: a condition in SQL holds for the same rows as in the stream (domain/condition.ts). So it compares the text of a value byte by byte,
 * without the collation of the column.
 */
import type {Condition} from '../domain/condition.js';
import {idOfText, isId, textOfId} from '../domain/id.js';
import {isWholeNumber} from '../domain/order.js';
import type {IdKind} from './sourceTables.js';

/** Quotes a table or column name for a query. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The text of a value as bytes. */
export function textSql(expression: string): string {
  return `CAST(CONVERT(CAST(${expression} AS CHAR) USING utf8mb4) AS BINARY)`;
}

/** A text as bytes. It is written as digits, so that no quotes or sql_mode can change it. */
export function literalSql(text: string): string {
  return text === '' ? `''` : `x'${Buffer.from(text, 'utf8').toString('hex')}'`;
}

/** An id in SQL. Undefined if no value of such a column has this id. */
export function idSql(id: string, kind: IdKind): string | undefined {
  switch (kind) {
    case 'whole':
      return isWholeNumber(id) ? id : undefined;
    case 'text':
      return !isId(id) || id.includes('/')
        ? undefined
        : `_utf8mb4 x'${Buffer.from(textOfId(id), 'utf8').toString('hex')}'`;
    case 'bytes':
      return /^(?:[0-9a-f]{2})+$/.test(id) ? `x'${id}'` : undefined;
  }
}

/**
 * The condition that the column is one of these ids. Texts are compared with the collation, for its index, and then byte by byte. If one of
 * them is not ASCII, all are compared byte by byte only, without the index, because MySQL may be unable to convert it to the character set of
 * the column.
 */
export function isAmongSql(column: string, ids: readonly string[], kind: IdKind): string {
  const literals = ids.map((id) => idSql(id, kind)).filter((literal) => literal !== undefined);
  if (literals.length === 0) return 'FALSE';
  const isAny = `${column} IN (${literals.join(', ')})`;
  if (kind !== 'text') return isAny;
  const bytes = `${textSql(column)} IN (${literals.map((literal) => literal.replace('_utf8mb4 ', '')).join(', ')})`;
  const isAscii = literals.every((literal) => !/^_utf8mb4 x'(?:..)*[89a-f]./.test(literal));
  return isAscii ? `(${isAny} AND ${bytes})` : bytes;
}

/** The condition that the column has an id: it is neither NULL nor '', nor the text that means none. */
export function hasIdSql(column: string, kind: IdKind, none?: string): string {
  const isNone = none === undefined ? undefined : isAmongSql(column, [idOfText(none)], kind);
  const parts = [
    `${column} IS NOT NULL`,
    ...(kind === 'text' ? [`${textSql(column)} <> ''`] : []),
    ...(kind === 'bytes' ? [`LENGTH(${column}) > 0`] : []),
    ...(isNone === undefined ? [] : [`NOT ${isNone}`]),
  ];
  return parts.join(' AND ');
}

/** The condition that two ids are equal. Texts are compared with the collation, for its index, and then byte by byte. */
export function isSameIdSql(a: string, b: string, kind: IdKind): string {
  return kind === 'text' ? `${a} = ${b} AND ${textSql(a)} = ${textSql(b)}` : `${a} = ${b}`;
}

/** One SQL condition for each term. `alias` is the alias of the table. A column that it does not have counts as NULL. */
export function conditionSql(condition: Condition, alias: string, columns: readonly string[]): string[] {
  return condition.map(({column, isNegated, values}) => {
    const name = columns.includes(column) ? `${alias}.${quoted(column)}` : 'NULL';
    const texts = values.filter((value) => value !== null).map(literalSql);
    const matches = texts.length === 0 ? [] : [`${textSql(name)} IN (${texts.join(', ')})`];
    const nulls = values.includes(null) ? [`${name} IS NULL`] : [];
    // Without IFNULL, the comparison with a NULL would be neither true nor false.
    const any = `IFNULL(${[...nulls, ...matches].join(' OR ')}, FALSE)`;
    return isNegated ? `NOT ${any}` : any;
  });
}
