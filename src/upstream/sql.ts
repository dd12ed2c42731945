/**
 * Parts of queries to MySQL.
 *
 * I9: a condition in SQL holds for the same rows as in the stream (domain/condition.ts). So it compares the text of a value byte by byte,
 * without the collation of the column.
 */
import type {Condition} from '../domain/condition.js';

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

/** One SQL condition for each term. `alias` is the alias of the table. */
export function conditionSql(condition: Condition, alias: string): string[] {
  return condition.map(({column, isNegated, values}) => {
    const name = `${alias}.${quoted(column)}`;
    const texts = values.filter((value) => value !== null).map(literalSql);
    const matches = texts.length === 0 ? [] : [`${textSql(name)} IN (${texts.join(', ')})`];
    const nulls = values.includes(null) ? [`${name} IS NULL`] : [];
    // Without IFNULL, the comparison with a NULL would be neither true nor false.
    const any = `IFNULL(${[...nulls, ...matches].join(' OR ')}, FALSE)`;
    return isNegated ? `NOT ${any}` : any;
  });
}
