/** Measures CPU time and memory per event with growing numbers of events and products, and two encodings of hashes. */
import {Redis} from 'ioredis';
import type {StackEnv} from '../stack/environment.js';
import {runWorker} from './contenders.js';
import {fixed, markdown, mebibytes, microsecondsPer, quotient, rateOf, thousands} from './figures.js';
import {growth, redisCpuSeconds, redisMemoryBytes} from './redisUsage.js';
import type {ShopPlan} from './shop.js';
import {endsAfter, fillTopic} from './topic.js';

const EVENTS = [10_000, 100_000, 1_000_000, 5_000_000];
const PRODUCTS = [1_000, 10_000, 100_000, 1_000_000];
const EVENTS_PER_PRODUCT_RUN = 200_000;
/** Values of hash-max-listpack-value: the default of Redis, and the setting of stack/. */
const LISTPACK_BYTES = [64, 1_024];

export interface ScaleRow {
  readonly events: number;
  readonly products: number;
  readonly listpackBytes: number;
  readonly eventsPerSecond: number | null;
  readonly workerMicroseconds: number | null;
  readonly redisMicroseconds: number | null;
  readonly workerMemoryMaxBytes: number | null;
  readonly redisBytesPerOrder: number | null;
}

/** Runs all measurements with at most `eventsMax` events. */
export async function scale(
  env: StackEnv,
  base: ShopPlan,
  {eventsMax, notify}: {eventsMax: number; notify: (line: string) => void},
): Promise<ScaleRow[]> {
  const redis = new Redis(env.redis.url);
  const [, listpack = '1024'] = await redis.config('GET', 'hash-max-listpack-value');
  const rows: ScaleRow[] = [];
  const few = Math.min(EVENTS_PER_PRODUCT_RUN, eventsMax);
  const listpackBytes = Number(listpack);
  const runs: {plan: ShopPlan; listpackBytes: number}[] = [
    ...EVENTS.filter((events) => events <= eventsMax).map((events) => ({
      plan: {...base, events},
      listpackBytes,
    })),
    ...PRODUCTS.map((products) => ({plan: {...base, events: few, products}, listpackBytes})),
    ...LISTPACK_BYTES.map((bytes) => ({plan: {...base, events: few}, listpackBytes: bytes})),
  ];
  try {
    for (const run of runs) {
      const {events, products} = run.plan;
      notify(`${events} row events, ${products} products, hash-max-listpack-value ${run.listpackBytes} ...`);
      await redis.config('SET', 'hash-max-listpack-value', run.listpackBytes);
      rows.push(await oneRow(env, redis, run));
    }
  } finally {
    await redis.config('SET', 'hash-max-listpack-value', listpack);
    redis.disconnect();
  }
  return rows;
}

async function oneRow(
  env: StackEnv,
  redis: Redis,
  {plan, listpackBytes}: {plan: ShopPlan; listpackBytes: number},
): Promise<ScaleRow> {
  const topic = await fillTopic(env.kafka.brokers, 'compact', plan);
  await redis.flushall();
  const [cpuBefore, memoryBefore] = [await redisCpuSeconds(redis), await redisMemoryBytes(redis)];
  const ran = await runWorker({env, topic, ends: endsAfter(plan)});
  const [cpu, memory] = [await redisCpuSeconds(redis), await redisMemoryBytes(redis)];
  const orders = Number(await redis.hget('report:totals', 'orders'));
  return {
    events: plan.events,
    products: plan.products,
    listpackBytes,
    eventsPerSecond: rateOf(ran.records, ran.seconds),
    workerMicroseconds: microsecondsPer(ran.cpuSeconds, ran.records),
    redisMicroseconds: microsecondsPer(growth(cpuBefore, cpu), ran.records),
    workerMemoryMaxBytes: ran.memoryMaxBytes,
    redisBytesPerOrder: quotient(growth(memoryBefore, memory), orders),
  };
}

const HEAD = [
  ...['Row events', 'Products', 'hash-max-listpack-value', 'Row events/s', 'Worker CPU, µs/event'],
  ...['Redis CPU, µs/event', 'Worker memory, MiB', 'Redis bytes/order'],
];

export function scaleTable(rows: readonly ScaleRow[]): string {
  const cells = rows.map((row) => [
    ...[thousands(row.events), thousands(row.products), String(row.listpackBytes)],
    ...[thousands(row.eventsPerSecond), fixed(row.workerMicroseconds, 1), fixed(row.redisMicroseconds, 1)],
    ...[mebibytes(row.workerMemoryMaxBytes), thousands(row.redisBytesPerOrder)],
  ]);
  return markdown(HEAD, cells);
}
