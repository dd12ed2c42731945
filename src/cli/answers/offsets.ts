/** The JSON answers of `projector lag` and `projector offsets`. */
import {z} from 'zod';
import {partition, time, topic, whole, type Answer} from './fields.js';

const position = whole(
  'Next offset to apply, from Redis; null if Redis holds none that can be read',
).nullable();
const lagRecords = whole('Records between the position and the end of the partition');

export const LAG = z.strictObject({
  topic,
  lagRecords: whole('Consumer lag of all partitions, in records'),
  partitions: z
    .array(
      z.strictObject({
        partition,
        position,
        end: whole('Offset that the next record of the partition gets'),
        lagRecords,
      }),
    )
    .describe('One entry per partition, in order'),
});
export type LagAnswer = Answer<typeof LAG>;

export const LAG_WATCH = z.strictObject({at: time('When the lag was measured'), ...LAG.shape});
export type LagWatchAnswer = Answer<typeof LAG_WATCH>;

export const OFFSETS_SHOW = z.strictObject({
  topic,
  groupId: z.string().describe('Consumer group of the workers (KAFKA_GROUP_ID)'),
  partitions: z
    .array(
      z.strictObject({
        partition,
        position,
        committed: whole('Committed offset of the group, for lag tools; null if there is none').nullable(),
        logStart: whole('First offset that exists in the partition'),
        logEnd: whole('Offset that the next record of the partition gets'),
        lagRecords,
      }),
    )
    .describe('One entry per partition, in order'),
});
export type OffsetsShowAnswer = Answer<typeof OFFSETS_SHOW>;

export const OFFSETS_RESET = z.strictObject({
  topic,
  partitions: z
    .array(
      z.strictObject({
        partition,
        from: whole('Position before the reset, an offset'),
        to: whole('Position after the reset, an offset'),
      }),
    )
    .describe('The partitions whose position was reset'),
});
export type OffsetsResetAnswer = Answer<typeof OFFSETS_RESET>;
