/** Fields that several JSON answers have, and the type of an answer. An amount, an offset or a lag is text, because a JSON number could be rounded (I8). */
import {z} from 'zod';

/** The value that a command prints. The schema is the only definition of its fields. */
export type Answer<Schema extends z.ZodType> = Frozen<z.infer<Schema>>;

type Frozen<T> = T extends readonly (infer Part)[]
  ? readonly Frozen<Part>[]
  : T extends object
    ? {readonly [Name in keyof T]: Frozen<T[Name]>}
    : T;

export function text(description: string): z.ZodString {
  return z.string().describe(description);
}

/** A whole number as text, because it can be beyond 2^53. */
export function whole(description: string): z.ZodString {
  return z
    .string()
    .regex(/^-?\d+$/)
    .describe(`${description}. A whole number as text`);
}

/** An exact decimal as text. */
export function decimal(description: string): z.ZodString {
  return z
    .string()
    .regex(/^-?\d+(?:\.\d+)?$/)
    .describe(`${description}. A decimal as text`);
}

/** A time in UTC, ISO 8601. */
export function time(description: string): z.ZodISODateTime {
  return z.iso.datetime().describe(`${description}. ISO 8601, UTC`);
}

/** A number of things, since zero. */
export function count(description: string): z.ZodInt {
  return z.int().min(0).describe(description);
}

export function seconds(description: string): z.ZodNumber {
  return z.number().min(0).describe(`${description}, in seconds`);
}

export function flag(description: string): z.ZodBoolean {
  return z.boolean().describe(description);
}

export const partition = count('Number of the partition');
export const topic = text('Topic that the workers read (KAFKA_TOPIC)');
export const errorKind = text('Kind of the error, as in docs/runbook.md');
export const errorDetail = text('What failed, where and why');
