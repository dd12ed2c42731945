/**
 * The kinds of values that settings have: how a text is parsed, and what the message says if it is invalid.
 *
 * The module loads zod only when it parses the first value. Loading takes a tenth of a second, which `projector --help` saves.
 */
import {createPrivateKey, X509Certificate} from 'node:crypto';
import type {SaslMechanism} from '../clients/kafka/admin.js';
import {createRequire} from 'node:module';
import type * as zod from 'zod';
import {
  FAILPOINT_ACTIONS,
  FAILPOINT_NAMES,
  parseFailpoint,
  type FailpointPlan,
} from '../runtime/failpoints.js';

export type Z = typeof zod.z;

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

export const text = kind((z) => z.string().min(1, 'a text of at least one character'));

export const list = (z: Z): zod.ZodType<string[], string> =>
  z.string().transform((value, context) => {
    const items = value.split(',').map((item) => item.trim());
    if (items.includes(''))
      context.addIssue({code: 'custom', message: 'a comma-separated list without empty elements'});
    return items;
  });

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
