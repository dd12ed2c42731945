/**
 * A ceiling: redis-benchmark executes the same writes in pipelines of 100, without any reads. Only Redis works then: there
 * is no Kafka, no decoding, no reports and no position.
 */
import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fetchRedis} from '../stack/native/downloads.js';
import type {Ran, Replay} from './contenders.js';
import {quotient} from './figures.js';
import {rowEvents, type ShopPlan} from './shop.js';

export interface RedisBenchmark {
  readonly program: string;
  readonly libraryPath: string;
}

const PIPELINE = 100;
const CONNECTIONS = 4;

/** Finds redis-benchmark next to the native redis-server. Undefined if it is missing. */
export async function findRedisBenchmark(
  notify: (line: string) => void,
): Promise<RedisBenchmark | undefined> {
  const {redisServer, redisLibraryPath: libraryPath} = await fetchRedis({onProgress: notify});
  const program = join(dirname(redisServer), 'redis-benchmark');
  return existsSync(program) ? {program, libraryPath} : undefined;
}

interface Writes {
  /** Orders that are created or whose line items change. Each one writes a hash and a string. */
  orders: number;
  /** Line items that are created, changed or deleted. Each one writes a counter. */
  lines: number;
}

function writesOf(plan: ShopPlan): Writes {
  const writes = {orders: 0, lines: 0};
  for (const {table, op} of rowEvents(plan)) {
    if (table === 'order_items') writes.lines++;
    if (table === 'orders' ? op === 'c' : op === 'u') writes.orders++;
  }
  return writes;
}

export async function runRedisBenchmark(
  tool: RedisBenchmark,
  {env, topic: {plan}, ends}: Replay,
): Promise<Ran> {
  const events = ends.reduce((sum, end) => sum + end, 0);
  const {orders, lines} = writesOf({...plan, events});
  const order = [
    'HSET',
    'order:__rand_int__',
    'id',
    '__rand_int__',
    'user_id',
    '1234',
    'total_amount',
    '123.45',
  ];
  const items = 'product_id:123,quantity:4;product_id:567,quantity:8';
  const runs = [
    {count: orders, keys: orders, command: [...order, 'items_count', '2', 'items', items]},
    {count: orders, keys: orders, command: ['SET', 'order_lines:__rand_int__', '123456:123:4;123457:567:8']},
    {count: lines, keys: plan.products, command: ['INCRBY', 'product:__rand_int__:sold', '3']},
  ];
  let seconds: number | null = 0;
  for (const {count, keys, command} of runs) {
    if (count === 0) continue;
    const rate = await requestsPerSecond(tool, new URL(env.redis.url), {count, keys, command});
    const took: number | null = quotient(count, rate);
    seconds = seconds === null || took === null ? null : seconds + took;
  }
  return {seconds, records: events, cpuSeconds: null, memoryMaxBytes: null};
}

/** Null if the tool had too little to do: then it prints `inf`. */
async function requestsPerSecond(
  {program, libraryPath}: RedisBenchmark,
  {hostname, port}: URL,
  {count, keys, command}: {count: number; keys: number; command: readonly string[]},
): Promise<number | null> {
  const amounts = ['-n', count, '-r', keys, '-P', PIPELINE, '-c', CONNECTIONS].map(String);
  const child = spawn(program, ['-h', hostname, '-p', port, ...amounts, '-q', ...command], {
    env: {...process.env, LD_LIBRARY_PATH: libraryPath},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const rate = [...output.matchAll(/([\d.]+|inf|nan) requests per second/g)].at(-1)?.[1];
  if (code !== 0 || rate === undefined)
    throw new Error(`redis-benchmark ended with exit code ${String(code)}: ${output}`);
  return Number.isNaN(Number(rate)) ? null : Number(rate);
}
