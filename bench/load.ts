/**
 * Measures the commands that read everything, because their users wait for them: `sync`, `verify` and `rebuild`. A bare loop over the
 * same rows shows how much of that time any copy of MySQL to Redis would need.
 */
import {Redis} from 'ioredis';
import {lastLines} from '../stack/command.js';
import {workerVariables, type StackEnv} from '../stack/environment.js';
import {until} from '../stack/until.js';
import {WorkerProcess} from '../stack/worker.js';
import {labelled, type Build} from './builds.js';
import type {BareLoopJob, BareLoopResult} from './designs/bareLoop.js';
import {resultOf, startJob} from './jobs.js';
import {fillMysql, ITEMS_PER_ORDER, totalsOf, type Totals} from './loadShop.js';
import {lineOfRun} from './loadTable.js';
import {ProcessMeter, type ProcessCost} from './processMeter.js';
import {growth, redisCpuSeconds} from './redisUsage.js';
import {kafkaOf} from './topic.js';

export interface LoadRun extends ProcessCost {
  readonly seconds: number;
  readonly redisCpuSeconds: number | null;
}

export interface LoadResult {
  readonly name: string;
  readonly rounds: LoadRun[];
}

export interface LoadPlan {
  readonly orders: number;
  readonly rounds: number;
  readonly builds: readonly Build[];
}

interface Step {
  readonly title: string;
  readonly args: readonly string[];
  /** Redis is emptied before. */
  readonly startsEmpty?: boolean;
  /** What the output must contain, in addition to the exit code 0. */
  readonly prints?: RegExp;
}

export const BARE_LOOP = 'bare loop: only the orders, and no other work';
const SYNC_EMPTY: Step = {
  title: 'sync --replace into an empty Redis',
  args: ['sync', '--replace'],
  startsEmpty: true,
};
const SYNC_FILLED: Step = {title: 'sync --replace over the same orders', args: ['sync', '--replace']};
const VERIFY: Step = {title: 'verify', args: ['verify'], prints: /^0 differences$/m};
const REBUILD: Step = {title: 'rebuild from the topic', args: ['rebuild']};
/** In the order of the table. */
const STEPS = [SYNC_EMPTY, SYNC_FILLED, VERIFY, REBUILD];
const FILL_TIMEOUT_MS = 1_800_000;

export async function load(
  env: StackEnv,
  plan: LoadPlan,
  notify: (line: string) => void,
): Promise<LoadResult[]> {
  await fill(env, plan.orders, notify);
  const redis = new Redis(env.redis.url);
  try {
    return await new Load(env, redis, plan).run(notify);
  } finally {
    redis.disconnect();
  }
}

/** Fills MySQL while the connector runs, and waits until the topic holds all rows, so that Connect is idle during the measurements. */
async function fill(env: StackEnv, orders: number, notify: (line: string) => void): Promise<void> {
  const command = new WorkerProcess(workerVariables(env), ['connector', 'apply']);
  if ((await command.exited).code !== 0) throw new Error(`connector apply failed: ${command.output.trim()}`);
  notify(`inserting ${orders} orders with ${ITEMS_PER_ORDER} line items each into MySQL ...`);
  await fillMysql(env, orders);
  notify('waiting until the topic holds all rows ...');
  const admin = kafkaOf(env.kafka.brokers).admin();
  await admin.connect();
  const held = async (): Promise<number> => {
    const ends = await admin.fetchTopicOffsets(env.topic).catch(() => []);
    return ends.reduce((sum, {high}) => sum + Number(high), 0);
  };
  try {
    await until(
      async () => (await held()) >= orders * (1 + ITEMS_PER_ORDER),
      () => `the rows of all orders in ${env.topic}`,
      FILL_TIMEOUT_MS,
    );
    // The topic also holds a few heartbeats, so the last rows may still be on their way.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  } finally {
    await admin.disconnect();
  }
}

class Load {
  readonly #env: StackEnv;
  readonly #redis: Redis;
  readonly #plan: LoadPlan;
  readonly #totals: Totals;
  readonly #results = new Map<string, LoadResult>();

  constructor(env: StackEnv, redis: Redis, plan: LoadPlan) {
    this.#env = env;
    this.#redis = redis;
    this.#plan = plan;
    this.#totals = totalsOf(plan.orders);
    const names = STEPS.flatMap((step) => plan.builds.map((build) => labelled(step.title, build)));
    for (const name of [BARE_LOOP, ...names]) this.#results.set(name, {name, rounds: []});
  }

  async run(notify: (line: string) => void): Promise<LoadResult[]> {
    for (let round = 1; round <= this.#plan.rounds; round++) {
      const measure = async (name: string, act: () => Promise<LoadRun>): Promise<void> => {
        const run = await act();
        this.#results.get(name)?.rounds.push(run);
        notify(`round ${round}: ${name}: ${lineOfRun(run)}`);
      };
      await measure(BARE_LOOP, async () => await this.#bareLoop());
      // The builds alternate at each step, and the first one changes with the round.
      const {builds} = this.#plan;
      const order = round % 2 === 1 ? builds : builds.toReversed();
      // `verify` follows the `sync` of the same build, because the builds may store something in different ways.
      for (const steps of [[SYNC_EMPTY], [SYNC_FILLED, VERIFY], [REBUILD]])
        for (const build of order)
          for (const step of steps)
            await measure(labelled(step.title, build), async () => await this.#command(step, build));
    }
    return [...this.#results.values()];
  }

  async #bareLoop(): Promise<LoadRun> {
    await this.#redis.flushall();
    const before = await redisCpuSeconds(this.#redis);
    const job: BareLoopJob = {mysql: this.#env.mysql, redisUrl: this.#env.redis.url};
    const child = startJob('bareLoop.ts', job);
    const meter = new ProcessMeter([child.pid ?? 0]);
    const {seconds, cpuSeconds, orders} = await resultOf<BareLoopResult>(child, 'the bare loop');
    const {memoryMaxBytes} = meter.end();
    const redisCpu = growth(before, await redisCpuSeconds(this.#redis));
    if (orders !== this.#plan.orders) throw new Error(`the bare loop copied ${orders} orders`);
    return {seconds, cpuSeconds, memoryMaxBytes, redisCpuSeconds: redisCpu};
  }

  async #command(step: Step, build: Build): Promise<LoadRun> {
    if (step.startsEmpty === true) await this.#redis.flushall();
    const before = await redisCpuSeconds(this.#redis);
    const begin = performance.now();
    const command = new WorkerProcess(workerVariables(this.#env), step.args, build);
    const meter = new ProcessMeter([command.pid]);
    const {code} = await command.exited;
    const seconds = (performance.now() - begin) / 1_000;
    const cost = meter.end();
    const redisCpu = growth(before, await redisCpuSeconds(this.#redis));
    const {output} = command;
    if (code !== 0 || step.prints?.test(output) === false)
      throw new Error(
        `${labelled(step.title, build)} ended with exit code ${code}:\n${lastLines(output, 10)}`,
      );
    await this.#requireTotals(step.title);
    return {seconds, ...cost, redisCpuSeconds: redisCpu};
  }

  async #requireTotals(title: string): Promise<void> {
    const {orders = '', units = '', revenue = ''} = await this.#redis.hgetall('report:totals');
    const [found, expected] = [JSON.stringify({orders, units, revenue}), JSON.stringify(this.#totals)];
    if (found !== expected)
      throw new Error(`after ${title}, report:totals is ${found} instead of ${expected}`);
  }
}
