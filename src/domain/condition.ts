/**
 * The condition that a row must satisfy to count, for example `status=paid|shipped,deleted_at=`.
 *
 * Terms are joined by `,` and all must hold. `column=value|value` holds if the value of the column is one of these. `column!=value|value`
 * holds if it is none of them. An empty value stands for NULL: `a=` is NULL, `a!=` is not NULL, `a=|x` is NULL or x. So `a!=x` holds for
 * NULL. Values are compared byte by byte, whatever the collation of the column is. A backslash makes the next character literal.
 *
 * A condition is a pure function of one row. So the stream, `sync`, `dlq replay` and `verify` get the same result.
 *
 * Pure: no clock, no I/O.
 */
export interface Term {
  readonly column: string;
  readonly isNegated: boolean;
  /** Null stands for NULL. */
  readonly values: readonly (string | null)[];
}

export type Condition = readonly Term[];

const COLUMN = /^[A-Za-z_][A-Za-z0-9_$]*$/;

/** Returns the condition, or which term has which fault. The text does not contain values (I11). */
export function parseCondition(text: string): Condition | string {
  const terms: Term[] = [];
  for (const [index, part] of splitAt(text, ',').entries()) {
    const name = `term ${index + 1}`;
    const found = /^([^=!]*)(!?)=(.*)$/s.exec(part);
    const [, column = '', negation = '', rest = ''] = found ?? [];
    if (found === null) return `${name} has no = or !=`;
    if (!COLUMN.test(column)) return `${name} does not begin with the name of a column`;
    const values = splitAt(rest, '|').map((value) => (value === '' ? null : unescaped(value)));
    terms.push({column, isNegated: negation === '!', values});
  }
  return terms;
}

/** The text of a condition. Parsing it gives the condition again, and equal conditions have equal texts. */
export function formatCondition(condition: Condition): string {
  const escaped = (value: string | null): string => (value ?? '').replace(/[\\,|]/g, '\\$&');
  return condition
    .map(
      ({column, isNegated, values}) => `${column}${isNegated ? '!=' : '='}${values.map(escaped).join('|')}`,
    )
    .join(',');
}

/** `textOf` returns the value of a column as text, and null for NULL. It may throw if the row has no such column. */
export function holds(condition: Condition, textOf: (term: Term) => string | null): boolean {
  return condition.every((term) => term.values.includes(textOf(term)) !== term.isNegated);
}

/** Splits at a separator that no backslash precedes. The parts keep their backslashes. */
function splitAt(text: string, separator: ',' | '|'): string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === separator) parts.push('');
    else if (char === '\\') parts.push(`${parts.pop() ?? ''}${char}${text.charAt(++at)}`);
    else parts.push(`${parts.pop() ?? ''}${char}`);
  }
  return parts;
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/gs, '$1');
}
