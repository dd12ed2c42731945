/** Runs the contenders, each in its own processes, on the same topic and the same Redis. */
import {Redis} from 'ioredis';
import {workerVariables, type StackEnv} from '../stack/environment.js';
import {until} from '../stack/until.js';
import {WorkerProcess} from '../stack/worker.js';
import {THIS_BUILD, type Build} from './builds.js';
import type {ConsumerName, Job, JobResult} from './designs/consumer.js';
import {resultOf, startJob, type JobProcess} from './jobs.js';
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
  /** Null if it could not be measured. */
  readonly seconds: number | null;
  readonly records: number;
}

const REPLAY_TIMEOUT_MS = 1_800_000;
let groups = 0;

/** Runs one of bench/designs, or a ceiling. */
export async function runConsumer(name: ConsumerName, replay: Replay): Promise<Ran> {
  const child = startConsumer(name, replay, newGroup());
  const meter = new ProcessMeter([child.pid ?? 0]);
  const {startedMs, endedMs, records} = await resultOf<JobResult>(child, `the design ${name}`);
  return {seconds: (endedMs - startedMs) / 1_000, records, ...meter.end()};
}

/** Starts the process of one of bench/designs. It ends when it has read everything, and then prints a JobResult. */
export function startConsumer(
  name: ConsumerName,
  {env, topic, ends, starts}: Replay,
  groupId: string,
): JobProcess {
  const job: Job = {
    name,
    topic: topic.name,
    brokers: env.kafka.brokers,
    redisUrl: env.redis.url,
    ends,
    groupId,
    starts: starts ?? ends.map(() => 0),
  };
  return startJob('consumer.ts', job);
}

/** Runs a build of this project's worker as an operator does. */
export async function runWorker(replay: Replay, build: Build = THIS_BUILD): Promise<Ran> {
  return await replayed([build], replay, async (processes) => await assignedMs(processes, replay));
}

/**
 * Runs several workers, which share the partitions.
 *
 * They join the group one after the other, and the first one could read the whole topic before the second one has joined. So fences
 * stand in the place of all positions until each worker has its partitions, because a worker applies nothing then. The time starts
 * when the fences are removed. A worker notices that after at most about 0.2 s, because it has just begun to ask for its positions.
 */
export async function runWorkers(count: number, replay: Replay): Promise<Ran> {
  const redis = new Redis(replay.env.redis.url);
  const keys = positionKeys(replay);
  try {
    for (const key of keys) await redis.set(key, ENDLESS_FENCE);
    const builds = new Array<Build>(count).fill(THIS_BUILD);
    return await replayed(builds, replay, async (processes) => {
      await assignedMs(processes, replay);
      await redis.del(...keys);
      return Date.now();
    });
  } finally {
    redis.disconnect();
  }
}

/** A fence as src/redis-model/fence.ts describes it. It expires in the year 33658, and there is no position that it replaces. */
const ENDLESS_FENCE = `fence ${10 ** 15 - 1} bench `;

/** Starts one worker for each build, and waits until they have read the topic. `begin` resolves with the start of the time. */
async function replayed(
  builds: readonly Build[],
  replay: Replay,
  begin: (processes: readonly WorkerProcess[]) => Promise<number>,
): Promise<Ran> {
  const redis = new Redis(replay.env.redis.url);
  const variables = ourVariables(replay);
  const processes = builds.map((build) => new WorkerProcess(variables, ['run'], build));
  const meter = new ProcessMeter(processes.map(({pid}) => pid));
  try {
    const startedMs = await begin(processes);
    await until(
      async () => {
        requireRunning(processes);
        return await atEnds(redis, replay);
      },
      () => `the positions to reach the end of ${replay.topic.name}`,
      REPLAY_TIMEOUT_MS,
    );
    const seconds = (Date.now() - startedMs) / 1_000;
    return {seconds, records: sum(replay.ends), ...meter.end()};
  } finally {
    await Promise.all(processes.map(async (worker) => await worker.end('SIGTERM')));
    redis.disconnect();
  }
}

function requireRunning(processes: readonly WorkerProcess[]): void {
  for (const {isRunning, output} of processes)
    if (!isRunning) throw new Error(`a worker ended before the replay was complete: ${output}`);
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
async function assignedMs(processes: readonly WorkerProcess[], {ends}: Replay): Promise<number> {
  return await until(
    () => {
      requireRunning(processes);
      const shares = processes.map(({log}) => log.filter(({msg}) => msg === 'partitions assigned').at(-1));
      const count = sum(shares.map((line) => (line?.['partitions'] as number[] | undefined)?.length ?? 0));
      const isShared = shares.every((line) => (line?.['partitions'] as number[] | undefined)?.length);
      return (
        isShared &&
        count === ends.length &&
        Math.max(...shares.map((line) => Date.parse(String(line?.['time']))))
      );
    },
    () => 'the assignment of all partitions',
    60_000,
  );
}

/** For each partition, the next offset that the worker will apply. */
export async function positions(redis: Redis, replay: Replay): Promise<number[]> {
  const texts = await redis.mget(positionKeys(replay));
  return texts.map((text) => Number(text?.split(' ')[1] ?? 0));
}

function positionKeys({topic, ends}: Replay): string[] {
  return ends.map((_, partition) => `projector:position:${topic.name}:${partition}`);
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
