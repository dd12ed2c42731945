/** `npm run bench`: see HELP. */
import {mkdirSync, writeFileSync} from 'node:fs';
import {cpus, totalmem} from 'node:os';
import {Redis} from 'ioredis';
import {unreachable} from '../src/runtime/assert.js';
import {startStack, type Stack} from '../stack/stack.js';
import {EXIT_CODE, messageOf, StackError} from '../stack/stackError.js';
import {otherCheckout, OURS, THIS_BUILD, underNode, type Build} from './builds.js';
import {compare, type Result} from './compare.js';
import {crash, crashTable} from './crash.js';
import {measured, median} from './figures.js';
import {latency, latencyTable} from './latency.js';
import {layouts} from './layouts.js';
import {layoutTable} from './layoutTable.js';
import {load} from './load.js';
import {loadTable} from './loadTable.js';
import {HELP, readOptions, type Options} from './options.js';
import {barPlot, type Bar} from './plot.js';
import {findRedisBenchmark} from './redisBenchmark.js';
import {redisVersion} from './redisUsage.js';
import {scale, scaleTable} from './scale.js';
import {tableOf} from './table.js';

const KILLS = 5;

process.exitCode = await main();

interface Run {
  readonly options: Options;
  readonly builds: Builds;
}

/** The builds that the options name, in addition to this one. */
interface Builds {
  readonly against: Build | undefined;
  readonly nodes: readonly Build[];
}

async function main(): Promise<number> {
  let run: Run;
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    // The builds are looked up first, because the start of the servers takes longer.
    run = {options, builds: await buildsOf(options)};
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\nSee: npm run bench -- --help\n`);
    return EXIT_CODE.usage;
  }
  try {
    return await onStack(run);
  } catch (error) {
    process.stderr.write(`The benchmark failed: ${messageOf(error)}\n`);
    return error instanceof StackError ? error.exitCode : EXIT_CODE.unexpected;
  }
}

async function buildsOf({against, nodes}: Options): Promise<Builds> {
  return {
    against: against === undefined ? undefined : otherCheckout(against),
    nodes: await Promise.all(nodes.map(underNode)),
  };
}

async function onStack(run: Run): Promise<number> {
  const {mode, keep} = run.options;
  const stack = await startStack({
    name: 'bench',
    mode,
    onProgress: notify,
    ...(keep ? {} : {ownerPid: process.pid}),
  });
  try {
    const redis = new Redis(stack.env.redis.url);
    const server = await redisVersion(redis);
    redis.disconnect();
    notify(`Node ${process.version}, ${server}`);
    return await measure(stack, run, server);
  } finally {
    if (!keep) await stack.down();
  }
}

function notify(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measure(stack: Stack, {options, builds}: Run, server: string): Promise<number> {
  const {what, events, orders, rounds} = options;
  const {env} = stack;
  const plan = {events, products: 1_000, users: 10_000, seed: 1};
  switch (what) {
    case 'latency': {
      const found = await latency(env, plan, notify);
      return report(what, {server, plan, ...found}, latencyTable(found));
    }
    case 'scale': {
      const rows = await scale(env, plan, {eventsMax: events, notify});
      return report(what, {server, rows}, scaleTable(rows));
    }
    case 'crash': {
      const rows = await crash(env, {plan, kills: KILLS}, notify);
      return report(what, {server, plan, rows}, crashTable(rows));
    }
    case 'load': {
      const all = builds.against === undefined ? [THIS_BUILD] : [THIS_BUILD, builds.against];
      const results = await load(env, {orders, rounds, builds: all}, notify);
      return report(what, {server, orders, results}, loadTable(results, orders));
    }
    case 'layouts': {
      const results = await layouts(env, plan, {rounds, notify});
      return report(what, {server, plan, results}, layoutTable(results));
    }
    case 'compare':
      return await compareAll(stack, {options, builds}, server);
    default:
      return unreachable(what);
  }
}

async function compareAll({mode, env}: Stack, {options, builds}: Run, server: string): Promise<number> {
  const {events, hasAll, rounds} = options;
  const plan = {events, products: 1_000, users: 10_000, seed: 1};
  const redisBenchmark = hasAll && mode === 'native' ? await findRedisBenchmark(notify) : undefined;
  const selection = {hasAll, ...builds, redisBenchmark};
  const results = await compare(env, {plan, rounds, selection}, notify);
  report('compare', {server, plan, results}, tableOf(results));
  writeFileSync(
    'bench/results/compare.svg',
    barPlot(`Row events per second, ${events} replayed`, barsOf(results)),
  );
  const isRight = results.every(({rounds: all}) => all.every(({verdict}) => (verdict?.wrong ?? 0) === 0));
  return isRight ? 0 : EXIT_CODE.unexpected;
}

/** Prints the table to stdout and writes all figures to bench/results/. */
function report(
  name: string,
  {server, ...found}: {readonly server: string; readonly [figure: string]: unknown},
  table: string,
): number {
  const machine = {
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    redis: server,
  };
  mkdirSync('bench/results', {recursive: true});
  writeFileSync(`bench/results/${name}.json`, `${JSON.stringify({machine, ...found}, null, 1)}\n`);
  process.stdout.write(`${table}\n`);
  return 0;
}

function barsOf(results: readonly Result[]): Bar[] {
  return results.map(({name, form, rounds}) => {
    const rates = measured(rounds.map(({eventsPerSecond}) => eventsPerSecond));
    const bar = {label: `${name}, ${form}`, value: median(rates), isOurs: name.startsWith(OURS)};
    return rates.length === 0 ? bar : {...bar, range: [Math.min(...rates), Math.max(...rates)]};
  });
}
