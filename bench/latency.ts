/**
 * Measures the latency from MySQL's commit until the change is in Redis, under a constant load. Also measures, while a backlog is
 * replayed, how long scripts block Redis, and the latency of another Redis client.
 *
 * There are two spans. MySQL to Kafka ends at the timestamp that the producer, Kafka Connect, gave to the record. Kafka to
 * Redis is the rest. All processes use the same clock, with a resolution of 1 ms.
 */
import {Redis} from 'ioredis';
import mysql, {type Connection, type ResultSetHeader} from 'mysql2/promise';
import {workerVariables, type StackEnv} from '../stack/environment.js';
import {until} from '../stack/until.js';
import {WorkerProcess} from '../stack/worker.js';
import {runWorker} from './contenders.js';
import {joined, markdown, milliseconds, rateOf, thousands} from './figures.js';
import {neighbourDuring, type NeighbourTimes} from './neighbour.js';
import {percentiles, percentilesCell, type Percentiles} from './percentiles.js';
import {forgetScriptTimes, scriptTimes, type ScriptTimes} from './redisUsage.js';
import type {ShopPlan} from './shop.js';
import {endsAfter, fillTopic, kafkaOf} from './topic.js';

const RATES = [100, 1_000, 5_000];
const RUN_MS = 20_000;
const TICK_MS = 50;
const LINES = 4;
const REST_MS = 3_000;

export interface RateLatency {
  /** Target rate in row events per second. `reached` is the achieved rate. */
  readonly rate: number;
  readonly reached: number | null;
  readonly mysqlToKafka: Percentiles;
  readonly kafkaToRedis: Percentiles;
  readonly total: Percentiles;
}

export interface Latency {
  readonly rates: readonly RateLatency[];
  /** The number of events of the replay during which the GETs of another client are timed. */
  readonly replayedEvents: number;
  readonly neighbour: NeighbourTimes;
  /** The same client before the replay, while Redis has nothing else to do. */
  readonly neighbourAtRest: NeighbourTimes;
  /** How long the scripts of that replay blocked Redis, as Redis measured it. */
  readonly scripts: ScriptTimes | undefined;
}

/** An order whose latency is measured. */
interface Probe {
  readonly committedMs: number;
  readonly seenMs: number;
}

export async function latency(
  env: StackEnv,
  plan: ShopPlan,
  notify: (line: string) => void,
): Promise<Latency> {
  const redis = new Redis(env.redis.url);
  await redis.flushall();
  const rates = await live(env, redis, notify);
  notify(`replaying ${plan.events} row events while another client reads from Redis ...`);
  const topic = await fillTopic(env.kafka.brokers, 'compact', plan);
  const ends = endsAfter(plan);
  await redis.flushall();
  await forgetScriptTimes(redis);
  const neighbourAtRest = await neighbourDuring(
    env.redis.url,
    async () => await new Promise((resolve) => setTimeout(resolve, REST_MS)),
  );
  const neighbour = await neighbourDuring(env.redis.url, async () => await runWorker({env, topic, ends}));
  const scripts = await scriptTimes(redis);
  redis.disconnect();
  return {rates, replayedEvents: plan.events, neighbour, neighbourAtRest, scripts};
}

async function live(env: StackEnv, redis: Redis, notify: (line: string) => void): Promise<RateLatency[]> {
  const variables = workerVariables(env);
  const command = new WorkerProcess(variables, ['connector', 'apply']);
  if ((await command.exited).code !== 0) throw new Error(`connector apply failed: ${command.output.trim()}`);
  const worker = new WorkerProcess(variables);
  const connection = await mysql.createConnection(env.mysql);
  const times = await RecordTimes.open(env);
  const load = new Load(connection, redis);
  const rates: RateLatency[] = [];
  try {
    // The first orders are not measured, because they wait for the start of the worker.
    await load.run(RATES[0] ?? 0, 2_000);
    for (const rate of RATES) {
      notify(`writing ${rate} row events per second for ${RUN_MS / 1_000} s ...`);
      const {probes, rows, seconds} = await load.run(rate, RUN_MS);
      const sentMs = await times.of([...probes.keys()]);
      const spans = [...probes].flatMap(([id, {committedMs, seenMs}]) => {
        const sent = sentMs.get(id);
        return sent === undefined ? [] : [{committedMs, seenMs, sentMs: sent}];
      });
      rates.push({
        rate,
        reached: rateOf(rows, seconds),
        mysqlToKafka: percentiles(spans.map((span) => span.sentMs - span.committedMs)),
        kafkaToRedis: percentiles(spans.map((span) => span.seenMs - span.sentMs)),
        total: percentiles(spans.map((span) => span.seenMs - span.committedMs)),
      });
    }
  } finally {
    await worker.end('SIGTERM');
    await times.close();
    await connection.end();
  }
  return rates;
}

interface LoadResult {
  readonly probes: ReadonlyMap<string, Probe>;
  readonly rows: number;
  readonly seconds: number;
}

/** Commits transactions at a constant rate. The last order of each transaction is a probe. */
class Load {
  readonly #mysql: Connection;
  readonly #redis: Redis;

  constructor(connection: Connection, redis: Redis) {
    this.#mysql = connection;
    this.#redis = redis;
  }

  async run(rate: number, forMs: number): Promise<LoadResult> {
    const orders = Math.max(1, Math.round((rate * TICK_MS) / 1_000 / (1 + LINES)));
    const probes = new Map<string, Probe>();
    const watched: Promise<void>[] = [];
    const begin = performance.now();
    let rows = 0;
    for (let tick = 0; performance.now() - begin < forMs; tick++) {
      const id = await this.#transaction(orders);
      const committedMs = Date.now();
      watched.push(this.#seen(id).then((seenMs) => void probes.set(id, {committedMs, seenMs})));
      rows += orders * (1 + LINES);
      const waitMs = begin + (tick + 1) * TICK_MS - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    const seconds = (performance.now() - begin) / 1_000;
    await Promise.all(watched);
    return {probes, rows, seconds};
  }

  /** Commits one transaction and returns the id of its last order. */
  async #transaction(orders: number): Promise<string> {
    await this.#mysql.beginTransaction();
    const rows = Array.from({length: orders}, (_, index) => [1 + (index % 500), '45.99']);
    const [{insertId}] = await this.#mysql.query<ResultSetHeader>(
      'INSERT INTO orders (user_id, total_amount) VALUES ?',
      [rows],
    );
    const lines = rows.flatMap((_, index) =>
      Array.from({length: LINES}, (_line, line) => [insertId + index, 1 + ((index + line) % 200), 1, '9.99']),
    );
    await this.#mysql.query('INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES ?', [
      lines,
    ]);
    await this.#mysql.commit();
    return String(insertId + orders - 1);
  }

  async #seen(id: string): Promise<number> {
    const deadline = performance.now() + 60_000;
    while ((await this.#redis.exists(`order:${id}`)) === 0) {
      if (performance.now() > deadline) throw new Error(`order ${id} did not appear in Redis within 60 s`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return Date.now();
  }
}

/** The timestamps of the first record of each order, which the producer sets. */
class RecordTimes {
  readonly #sentMs = new Map<string, number>();
  readonly #consumer;

  private constructor(env: StackEnv) {
    this.#consumer = kafkaOf(env.kafka.brokers).consumer({groupId: `bench-times-${process.pid}`});
  }

  static async open(env: StackEnv): Promise<RecordTimes> {
    const times = new RecordTimes(env);
    await times.#consumer.connect();
    await times.#consumer.subscribe({topic: env.topic, fromBeginning: true});
    await times.#consumer.run({
      eachBatch: async ({batch}) => {
        for (const {key, timestamp} of batch.messages) {
          const id = key?.toString() ?? '';
          if (!times.#sentMs.has(id)) times.#sentMs.set(id, Number(timestamp));
        }
        await Promise.resolve();
      },
    });
    return times;
  }

  async of(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await until(
      () => ids.every((id) => this.#sentMs.has(id)),
      () => 'the records of all probes',
      60_000,
    );
    return this.#sentMs;
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect();
  }
}

export function latencyTable({rates, replayedEvents, neighbour, neighbourAtRest, scripts}: Latency): string {
  const rows = rates.map(({rate, reached, mysqlToKafka, kafkaToRedis, total}) => [
    ...[thousands(rate), thousands(reached)],
    ...[percentilesCell(mysqlToKafka), percentilesCell(kafkaToRedis), percentilesCell(total)],
  ]);
  const head = [
    'Target row events/s',
    'achieved',
    'MySQL to Kafka, ms p50 / p99 / max',
    'Kafka to Redis',
    'total',
  ];
  const script = scripts === undefined ? [] : [scripts.p50Ms, scripts.p99Ms, scripts.maxMs].map(milliseconds);
  return [
    markdown(head, rows),
    '',
    markdown(
      [
        `During a replay of ${thousands(replayedEvents)} row events`,
        'ms p50 / p99 / max',
        'the same at rest',
      ],
      [
        ['a script, measured by Redis', joined(script, ' / '), ''],
        ['GET of another client', percentilesCell(neighbour.gets), percentilesCell(neighbourAtRest.gets)],
        [
          'timer of that client (delay by the machine)',
          ...[percentilesCell(neighbour.timers), percentilesCell(neighbourAtRest.timers)],
        ],
      ],
    ),
  ].join('\n');
}
