/** The kinds of values that settings have: how their texts are read, and what is said when they are wrong. */
import {createPrivateKey, X509Certificate} from 'node:crypto';
import {z} from 'zod';
import type {ExtraColumn} from './decode/schema.js';
import {FAILPOINT_ACTIONS, FAILPOINT_NAMES, parseFailpoint, type FailpointPlan} from './failpoints.js';

/** Fields that every order hash has; an extra column of that name would overwrite or delete one. */
const ORDER_FIELDS = ['id', 'user_id', 'total_amount', 'items_count', 'items'];

export const text = z.string().min(1, 'a text that is not empty');
const list = z.string().transform((value, context) => {
  const items = value.split(',').map((item) => item.trim());
  if (items.includes(''))
    context.addIssue({code: 'custom', message: 'a comma-separated list without empty places'});
  return items;
});
export const columnName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_$]*$/, 'a column or table name');
export const yesNo = z.enum(['true', 'false'], 'true or false').transform((value) => value === 'true');
export const url = (...protocols: string[]): z.ZodType<string> =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)),
      `a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    );
export const whole = (min: number, max: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,15}$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max}`);
export const portOrOff = z
  .string()
  .regex(/^(?:\d{1,5}|off)$/, 'a port from 0 to 65535, or off')
  .refine((value) => value === 'off' || Number(value) <= 65_535, 'a port from 0 to 65535, or off')
  .transform((value) => (value === 'off' ? ('off' as const) : Number(value)));
export const brokers = list.refine(
  (items) => items.every((item) => /^[^\s:/]+:\d{1,5}$/.test(item)),
  'a comma-separated list of host:port',
);
export const extraColumns = list
  .transform((items, context): ExtraColumn[] =>
    items.map((item) => {
      const match = /^([A-Za-z_][A-Za-z0-9_$]*)(?::(text|time))?$/.exec(item);
      if (match === null)
        context.addIssue({code: 'custom', message: 'a comma-separated list of column or column:time'});
      return {name: match?.[1] ?? '', type: match?.[2] === 'time' ? 'time' : 'text'};
    }),
  )
  .refine(
    (columns) => {
      const names = [...ORDER_FIELDS, ...columns.map(({name}) => name)];
      return new Set(names).size === names.length;
    },
    `a list of different columns other than ${ORDER_FIELDS.join(', ')}`,
  );

export const failpointPlan = z.string().transform((value, context): FailpointPlan => {
  const plan = parseFailpoint(value);
  if (plan !== undefined) return plan;
  const names = `${FAILPOINT_NAMES.join(', ')} with ${FAILPOINT_ACTIONS.join(', ')}`;
  context.addIssue({code: 'custom', message: `name:action or name:action@time, of ${names}`});
  return z.NEVER;
});

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
export const certificates = z.string().refine((value) => {
  const found = value.match(CERTIFICATE) ?? [];
  return found.length > 0 && found.every((pem) => succeeds(() => new X509Certificate(pem)));
}, 'certificates in PEM form');
export const privateKey = z
  .string()
  .refine(
    (value) => succeeds(() => createPrivateKey(value)),
    'a private key in PEM form, without a passphrase',
  );
export const hostName = z
  .string()
  .regex(/^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, 'a host name, not an address');

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
