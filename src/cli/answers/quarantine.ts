/** The JSON answers of `projector dlq`. */
import {z} from 'zod';
import type {EntryResult} from '../../operations/replay/replay.js';
import type {EntrySummary, EntryView} from '../../operations/replay/view.js';
import {count, flag, partition, text, time, whole, type Answer} from './fields.js';

const name = text('Name of the entry: topic:partition:offset');
const orderId = text('Id of the order; null if the record does not name one').nullable();

const summary = {
  name,
  kind: text('Kind of the reason'),
  orderId,
  reason: text('Why the record could not be applied'),
  time: time('Timestamp of the record; null if it has none').nullable(),
};

export const DLQ_LIST = z.array(z.strictObject(summary)) satisfies z.ZodType<EntrySummary[]>;

const bytes = (description: string) =>
  z
    .strictObject({
      encoding: z.enum(['utf8', 'base64']).describe('How `data` holds the bytes'),
      data: text('The bytes: text if they are UTF-8, else base64. This is customer data'),
    })
    .nullable()
    .describe(description);

export const DLQ_SHOW = z.strictObject({
  ...summary,
  topic: text('Topic of the record'),
  partition,
  offset: whole('Offset of the record'),
  key: bytes('Key of the record; null if it has none'),
  value: bytes('Stored beginning of the value; null if it has none'),
  keptBytes: count('Number of stored bytes of the value'),
  valueBytes: count('Number of bytes of the whole value'),
}) satisfies z.ZodType<EntryView>;

export const DLQ_DROP = z.strictObject({
  dropped: z.array(name).describe('Names of the removed entries'),
  kept: z
    .array(name)
    .describe('Names of chosen entries that changed while the command ran, and were not removed'),
});
export type DlqDropAnswer = Answer<typeof DLQ_DROP>;

export const DLQ_REPLAY = z.strictObject({
  name,
  orderId,
  replayed: flag('The order was rebuilt, and the entry was removed'),
  reason: text('Why the entry was not replayed; null if it was replayed').nullable(),
}) satisfies z.ZodType<EntryResult>;
