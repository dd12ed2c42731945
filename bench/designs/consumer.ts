/**
 * One of the other designs, or a ceiling, as a process of its own: reads the topic up to the given ends, and then writes one
 * line of JSON. Its one argument is a Job.
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
  /** By partition: the first offset to read, and the first one not to read. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface JobResult {
  /** Of Date.now(): the partitions were assigned; the last write was answered. */
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
  const consumer = kafkaOf(brokers).consumer({groupId, maxWaitTimeInMs: 100});
  const next = [...starts];
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
        if (next.every((offset, index) => offset >= (ends[index] ?? 0))) resolve();
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
