/** The command line of `npm run bench`. */
import {parseArgs} from 'node:util';
import type {StackMode} from '../stack/stack.js';

export const HELP = `Compares this worker with alternative designs: replays one topic with each of them, alternating, and checks each final state in Redis.

Usage: npm run bench -- [options]

Measurements instead of the comparison:
  --latency       the latency from MySQL's commit to Redis at three rates, and that of another Redis client during a replay
  --crash         kills each design five times during a replay, and counts the wrong orders and counters at the end
  --scale         the cost of an event with growing numbers of events and products
  --load          the time of the commands that read everything (sync, verify, rebuild), compared with a bare loop that only copies
                  the rows of MySQL into Redis
  --layouts       the processor time of Redis and of the worker in the layouts \`single\` and \`partitioned\`, on one Redis and on a
                  Redis Cluster. Native servers only

Options:
  --all           for the comparison: also the slow designs, two workers, and more ceilings
  --events N      row events in the topic (default 300000; 1000000 with --all; with --scale the maximum, default 5000000)
  --orders N      for --load: orders in MySQL, each with two line items (default 300000)
  --rounds N      for the comparison, --load and --layouts: rounds of each contender; the table shows medians (default 3)
  --against FOLDER
                  for the comparison and --load: also measure another checkout of this project, alternating with this one.
                  FOLDER must be built: run \`npm ci && npm run build\` in it
  --node PATH     for the comparison: also run this worker under another Node executable. May be repeated
  --native        run the servers as native processes
  --docker        run the servers in containers
  --keep          keep the servers running, so that a second run reuses the topics
  --help          print this help

On 2 cores, the comparison takes about 4 minutes, and 15 minutes with --all. --latency takes 3 minutes, --crash 3, --layouts 3, --load 8 and --scale 10.
That includes the start of the servers. The first run also downloads them. Each --against or --node adds its part.

The table is printed to stdout. All figures and a plot of the comparison are written to bench/results/. The figures are valid
only if nothing else loads the machine. Compare only figures of one run, because the machine may be faster or slower the next time.
`;

export type Benchmark = 'compare' | 'latency' | 'scale' | 'crash' | 'load' | 'layouts';

export interface Options {
  readonly what: Benchmark;
  readonly hasAll: boolean;
  readonly events: number;
  readonly orders: number;
  readonly rounds: number;
  /** The folder of another checkout. */
  readonly against: string | undefined;
  /** Paths of Node executables. */
  readonly nodes: readonly string[];
  readonly mode: StackMode | undefined;
  readonly keep: boolean;
}

const ORDERS = 300_000;
const MEASUREMENTS = ['latency', 'scale', 'crash', 'load', 'layouts'] as const;

/** For each option that not every benchmark has, the benchmarks that have it. */
const MEANING: Readonly<Record<string, readonly Benchmark[]>> = {
  all: ['compare'],
  events: ['compare', 'latency', 'crash', 'scale', 'layouts'],
  orders: ['load'],
  rounds: ['compare', 'load', 'layouts'],
  against: ['compare', 'load'],
  node: ['compare'],
};

/** Returns undefined if the user asks for help. Throws if the options are wrong. */
export function readOptions(args: string[]): Options | undefined {
  const {values} = parseArgs({
    args,
    options: {
      all: {type: 'boolean', default: false},
      latency: {type: 'boolean', default: false},
      scale: {type: 'boolean', default: false},
      crash: {type: 'boolean', default: false},
      load: {type: 'boolean', default: false},
      layouts: {type: 'boolean', default: false},
      events: {type: 'string'},
      orders: {type: 'string', default: String(ORDERS)},
      rounds: {type: 'string', default: '3'},
      against: {type: 'string'},
      node: {type: 'string', multiple: true, default: []},
      native: {type: 'boolean'},
      docker: {type: 'boolean'},
      keep: {type: 'boolean', default: false},
      help: {type: 'boolean'},
    },
  });
  if (values.help === true) return undefined;
  const [what = 'compare', other] = MEASUREMENTS.filter((name) => values[name]);
  if (other !== undefined) throw new Error(`--${what} and --${other} cannot be combined`);
  requireMeaning(args, what);
  if (what === 'layouts' && values.docker === true)
    throw new Error('--layouts needs --native, because the nodes of its Redis Cluster are processes');
  return {
    what,
    hasAll: values.all,
    events: wholeNumber('--events', values.events ?? String(eventsOf(what, values.all)), 1_000),
    orders: wholeNumber('--orders', values.orders, 1_000),
    rounds: wholeNumber('--rounds', values.rounds, 1),
    against: values.against,
    nodes: values.node,
    mode:
      values.native === true || what === 'layouts' ? 'native' : values.docker === true ? 'docker' : undefined,
    keep: values.keep,
  };
}

/** Throws if an option has no effect on this benchmark, because its user expects one. */
function requireMeaning(args: readonly string[], what: Benchmark): void {
  for (const [option, benchmarks] of Object.entries(MEANING)) {
    if (!args.some((arg) => arg === `--${option}` || arg.startsWith(`--${option}=`))) continue;
    if (benchmarks.includes(what)) continue;
    const name = what === 'compare' ? 'the comparison' : `--${what}`;
    throw new Error(`--${option} has no effect on ${name}: omit it`);
  }
}

/** The default is as large as the time allows: a longer replay measures less of the start of Node. */
function eventsOf(what: Benchmark, hasAll: boolean): number {
  if (what === 'scale') return 5_000_000;
  if (what === 'compare') return hasAll ? 1_000_000 : 300_000;
  return 300_000;
}

function wholeNumber(name: string, text: string, min: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw new Error(`${name} must be an integer of at least ${min}`);
}
