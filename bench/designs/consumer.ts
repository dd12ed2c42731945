/**
 * Runs an alternative design or a ceiling as a separate process. It reads the topic up to the given end offsets and then
 * prints one line of JSON. Its only argument is a Job as JSON.
 */
import {Redis} from 'ioredis';
import {kafkaOf} from '../topic.js';
import {awaited} from './awaited.js';
import {eventOf, type Design} from './design.js';
import {merged} from './merged.js';
import {pipelined} from './pipelined.js';

export const CONSUMERS = ['awaited', 'pipelined', 'merged', 'count', 'parse'] as const;
export type ConsumerName = (typeof CONSUMERS)[number];

export interface Job {
  readonly name: ConsumerName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly redisUrl: string;
  readonly groupId: string;
  /** For each partition, the first offset to read, and the end offset, which is not read. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface JobResult {
  /** Times of Date.now(): when the partitions were assigned, and when the last write was acknowledged. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly records: number;
}

type Handler = (redis: Redis, values: readonly Buffer[]) => Promise<void>;

const HANDLERS: Readonly<Record<ConsumerName, Handler>> = {
  awaited: writing(awaited),
  pipelined: writing(pipelined),
  merged: writing(merged),
  count: () => Promise.resolve(),
  parse: (_redis, values) => {
    for (const value of values) JSON.parse(value.toString());
    return Promise.resolve();
  },
};

const [text] = process.argv.slice(2);
if (text === undefined) throw new Error('usage: consumer.ts JOB');
process.stdout.write(`${JSON.stringify(await work(JSON.parse(text) as Job))}\n`);

function writing(design: Design): Handler {
  return async (redis, values) => await design(redis, values.map(eventOf));
}

async function work({name, brokers, topic, redisUrl, groupId, starts, ends}: Job): Promise<JobResult> {
  const redis = new Redis(redisUrl);
  const consumer = kafkaOf(brokers).consumer({
    groupId,
    maxWaitTimeInMs: 100,
    // After a crash the next process waits this long for the session of the dead one (bench/crash.ts).
    sessionTimeout: 6_000,
    heartbeatInterval: 1_500,
  });
  const next = [...starts];
  const isDone = (): boolean => next.every((offset, index) => offset >= (ends[index] ?? 0));
  // No batch would arrive then. A process that was killed may have committed the end already (bench/crash.ts).
  if (isDone()) {
    redis.disconnect();
    return {startedMs: Date.now(), endedMs: Date.now(), records: 0};
  }
  let records = 0;
  let startedMs = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => (startedMs ||= Date.now()));
  await consumer.connect();
  await consumer.subscribe({topic, fromBeginning: true});
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({payload}) => reject(payload.error));
    const run = consumer.run({
      partitionsConsumedConcurrently: 3,
      eachBatch: async ({batch: {partition, messages}}) => {
        const end = ends[partition] ?? 0;
        const values = messages.flatMap(({offset, value}) =>
          value !== null && Number(offset) >= (next[partition] ?? 0) && Number(offset) < end ? [value] : [],
        );
        if (values.length > 0) await HANDLERS[name](redis, values);
        records += values.length;
        next[partition] = Math.max(next[partition] ?? 0, Number(messages.at(-1)?.offset ?? -1) + 1);
        if (isDone()) resolve();
      },
    });
    run.catch(reject);
    starts.forEach((offset, partition) => {
      if (offset > 0) consumer.seek({topic, partition, offset: String(offset)});
    });
  });
  const endedMs = Date.now();
  await consumer.disconnect();
  redis.disconnect();
  return {startedMs, endedMs, records};
}
