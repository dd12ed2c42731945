/**
 * Kills each contender several times with SIGKILL while it replays a topic, starts it again each time, and counts what is wrong in
 * Redis at the end.
 *
 * The other designs commit their offsets to Kafka after each batch, as kafkajs does by default, and resume there. So a batch that was
 * written but not committed is applied again.
 */
import {once} from 'node:events';
import {Redis} from 'ioredis';
import type {Admin} from 'kafkajs';
import type {StackEnv} from '../stack/environment.js';
import {Random} from '../stack/random.js';
import {until} from '../stack/until.js';
import {WorkerProcess} from '../stack/worker.js';
import {ourVariables, positions, startConsumer, type Replay} from './contenders.js';
import type {ConsumerName} from './designs/consumer.js';
import {markdown, NOT_MEASURED} from './figures.js';
import {ExpectedShop, type Scope} from './expected.js';
import type {ShopPlan} from './shop.js';
import {endsAfter, fillTopic, kafkaOf} from './topic.js';

export interface CrashRow {
  readonly name: string;
  readonly kills: number;
  readonly checked: number;
  readonly wrong: number;
}

/** A process that replays the topic, and can be killed. */
interface Victim {
  kill(): Promise<void>;
  stop(): Promise<void>;
}

interface Design {
  readonly name: string;
  readonly scope: Scope;
  readonly start: (progress: readonly number[]) => Victim;
  /** By partition: the offset at which the design would resume. */
  readonly progress: () => Promise<number[]>;
}

const STEP_TIMEOUT_MS = 300_000;

export async function crash(
  env: StackEnv,
  {plan, kills}: {readonly plan: ShopPlan; readonly kills: number},
  notify: (line: string) => void,
): Promise<CrashRow[]> {
  notify(`filling a topic with ${plan.events} row events ...`);
  const topic = await fillTopic(env.kafka.brokers, 'compact', plan);
  const replay: Replay = {env, topic, ends: endsAfter(plan)};
  const redis = new Redis(env.redis.url);
  const admin = kafkaOf(env.kafka.brokers).admin();
  await admin.connect();
  const expected = ExpectedShop.after(plan);
  const rows: CrashRow[] = [];
  try {
    const designs = [
      other(admin, {consumer: 'pipelined', name: 'one pipeline per batch'}, replay),
      other(admin, {consumer: 'merged', name: 'commands merged per batch'}, replay),
      ours(redis, replay),
    ];
    for (const design of designs) {
      await redis.flushall();
      await replayWithKills(design, {total: sum(replay.ends), kills, seed: plan.seed});
      const row = {name: design.name, kills, ...(await expected.compare(redis, design.scope))};
      notify(`${row.name}: ${row.wrong} of ${row.checked} orders and counters are wrong`);
      rows.push(row);
    }
  } finally {
    await admin.disconnect();
    redis.disconnect();
  }
  return rows;
}

async function replayWithKills(
  {name, start, progress}: Design,
  {total, kills, seed}: {readonly total: number; readonly kills: number; readonly seed: number},
): Promise<void> {
  const random = new Random(seed);
  for (let kill = 0; kill <= kills; kill++) {
    const victim = start(await progress());
    const goal = kill === kills ? total : (total * (kill + random.next())) / (kills + 1);
    await until(
      async () => sum(await progress()) >= goal,
      () => `${name} at ${Math.round(goal)} of ${total} records`,
      STEP_TIMEOUT_MS,
    );
    if (kill === kills) await victim.stop();
    else await victim.kill();
  }
}

function other(
  admin: Admin,
  {consumer, name}: {readonly consumer: ConsumerName; readonly name: string},
  replay: Replay,
): Design {
  const {topic, ends} = replay;
  const groupId = `bench-crash-${process.pid}-${consumer}`;
  return {
    name,
    scope: {hasReports: false, lines: 'hash'},
    progress: async () => {
      const [found] = await admin.fetchOffsets({groupId, topics: [topic.name]});
      const offsets = new Map(found?.partitions.map(({partition, offset}) => [partition, Number(offset)]));
      return ends.map((_, partition) => Math.max(0, offsets.get(partition) ?? 0));
    },
    start: (starts) => {
      const child = startConsumer(consumer, {...replay, starts}, groupId);
      const ended = once(child, 'close');
      return {
        kill: async () => {
          child.kill('SIGKILL');
          await ended;
        },
        stop: async () => {
          await ended;
        },
      };
    },
  };
}

function ours(redis: Redis, replay: Replay): Design {
  const variables = {
    ...ourVariables(replay),
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    KAFKA_HEARTBEAT_INTERVAL_MS: '1500',
  };
  return {
    name: 'order projector',
    scope: {hasReports: true, lines: 'text'},
    progress: async () => await positions(redis, replay),
    start: () => {
      const worker = new WorkerProcess(variables);
      return {
        kill: async () => {
          await worker.end('SIGKILL');
        },
        stop: async () => {
          await worker.end('SIGTERM');
        },
      };
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The table of the results, in Markdown. */
export function crashTable(rows: readonly CrashRow[]): string {
  const cells = rows.map(({name, kills, checked, wrong}) => [
    ...[name, String(kills), checked === 0 ? NOT_MEASURED : `${wrong} of ${checked}`],
  ]);
  return markdown(['Design', 'Kills (SIGKILL)', 'Wrong orders and counters'], cells);
}
