/** The JSON answers of `projector verify`, `rebuild`, `sync`, `doctor`, `config` and `connector`. */
import {z} from 'zod';
import {count, flag, seconds, text, whole, type Answer} from './fields.js';

export const VERIFY = z.strictObject({
  differences: count('Number of certain differences that remain'),
  open: count('Values that changed too often, or for which the time was too short'),
  unseen: count('Values that differed at first and were not compared again, because there are too many'),
  isBehind: flag('Redis did not reach the end of the topic in time, or the time was too short'),
  repaired: count('Number of differences that were repaired, with the sums that a repair of orders changed'),
  looked: z
    .strictObject({
      orders: count('Orders'),
      products: count('Products'),
      users: count('Buyers'),
      keys: count('Keys in Redis'),
      foreignKeys: count('Keys in Redis that do not belong to the read model'),
    })
    .describe('How much was compared'),
  findings: z
    .array(
      z.strictObject({
        kind: text('Kind of the difference, such as order-missing or counter-differs'),
        key: text('Key in Redis'),
        field: text('Field of a hash, or member of a sorted set; null if the whole key is meant').nullable(),
        expected: text('What Redis must hold; null if it must hold nothing').nullable(),
        found: text('What Redis holds; null if it holds nothing').nullable(),
      }),
    )
    .describe('The differences, at most --limit. Their values are customer data'),
});
export type VerifyAnswer = Answer<typeof VERIFY>;

export const REPLACEMENT = z.strictObject({
  command: z.enum(['rebuild', 'sync']).describe('The command that replaced the read model'),
  redis: text('Address of the Redis that was loaded, without password'),
  records: whole('Records of the topic that were applied'),
  resumed: flag('The run continued an unfinished one'),
  seconds: seconds('Duration of the run'),
});
export type ReplacementAnswer = Answer<typeof REPLACEMENT>;

export const DOCTOR = z.strictObject({
  ok: flag('No check fails'),
  tookMs: count('Duration of all checks, in ms'),
  checks: z
    .array(
      z.strictObject({
        name: text('Name of the check'),
        verdict: z.enum(['ok', 'warn', 'fail', 'skipped']).describe('Result of the check'),
        detail: text('What the check found, or why it was skipped'),
        fix: text('What to do; null if nothing is necessary').nullable(),
      }),
    )
    .describe('All checks, in the order of the text output'),
});
export type DoctorAnswer = Answer<typeof DOCTOR>;

const settingValue = (description: string) =>
  z.union([z.string(), z.number(), z.boolean()]).nullable().describe(description);

export const CONFIG_PRINT = z.array(
  z.strictObject({
    name: text('Name of the environment variable'),
    value: settingValue('Value in use; `<redacted>` for secrets, and null if the setting is not set'),
    default: settingValue('Default value; null if there is none'),
    meaning: text('What the setting does'),
  }),
);

export const CONFIG_CHECK = z.strictObject({
  ok: flag('There are no faults'),
  faults: z.array(z.string()).describe('One sentence for each fault'),
});
export type ConfigCheckAnswer = Answer<typeof CONFIG_CHECK>;

export const CONNECTOR = z.strictObject({
  name: text('Name of the connector'),
  state: text('State of the connector in Kafka Connect, such as RUNNING or FAILED'),
  tasks: z
    .array(
      z.strictObject({
        id: count('Number of the task'),
        state: text('State of the task in Kafka Connect'),
      }),
    )
    .describe('The tasks of the connector'),
});
export type ConnectorAnswer = Answer<typeof CONNECTOR>;
