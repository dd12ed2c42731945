/** The JSON answers of a worker over HTTP. `observe/statusAnswer.ts` has their types for the worker and the page, without zod. */
import {z} from 'zod';
import type {HistoryAnswer, StatusAnswer} from '../../observe/statusAnswer.js';
import {WORKER_STATES} from '../../worker/workerView.js';
import {count, errorDetail, errorKind, flag, partition, seconds, text, time, whole} from './fields.js';

const error = {kind: errorKind, detail: errorDetail};
const offset = (description: string): z.ZodNullable<z.ZodString> =>
  whole(`${description}; null while it is unknown`).nullable();

const audit = z.strictObject({
  isRunning: flag('A process holds the lease of the audit'),
  isRequested: flag('A schema change asked for a pass, and none has been completed since'),
  overdueSeconds: seconds('How late the next pass is'),
  last: z
    .strictObject({
      ended: time('End of the pass'),
      seconds: seconds('Duration of the pass'),
      orders: count('Orders that were compared'),
      differences: count('Values that differed'),
      repaired: count('Values that were repaired'),
      open: count('Values that were not decided'),
    })
    .nullable()
    .describe('The last complete pass; null before the first one'),
});

const records = z.strictObject({
  consumed: count('Records received from Kafka'),
  applied: count('Records applied to Redis'),
  duplicate: count('Records that Redis already contained'),
  ignored: count('Records without effect, such as heartbeats'),
  quarantined: count('Records that were quarantined'),
  positionResets: count('How often a partition was reset to its stored position'),
  rejectedWrites: count('Scripts whose expected position did not match'),
});

const onePartition = z.strictObject({
  partition,
  position: offset('Next offset to apply'),
  committed: offset('Committed offset of this worker'),
  start: offset('First offset that exists in the partition'),
  end: offset('Offset that the next record of the partition gets'),
  lagRecords: offset('Records between position and end'),
  stuckMs: z
    .number()
    .min(0)
    .describe('How long the partition has made no progress although it has records, in ms'),
  held: z
    .strictObject(error)
    .nullable()
    .describe(
      'The error with which the partition is held, while the others continue; null if it is not held',
    ),
});

export const STATUS = z.strictObject({
  state: z.enum(WORKER_STATES).describe('State of the worker'),
  hasShop: flag('The worker answers /shop (PROJECTOR_PAGE_SHOP)'),
  ready: z
    .strictObject({
      isWell: flag('The worker is ready'),
      reasons: z.array(z.string()).describe('Why it is not'),
    })
    .describe('The result of the readiness probe'),
  version: text('Version of the worker'),
  group: text('Consumer group (KAFKA_GROUP_ID)'),
  topic: text('Topic that the worker reads (KAFKA_TOPIC)'),
  now: time('Time of the answer'),
  started: time('When the worker was started'),
  kafkaUp: flag('Kafka responds'),
  redisUp: flag('Redis responds'),
  connector: z
    .strictObject({
      name: text('Name of the connector'),
      state: text('The worse state of the connector and its task'),
    })
    .nullable()
    .describe(
      'State of the connector at the last request; null without CONNECT_URL, and while it is unknown',
    ),
  audit: audit.nullable().describe('What Redis holds of the audit; null if it holds nothing'),
  lagRecords: offset('Consumer lag of the partitions of this worker, in records'),
  lagSeconds: seconds('Consumer lag as time; null while it is unknown').nullable(),
  freshnessSeconds: seconds('Age of the newest applied change; null before the first one').nullable(),
  newestApplied: time('Source time of the newest applied change; null before the first one').nullable(),
  records: records.describe('Counts of records since the start of this worker'),
  rebalances: count('Rebalances since the start of this worker'),
  partitions: z.array(onePartition).describe('The partitions of this worker'),
  troubles: z
    .array(z.strictObject({...error, since: time('When the failure began')}))
    .describe('Failures for which the worker waits'),
  errors: z
    .array(z.strictObject({at: time('When the error occurred'), ...error}))
    .describe('Past errors, newest first'),
}) satisfies z.ZodType<StatusAnswer<string>>;

const points = z.array(
  z.strictObject({
    atMs: z.number().describe('Time of the point, in ms since 1970'),
    startedMs: z.number().describe('When the worker was started, in ms since 1970'),
    lagRecords: offset('Consumer lag, in records'),
    applied: count('Records applied since the start of the worker'),
    isReady: flag('The worker was ready'),
  }),
);

export const HISTORY = z.strictObject({
  points: points.describe('A point every 5 s of the last 15 minutes, oldest first'),
}) satisfies z.ZodType<HistoryAnswer<string>>;

export const PROBE = z.strictObject({
  ok: flag('The probe succeeds. The HTTP status is 200 if it does, else 503'),
  reasons: z.array(z.string()).describe('Why the probe fails; empty if it succeeds'),
});
