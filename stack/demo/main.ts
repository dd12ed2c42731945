/**
 * `npm run demo`: from nothing to a live show. Brings the servers up, registers the connector, lets a shop trade in MySQL,
 * runs the worker, kills it once in mid-stream, and compares everything at the end.
 *
 * Options: --orders N (default 5000), --keep, --native | --docker, --name NAME, --seed N.
 * Exit codes: 0 no differences, 1 something failed, 2 usage, 3 differences, 130 interrupted.
 */
import {parseArgs} from 'node:util';
import {startStack, workerVariables, type Stack} from '../stack.js';
import {WorkerProcess} from '../worker.js';
import {keepWorker, lookAround, type Sample} from './keep.js';
import {Shop} from './shop.js';
import {View} from './view.js';

const EXIT_DIFFERENCES = 3;
const BEAT_MS = 2_000;
/** The comparison is repeated until nothing differs, or until Redis has not moved for so long. */
const QUIET_MS = 20_000;

interface DemoOptions {
  readonly orders: number;
  readonly keep: boolean;
  readonly mode: 'native' | 'docker' | undefined;
  readonly name: string;
  readonly seed: number;
}

const interrupted = new AbortController();
const started = performance.now();

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  let stack: Stack | undefined;
  let isKept = false;
  try {
    say('1. The servers: MySQL, Kafka, Kafka Connect with Debezium, Redis');
    stack = await startStack({
      name: options.name,
      mode: options.mode,
      ownerPid: options.keep ? undefined : process.pid,
      onProgress: (line) => say(`   ${line}`),
      signal: interrupted.signal,
    });
    const code = await show(stack, options);
    isKept = options.keep && !interrupted.signal.aborted;
    if (isKept) for (const line of lookAround(stack, keepWorker(stack), await newestOf(stack))) say(line);
    return interrupted.signal.aborted ? 130 : code;
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    say(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    if (stack !== undefined && !isKept) await stack.down();
  }
}

async function show(stack: Stack, options: DemoOptions): Promise<number> {
  const variables: Record<string, string> = {
    ...workerVariables(stack.env),
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    KAFKA_HEARTBEAT_INTERVAL_MS: '1000',
  };
  say('2. The connector');
  await applyConnector(variables);

  say(
    `3. The worker starts, and a shop trades: ${options.orders} orders, with changes, moved lines and cancellations`,
  );
  const view = await View.open(stack.env);
  const shop = new Shop(variables['MYSQL_URL'] ?? '', options.seed);
  let worker = new WorkerProcess(variables);
  const trading = {isOver: false};
  try {
    const trade = shop.trade(options.orders, interrupted.signal).finally(() => (trading.isOver = true));
    const beats = tellBeats(view, shop, () => trading.isOver);
    // Awaited below; a failure in between must not end the process before the servers are stopped.
    for (const running of [trade, beats]) running.catch(() => undefined);
    await untilHalf(shop, options.orders, trading);
    if (!trading.isOver) {
      await worker.end('SIGKILL');
      say('4. kill -9 of the worker in mid-stream. A new one starts; it goes on where Redis stands');
      worker = new WorkerProcess(variables);
    }
    await trade;
    await beats;
    say(
      `5. The shop is closed: ${shop.counts.transactions} transactions. Comparing every order and every counter ...`,
    );
    return await verdict(view, () => worker);
  } finally {
    const {code} = await worker.end('SIGTERM');
    if (code !== 0)
      say(
        `   the worker ended with code ${code ?? 'none'}:\n${worker.output.trim().split('\n').slice(-3).join('\n')}`,
      );
    await shop.close();
    await view.close();
  }
}

async function newestOf(stack: Stack): Promise<Sample> {
  const view = await View.open(stack.env);
  const sample = await view.newest();
  await view.close();
  return sample;
}

async function applyConnector(variables: Record<string, string>): Promise<void> {
  const command = new WorkerProcess(variables, ['connector', 'apply']);
  const {code} = await command.exited;
  for (const line of command.output.trim().split('\n')) say(`   ${line}`);
  if (code !== 0) throw new Error('the connector does not run');
}

async function untilHalf(shop: Shop, orders: number, trading: {isOver: boolean}): Promise<void> {
  while (shop.counts.ordersInserted < orders / 2 && !trading.isOver) await sleep(20);
}

async function tellBeats(view: View, shop: Shop, isOver: () => boolean): Promise<void> {
  let before = {atMs: performance.now(), rows: 0, applied: 0n};
  for (let beat = 1; !isOver(); beat++) {
    await sleep(BEAT_MS);
    const {logged, lagRecords, ordersInRedis, bestSellers} = await view.flow();
    const now = {atMs: performance.now(), rows: shop.counts.rowChanges, applied: logged - lagRecords};
    const seconds = (now.atMs - before.atMs) / 1000;
    const rowRate = Math.round((now.rows - before.rows) / seconds);
    const appliedRate = Math.round(Number(now.applied - before.applied) / seconds);
    say(
      `   in: ${shop.counts.ordersInserted} orders, ${rowRate} rows/s | out: ${ordersInRedis} orders in Redis, ` +
        `${appliedRate} records/s, ${lagRecords} behind | sold most: ${bestSellers}`,
    );
    if (beat % 3 === 1) for (const line of await view.sample()) say(` ${line}`);
    before = now;
  }
}

/** Compares until nothing differs, or until Redis rests and something still does. */
async function verdict(view: View, worker: () => WorkerProcess): Promise<number> {
  let lastCount = -1;
  let lastMoveMs = performance.now();
  for (;;) {
    const {orders, products, users, differences} = await view.compare();
    if (differences.length === 0) {
      for (const line of await view.sample()) say(` ${line}`);
      say(`   sold most: ${(await view.flow()).bestSellers}`);
      say(
        `0 differences: ${orders} orders, ${products} product counters and ${users} users in Redis equal MySQL.`,
      );
      return 0;
    }
    if (differences.length !== lastCount) lastMoveMs = performance.now();
    lastCount = differences.length;
    if (interrupted.signal.aborted) return 130;
    if (performance.now() - lastMoveMs > QUIET_MS || !worker().isRunning) {
      for (const line of differences.slice(0, 20)) say(`   ${line}`);
      say(`${differences.length} differences between Redis and MySQL.`);
      return EXIT_DIFFERENCES;
    }
    await sleep(200);
  }
}

function readOptions(): DemoOptions | undefined {
  try {
    const {values} = parseArgs({
      options: {
        orders: {type: 'string', default: '5000'},
        seed: {type: 'string', default: '1'},
        name: {type: 'string', default: 'demo'},
        keep: {type: 'boolean', default: false},
        native: {type: 'boolean', default: false},
        docker: {type: 'boolean', default: false},
      },
    });
    if (!/^[1-9]\d{0,6}$/.test(values.orders))
      throw new Error('--orders must be a whole number from 1 to 9999999');
    if (!/^\d{1,9}$/.test(values.seed)) throw new Error('--seed must be a whole number');
    if (values.native && values.docker) throw new Error('--native and --docker exclude each other');
    const mode = values.native ? 'native' : values.docker ? 'docker' : undefined;
    return {
      orders: Number(values.orders),
      seed: Number(values.seed),
      name: values.name,
      keep: values.keep,
      mode,
    };
  } catch (error) {
    process.stderr.write(
      `demo: ${(error as Error).message}\nUsage: npm run demo -- [--orders N] [--keep] [--native | --docker] [--name NAME] [--seed N]\n`,
    );
    return undefined;
  }
}

function say(line: string): void {
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
