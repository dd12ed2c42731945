/**
 * `npm run demo`: the whole pipeline on one machine. It starts the servers, registers the connector, runs a simulated shop
 * in MySQL and a worker, kills the worker once under load, and compares Redis with MySQL at the end.
 *
 * See HELP in options.ts.
 */
import {counted} from '../../src/runtime/counted.js';
import {startStack, workerVariables, type Stack} from '../stack.js';
import {EXIT_CODE, messageOf} from '../stackError.js';
import {WorkerProcess} from '../worker.js';
import {keepWorker, lookAround, type Sample} from './keep.js';
import {showForeignShop} from './foreignDemo.js';
import {HELP, readOptions, type DemoOptions} from './options.js';
import {Shop} from './shop.js';
import {View} from './view.js';

const EXIT_DIFFERENCES = 3;
const BEAT_MS = 2_000;
/** The comparison fails when differences remain and their number has not changed for this time. */
const QUIET_MS = 20_000;
/** This part of the orders is placed before the demo waits for the worker. The worker is killed when half of the orders are placed. */
const BEFORE_KILL = 0.4;

const interrupted = new AbortController();
const started = performance.now();

process.exitCode = await main();

async function main(): Promise<number> {
  let options: DemoOptions | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`demo: ${messageOf(error)}\nSee: npm run demo -- --help\n`);
    return EXIT_CODE.usage;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  let stack: Stack | undefined;
  let isKept = false;
  try {
    say('1. Starting the servers: MySQL, Kafka, Kafka Connect with Debezium, and Redis');
    stack = await startStack({
      name: options.name,
      mode: options.mode,
      ownerPid: options.keep ? undefined : process.pid,
      onProgress: (line) => say(`   ${line}`),
      signal: interrupted.signal,
    });
    const {shop, orders: transactions, seed} = options;
    const code =
      shop === undefined
        ? await show(stack, options)
        : await showForeignShop(stack, {shop, transactions, seed, say, signal: interrupted.signal});
    isKept = options.keep && !interrupted.signal.aborted;
    if (isKept)
      for (const line of lookAround(stack, await keepWorker(stack), await newestOf(stack))) say(line);
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
    // The worker that starts after the kill removes the dead member of this instance from the group.
    PROJECTOR_INSTANCE_ID: 'demo',
  };
  say('2. Creating the topic and starting the Debezium connector');
  await applyConnector(variables);

  say(
    `3. Starting the worker and a simulated shop. It places ${options.orders} orders in MySQL, and changes or cancels some`,
  );
  const view = await View.open(stack.env);
  const shop = new Shop(variables['MYSQL_URL'] ?? '', options.seed);
  let worker = new WorkerProcess(variables);
  const trading = {isOver: false};
  const beats = tellBeats(view, shop, () => trading.isOver);
  // It is awaited below. Until then a rejection must not end this process, because its servers would stay.
  beats.catch(() => undefined);
  try {
    const {signal} = interrupted;
    await shop.trade(options.orders * BEFORE_KILL, signal);
    await untilApplied(view, worker);
    const trade = shop.trade(options.orders, signal).finally(() => (trading.isOver = true));
    trade.catch(() => undefined);
    await untilHalf(shop, options.orders, trading);
    await worker.end('SIGKILL');
    say('4. Killing the worker under load (kill -9). A new worker resumes at the position stored in Redis');
    worker = new WorkerProcess(variables);
    await trade;
    await beats;
    const {ordersInserted, ordersCancelled, transactions} = shop.counts;
    say(
      `5. The shop has stopped after ${transactions} transactions. It placed ${counted(ordersInserted, 'order')}, and cancelled ` +
        `(deleted) ${ordersCancelled} of them. Comparing Redis with MySQL ...`,
    );
    return await verdict(view, () => worker);
  } finally {
    trading.isOver = true;
    const {code} = await worker.end('SIGTERM');
    if (code !== 0)
      say(
        `   the worker ended with exit code ${code ?? 'none'}; its last lines:\n${worker.output.trim().split('\n').slice(-3).join('\n')}`,
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
  if (code !== 0)
    throw new Error(`connector apply ended with exit code ${code ?? 'none'}; its output is above`);
}

/** Resolves when the worker has written an order to Redis. So the kill comes after it has begun to apply records. */
async function untilApplied(view: View, worker: WorkerProcess): Promise<void> {
  while (!(await view.hasOrders()) && !interrupted.signal.aborted) {
    if (!worker.isRunning) throw new Error(`the worker ended before it applied a record:\n${worker.output}`);
    await sleep(20);
  }
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
      `   MySQL: ${counted(shop.counts.ordersInserted, 'order')} placed, ${shop.counts.ordersCancelled} cancelled, ${rowRate} rows/s | ` +
        `Redis: ${counted(ordersInRedis, 'order')}, ${appliedRate} records/s, lag ${counted(lagRecords, 'record')}` +
        (bestSellers === '' ? '' : ` | best sellers: ${bestSellers}`),
    );
    if (beat % 3 === 1) for (const line of await view.sample()) say(` ${line}`);
    before = now;
  }
}

/** Compares again and again, because the worker may still apply records. Ends at 0 differences or when they stay. */
async function verdict(view: View, worker: () => WorkerProcess): Promise<number> {
  let lastCount = -1;
  let lastMoveMs = performance.now();
  for (;;) {
    const {orders, products, users, differences} = await view.compare();
    if (differences.length === 0) {
      for (const line of await view.sample()) say(` ${line}`);
      say(`   best sellers: ${(await view.flow()).bestSellers}`);
      say(
        `0 differences: Redis equals MySQL (${counted(orders, 'order')}, ${counted(products, 'product counter')}, ${counted(users, 'user')}).`,
      );
      return 0;
    }
    if (differences.length !== lastCount) lastMoveMs = performance.now();
    lastCount = differences.length;
    if (interrupted.signal.aborted) return 130;
    if (performance.now() - lastMoveMs > QUIET_MS || !worker().isRunning) {
      for (const line of differences.slice(0, 20)) say(`   ${line}`);
      say(
        `${counted(differences.length, 'difference')} between Redis and MySQL; at most 20 are listed above.`,
      );
      return EXIT_DIFFERENCES;
    }
    await sleep(200);
  }
}

function say(line: string): void {
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
