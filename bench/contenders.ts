/** What is measured side by side, each in processes of its own, on the same topic and the same Redis. */
import {spawn} from 'node:child_process';
import {Redis} from 'ioredis';
import {workerVariables, type StackEnv} from '../stack/environment.js';
import {until} from '../stack/until.js';
import {WorkerProcess} from '../stack/worker.js';
import type {ConsumerName, Job, JobResult} from './designs/consumer.js';
import {ProcessMeter, type ProcessCost} from './processMeter.js';
import type {FilledTopic} from './topic.js';

export interface Replay {
  readonly env: StackEnv;
  readonly topic: FilledTopic;
  /** By partition: the first offset not to read. */
  readonly ends: readonly number[];
  /** By partition; a worker of ours knows itself where it stands. */
  readonly starts?: readonly number[];
}

export interface Ran extends ProcessCost {
  readonly seconds: number;
  readonly records: number;
}

const REPLAY_TIMEOUT_MS = 1_800_000;
let groups = 0;

/** One of bench/designs, or a ceiling. */
export async function runConsumer(name: ConsumerName, {env, topic, ends, starts}: Replay): Promise<Ran> {
  const job: Job = {
    name,
    topic: topic.name,
    brokers: env.kafka.brokers,
    redisUrl: env.redis.url,
    ends,
    groupId: newGroup(),
    starts: starts ?? ends.map(() => 0),
  };
  const script = new URL('designs/consumer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(job)], {
    env: {...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_ENV: 'production'},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const meter = new ProcessMeter([child.pid ?? 0]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the design ${name} ended with ${String(code)}`);
  const {startedMs, endedMs, records} = JSON.parse(output) as JobResult;
  return {seconds: (endedMs - startedMs) / 1_000, records, ...meter.end()};
}

/** Our worker as an operator starts it; `workers` of them share the partitions. */
export async function runWorkers(workers: number, replay: Replay): Promise<Ran> {
  const {env, ends} = replay;
  const redis = new Redis(env.redis.url);
  const variables = ourVariables(replay);
  const processes = Array.from({length: workers}, () => new WorkerProcess(variables));
  const meter = new ProcessMeter(processes.map(({pid}) => pid));
  try {
    const startedMs = await assignedMs(processes, ends.length);
    // Several workers join one after the other; what was applied until all had their share is not counted.
    const before = workers === 1 ? 0 : sum(await positions(redis, replay));
    await until(
      () => {
        for (const {isRunning, output} of processes)
          if (!isRunning) throw new Error(`a worker ended: ${output}`);
        return atEnds(redis, replay);
      },
      () => `positions at the end of ${replay.topic.name}`,
      REPLAY_TIMEOUT_MS,
    );
    const seconds = (Date.now() - startedMs) / 1_000;
    return {seconds, records: sum(ends) - before, ...meter.end()};
  } finally {
    await Promise.all(processes.map(async (worker) => await worker.end('SIGTERM')));
    redis.disconnect();
  }
}

export function ourVariables({env, topic}: Replay): Record<string, string> {
  return {
    ...workerVariables(env),
    KAFKA_TOPIC: topic.name,
    KAFKA_GROUP_ID: newGroup(),
    REDIS_TIMEOUT_MS: '60000',
    PROJECTOR_LOG_LEVEL: 'info',
  };
}

/** When the last worker got its share, so that every partition has one. */
async function assignedMs(processes: readonly WorkerProcess[], partitions: number): Promise<number> {
  return await until(
    () => {
      const shares = processes.map(({log}) => log.filter(({msg}) => msg === 'partitions assigned').at(-1));
      const count = sum(shares.map((line) => (line?.['partitions'] as number[] | undefined)?.length ?? 0));
      const isShared = shares.every((line) => (line?.['partitions'] as number[] | undefined)?.length);
      return (
        isShared &&
        count === partitions &&
        Math.max(...shares.map((line) => Date.parse(String(line?.['time']))))
      );
    },
    () => 'an assignment of all partitions',
    60_000,
  );
}

/** By partition: the offset up to which our worker has applied the topic. */
export async function positions(redis: Redis, {topic, ends}: Replay): Promise<number[]> {
  const texts = await redis.mget(ends.map((_, partition) => `projector:position:${topic.name}:${partition}`));
  return texts.map((text) => Number(text?.split(' ')[1] ?? 0));
}

async function atEnds(redis: Redis, replay: Replay): Promise<boolean> {
  return (await positions(redis, replay)).every((next, partition) => next >= (replay.ends[partition] ?? 0));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function newGroup(): string {
  return `bench-${process.pid}-${++groups}`;
}
