/** `npm run bench`: see HELP. */
import {mkdirSync, writeFileSync} from 'node:fs';
import {cpus, totalmem} from 'node:os';
import {parseArgs} from 'node:util';
import {unreachable} from '../src/runtime/assert.js';
import {startStack, type StackMode} from '../stack/stack.js';
import {EXIT_CODE, messageOf, StackError} from '../stack/stackError.js';
import {compare, type Result} from './compare.js';
import {crash, crashTable} from './crash.js';
import {latency, latencyTable} from './latency.js';
import {barPlot, type Bar} from './plot.js';
import {findRedisBenchmark} from './redisBenchmark.js';
import {scale, scaleTable} from './scale.js';
import {median, tableOf} from './table.js';

const HELP = `Replays one topic with this worker and with alternative designs, alternating, and checks each final state in Redis.

Usage: npm run bench -- [options]
  --latency    measure the latency from MySQL's commit to Redis at three rates, and that of another Redis client during a replay
  --crash      kill each design five times during a replay, and count the wrong orders and counters at the end
  --scale      measure the cost of an event with growing numbers of events and products
  --events N   number of row events in the topic (default 1000000); with --scale the maximum (default 5000000)
  --rounds N   rounds of each contender; the table shows medians (default 3)
  --native     run the servers as native processes
  --docker     run the servers in containers
  --keep       keep the servers running, so that a second run reuses the topics
  --help       print this help
The table is printed to stdout. All figures and a plot of the comparison are written to bench/results/. The figures are valid
only if nothing else loads the machine.
`;

const KILLS = 5;

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options;
  try {
    const found = readOptions(process.argv.slice(2));
    if (found === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    options = found;
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\nSee: npm run bench -- --help\n`);
    return EXIT_CODE.usage;
  }
  try {
    return await onStack(options);
  } catch (error) {
    process.stderr.write(`The benchmark failed: ${messageOf(error)}\n`);
    return error instanceof StackError ? error.exitCode : EXIT_CODE.unexpected;
  }
}

interface Options {
  readonly what: 'compare' | 'latency' | 'scale' | 'crash';
  readonly events: number;
  readonly rounds: number;
  readonly mode: StackMode | undefined;
  readonly keep: boolean;
}

function readOptions(args: string[]): Options | undefined {
  const {values} = parseArgs({
    args,
    options: {
      latency: {type: 'boolean', default: false},
      scale: {type: 'boolean', default: false},
      crash: {type: 'boolean', default: false},
      events: {type: 'string'},
      rounds: {type: 'string', default: '3'},
      native: {type: 'boolean'},
      docker: {type: 'boolean'},
      keep: {type: 'boolean', default: false},
      help: {type: 'boolean'},
    },
  });
  if (values.help === true) return undefined;
  const mode = values.native === true ? 'native' : values.docker === true ? 'docker' : undefined;
  const [what = 'compare', other] = (['latency', 'scale', 'crash'] as const).filter((name) => values[name]);
  if (other !== undefined) throw new Error(`--${what} and --${other} cannot be combined`);
  return {
    what,
    events: wholeNumber('--events', values.events ?? (what === 'scale' ? '5000000' : '1000000'), 1_000),
    rounds: wholeNumber('--rounds', values.rounds, 1),
    mode,
    keep: values.keep,
  };
}

function wholeNumber(name: string, text: string, min: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw new Error(`${name} must be an integer of at least ${min}`);
}

async function onStack({what, events, rounds, mode, keep}: Options): Promise<number> {
  const notify = (line: string): void => void process.stderr.write(`${line}\n`);
  const stack = await startStack({
    name: 'bench',
    mode,
    onProgress: notify,
    ...(keep ? {} : {ownerPid: process.pid}),
  });
  try {
    const plan = {events, products: 1_000, users: 10_000, seed: 1};
    switch (what) {
      case 'latency': {
        const found = await latency(stack.env, plan, notify);
        return report(what, {plan, ...found}, latencyTable(found));
      }
      case 'scale': {
        const rows = await scale(stack.env, plan, {eventsMax: events, notify});
        return report(what, {rows}, scaleTable(rows));
      }
      case 'crash': {
        const rows = await crash(stack.env, {plan, kills: KILLS}, notify);
        return report(what, {plan, rows}, crashTable(rows));
      }
      case 'compare': {
        const redisBenchmark = stack.mode === 'native' ? await findRedisBenchmark(notify) : undefined;
        const results = await compare(stack.env, {plan, rounds, redisBenchmark}, notify);
        report(what, {plan, results}, tableOf(results));
        writeFileSync(
          'bench/results/compare.svg',
          barPlot(`Row events per second, ${events} replayed`, barsOf(results)),
        );
        const isRight = results.every(({rounds: all}) =>
          all.every(({verdict}) => (verdict?.wrong ?? 0) === 0),
        );
        return isRight ? 0 : EXIT_CODE.unexpected;
      }
      default:
        return unreachable(what);
    }
  } finally {
    if (!keep) await stack.down();
  }
}

/** Prints the table to stdout and writes all figures to bench/results/. */
function report(name: string, found: object, table: string): number {
  const machine = {
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  mkdirSync('bench/results', {recursive: true});
  writeFileSync(`bench/results/${name}.json`, `${JSON.stringify({machine, ...found}, null, 1)}\n`);
  process.stdout.write(`${table}\n`);
  return 0;
}

function barsOf(results: readonly Result[]): Bar[] {
  return results.map(({name, form, rounds}) => {
    const rates = rounds.map(({eventsPerSecond}) => eventsPerSecond);
    return {
      label: `${name}, ${form}`,
      value: median(rates),
      range: [Math.min(...rates), Math.max(...rates)],
      isOurs: name.startsWith('order projector'),
    };
  });
}
