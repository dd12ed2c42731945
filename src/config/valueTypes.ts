/**
 * The kinds of values that settings have: how a text is parsed, and what the message says if it is invalid.
 *
 * The module loads zod only when it parses the first value. Loading takes a tenth of a second, which `projector --help` saves.
 */
import {createPrivateKey, X509Certificate} from 'node:crypto';
import type {SaslMechanism} from '../clients/kafka/admin.js';
import {createRequire} from 'node:module';
import type * as zod from 'zod';
import {parseCondition, type Condition} from '../domain/condition.js';
import type {ExtraColumn} from '../domain/sourceSchema.js';
import {
  FAILPOINT_ACTIONS,
  FAILPOINT_NAMES,
  parseFailpoint,
  type FailpointPlan,
} from '../runtime/failpoints.js';

type Z = typeof zod.z;

/** A kind of value. Every zod schema satisfies this interface. */
export interface Kind<T> {
  safeParse(
    text: string,
  ):
    | {readonly success: true; readonly data: T}
    | {readonly success: false; readonly error: {readonly issues: readonly {readonly message: string}[]}};
  /** Returns the JSON schema of the text in the environment, and not of the parsed value. */
  toJSONSchema(options: {io: 'input'; unrepresentable: 'any'}): object;
}

let loaded: Z | undefined;

/** Returns a kind that creates its zod schema at its first use. */
export function kind<T>(make: (z: Z) => zod.ZodType<T>): Kind<T> {
  let made: zod.ZodType<T> | undefined;
  const schema = (): zod.ZodType<T> => {
    loaded ??= (createRequire(import.meta.url)('zod') as {z: Z}).z;
    return (made ??= make(loaded));
  };
  return {
    safeParse: (text) => schema().safeParse(text),
    toJSONSchema: (options) => schema().toJSONSchema(options),
  };
}

export const SASL_MECHANISMS: readonly [SaslMechanism, ...SaslMechanism[]] = [
  'plain',
  'scram-sha-256',
  'scram-sha-512',
  'oauthbearer',
];

/** Every order hash has these fields. An extra column with such a name would overwrite or delete one of them. */
const ORDER_FIELDS = ['id', 'user_id', 'total_amount', 'items_count', 'items'];

export const text = kind((z) => z.string().min(1, 'a text of at least one character'));

const list = (z: Z): zod.ZodType<string[], string> =>
  z.string().transform((value, context) => {
    const items = value.split(',').map((item) => item.trim());
    if (items.includes(''))
      context.addIssue({code: 'custom', message: 'a comma-separated list without empty elements'});
    return items;
  });

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

export const keyPrefix = kind((z) =>
  z.string().regex(/^[^\s*?[\]\\]*$/, 'text without white space and without any of * ? [ ] \\'),
);

/** Accepts one of these values. `words` is the message for every other value. */
export const oneOf = <const W extends readonly [string, ...string[]]>(
  values: W,
  words: string,
): Kind<W[number]> => kind((z) => z.enum(values, words) as zod.ZodType<W[number]>);

export const yesNo = kind((z) =>
  z.enum(['true', 'false'], 'true or false').transform((value) => value === 'true'),
);

/** `%` begins an escape in a URL. The clients decode the user, the password, the host and the path. */
const PERCENT_WORDS = 'a URL in which each % begins an escape: write the character % as %25';

function isDecodable(value: string): boolean {
  return succeeds(() => decodeURIComponent(value));
}

export const url = (...protocols: string[]): Kind<string> => {
  const words = `a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`;
  return kind((z) =>
    z
      .string()
      .regex(new RegExp(`^(?:${protocols.join('|')}):`), words)
      .refine((value) => URL.canParse(value), words)
      .refine((value) => isDecodable(value), PERCENT_WORDS),
  );
};

export const whole = (min: number, max: number): Kind<number> =>
  kind((z) =>
    z
      .string()
      .regex(/^\d{1,15}$/, `a whole number from ${min} to ${max}`)
      .transform(Number)
      .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max}`),
  );

/** -1 means the default of the broker. */
export const replicationFactor = kind((z) =>
  z
    .string()
    .regex(/^(?:-1|[1-9]|10)$/, 'a whole number from 1 to 10, or -1 for the default of the broker')
    .transform(Number),
);

export const portOrOff = kind((z) =>
  z
    .string()
    .regex(/^(?:\d{1,5}|off)$/, 'a port from 0 to 65535, or off')
    .refine((value) => value === 'off' || Number(value) <= 65_535, 'a port from 0 to 65535, or off')
    .transform((value) => (value === 'off' ? ('off' as const) : Number(value))),
);

export const brokers = kind((z) =>
  list(z).refine(
    (items) => items.every((item) => /^[^\s:/]+:\d{1,5}$/.test(item)),
    'a comma-separated list of host:port',
  ),
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

export const failpointPlan = kind((z) =>
  z.string().transform((value, context): FailpointPlan => {
    const plan = parseFailpoint(value);
    if (plan !== undefined) return plan;
    const names = `names: ${FAILPOINT_NAMES.join(', ')}; actions: ${FAILPOINT_ACTIONS.join(', ')}`;
    context.addIssue({code: 'custom', message: `name:action or name:action@time (${names})`});
    return z.NEVER;
  }),
);

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Returns all certificates of a text in PEM form. Throws the error of OpenSSL if one of them is invalid. */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(CERTIFICATE) ?? []).map((text) => new X509Certificate(text));
}

export const certificates = kind((z) =>
  z.string().refine((value) => {
    let count = 0;
    return succeeds(() => (count = certificatesIn(value).length)) && count > 0;
  }, 'certificates in PEM format'),
);

export const privateKey = kind((z) =>
  z
    .string()
    .refine(
      (value) => succeeds(() => createPrivateKey(value)),
      'a private key in PEM format, without a passphrase',
    ),
);

export const hostName = kind((z) =>
  z
    .string()
    .regex(/^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a host name, not an IP address'),
);

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
