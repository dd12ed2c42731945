/** The kinds of values that name tables and columns of the source (valueTypes.ts has all other kinds). */
import {parseCondition, type Condition} from '../domain/condition.js';
import type {ExtraColumn} from '../domain/sourceSchema.js';
import {kind, list, type Kind} from './valueTypes.js';

/** Every order hash has these fields. An extra column with such a name would overwrite or delete one of them. */
const ORDER_FIELDS = ['id', 'user_id', 'total_amount', 'items_count', 'items'];

const COLUMN_NAME = /^[A-Za-z_][A-Za-z0-9_$]*$/;

export const columnName = kind((z) =>
  z
    .string()
    .regex(COLUMN_NAME, 'a column or table name of letters, digits, _ and $, not starting with a digit or $'),
);

/** Column names that are joined by a character. */
const joinedColumns = (joint: string): Kind<readonly string[]> =>
  kind((z) =>
    z.string().transform((value, context) => {
      const columns = value.split(joint).map((column) => column.trim());
      if (!columns.every((column) => COLUMN_NAME.test(column)) || new Set(columns).size < columns.length)
        context.addIssue({
          code: 'custom',
          message: `a column name, or distinct column names joined by ${joint}`,
        });
      return columns;
    }),
  );

/** Several columns together are the id: `order_id/line`. */
export const columnsOfId = joinedColumns('/');

/** The values are multiplied: `price*quantity`. */
export const columnProduct = joinedColumns('*');

/** The name of a column now, and the names that it had before: `customer_id,user_id`. */
export const columnNames = joinedColumns(',');

/** One column with the names that it had before, or several whose values are added: `price+shipping`. */
export const columnSum = kind((z) =>
  z.string().transform((value, context): ColumnSum => {
    const [names, columns] = [value.split(','), value.split('+')].map((list) =>
      list.map((one) => one.trim()),
    );
    const isSum = value.includes('+');
    const all = (isSum ? columns : names) ?? [];
    if (!all.every((column) => COLUMN_NAME.test(column)) || new Set(all).size < all.length)
      context.addIssue({
        code: 'custom',
        message:
          'a column name, distinct column names joined by +, or a name and earlier names joined by a comma',
      });
    return isSum ? {columns: all, earlier: []} : {columns: all.slice(0, 1), earlier: all.slice(1)};
  }),
);

export interface ColumnSum {
  readonly columns: readonly string[];
  readonly earlier: readonly string[];
}

export const condition = kind((z) =>
  z.string().transform((value, context): Condition => {
    const found = parseCondition(value);
    if (typeof found !== 'string') return found;
    context.addIssue({
      code: 'custom',
      message: `terms joined by a comma, each column=value|value or column!=value|value, where an empty value is NULL (${found})`,
    });
    return z.NEVER;
  }),
);

export const extraColumns = kind((z) =>
  list(z)
    .transform((items, context): ExtraColumn[] =>
      items.map((item) => {
        const match = /^([A-Za-z_][A-Za-z0-9_$]*)(?::(text|time|json))?$/.exec(item);
        if (match === null)
          context.addIssue({
            code: 'custom',
            message: 'a comma-separated list of column, column:text, column:time or column:json',
          });
        return {name: match?.[1] ?? '', type: (match?.[2] ?? 'text') as ExtraColumn['type']};
      }),
    )
    .refine(
      (columns) => {
        const names = [...ORDER_FIELDS, ...columns.map(({name}) => name)];
        return new Set(names).size === names.length;
      },
      `a list of distinct columns, without the reserved names ${ORDER_FIELDS.join(', ')}`,
    ),
);
