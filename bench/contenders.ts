/** Runs the contenders, each in its own processes, on the same topic and the same Redis. */
import {spawn, type ChildProcessByStdio} from 'node:child_process';
import type {Readable} from 'node:stream';
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
  /** For each partition, the end offset, which is not read. */
  readonly ends: readonly number[];
  /** For each partition, the first offset to read. The worker ignores it, because it reads its position from Redis. */
  readonly starts?: readonly number[];
}

export interface Ran extends ProcessCost {
  readonly seconds: number;
  readonly records: number;
}

const REPLAY_TIMEOUT_MS = 1_800_000;
let groups = 0;

/** Runs one of bench/designs, or a ceiling. */
export async function runConsumer(name: ConsumerName, replay: Replay): Promise<Ran> {
  const child = startConsumer(name, replay, newGroup());
  const meter = new ProcessMeter([child.pid ?? 0]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the design ${name} ended with exit code ${String(code)}`);
  const {startedMs, endedMs, records} = JSON.parse(output) as JobResult;
  return {seconds: (endedMs - startedMs) / 1_000, records, ...meter.end()};
}

/** Starts the process of one of bench/designs. It ends when it has read everything, and then prints a JobResult. */
export function startConsumer(
  name: ConsumerName,
  {env, topic, ends, starts}: Replay,
  groupId: string,
): ChildProcessByStdio<null, Readable, null> {
  const job: Job = {
    name,
    topic: topic.name,
    brokers: env.kafka.brokers,
    redisUrl: env.redis.url,
    ends,
    groupId,
    starts: starts ?? ends.map(() => 0),
  };
  const script = new URL('designs/consumer.ts', import.meta.url).pathname;
  return spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(job)], {
    env: {...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_ENV: 'production'},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Runs the worker of this project as an operator does. The partitions are shared by `workers` processes. */
export async function runWorkers(workers: number, replay: Replay): Promise<Ran> {
  const {env, ends} = replay;
  const redis = new Redis(env.redis.url);
  const variables = ourVariables(replay);
  const processes = Array.from({length: workers}, () => new WorkerProcess(variables));
  const meter = new ProcessMeter(processes.map(({pid}) => pid));
  try {
    const startedMs = await assignedMs(processes, ends.length);
    // Several workers join one after the other. Records that were applied before the last one joined are not counted.
    const before = workers === 1 ? 0 : sum(await positions(redis, replay));
    await until(
      () => {
        for (const {isRunning, output} of processes)
          if (!isRunning) throw new Error(`a worker ended before the replay was complete: ${output}`);
        return atEnds(redis, replay);
      },
      () => `the positions to reach the end of ${replay.topic.name}`,
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

/** The time at which the last worker got its partitions, so that all partitions are assigned. */
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
    () => 'the assignment of all partitions',
    60_000,
  );
}

/** For each partition, the next offset that the worker will apply. */
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
