/** `npm run simulate`: see HELP. */
import {parseArgs} from 'node:util';
import type {KeyLayout} from '../../src/redis-model/keys.js';
import {faultsOf, type Fault} from './plan.js';
import {simulate, type Outcome} from './simulate.js';

const PROGRESS_MS = 5_000;
const EXIT_USAGE = 2;
const HELP = `Usage: npm run simulate -- [options]

Runs whole workers with a simulated MySQL, Kafka, Redis and clock in this process. It needs no servers. Each run injects faults that
follow from its seed, and checks after every script that Redis is right.

  --layout L    the layout of the read model, single or partitioned (default single)
  --seed N      one run; prints every action
  --seeds N     N runs with consecutive seeds (default 1000)
  --minutes M   runs for M minutes, from a new seed on
  --from N      the first seed for --seeds (default 1) and --minutes
  --help        print this help

Exit codes: 0 all runs passed, 1 a run failed (the seed and its actions are printed), 2 wrong usage.
`;

const values = readOptions();
process.exitCode = values === undefined ? EXIT_USAGE : await main(values);

interface Options {
  readonly layout: KeyLayout;
  readonly seed?: number | undefined;
  readonly seeds?: number | undefined;
  readonly from?: number | undefined;
  readonly minutes?: number | undefined;
  readonly help: boolean;
}

/** Prints what is wrong and returns undefined if the arguments are wrong. */
function readOptions(): Options | undefined {
  try {
    const {values: texts} = parseArgs({
      options: {
        layout: {type: 'string', default: 'single'},
        seed: {type: 'string'},
        seeds: {type: 'string'},
        from: {type: 'string'},
        minutes: {type: 'string'},
        help: {type: 'boolean', default: false},
      },
    });
    const {layout, seed, seeds, from, minutes, help} = texts;
    return {
      layout: layoutOf(layout),
      seed: numberOf(seed),
      seeds: numberOf(seeds),
      from: numberOf(from),
      minutes: numberOf(minutes),
      help,
    };
  } catch (error) {
    process.stderr.write(`simulate: ${(error as Error).message}\nSee: npm run simulate -- --help\n`);
    return undefined;
  }
}

async function main({help, seed, layout, ...options}: Options): Promise<number> {
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  return await (seed === undefined ? many(layout, options) : one(layout, seed));
}

async function one(layout: KeyLayout, seed: number): Promise<number> {
  const {actions, failure} = await simulate(seed, {layout});
  actions.forEach((action, index) => print(`${String(index + 1).padStart(4)} ${action}`));
  print(failure === undefined ? `seed ${seed}: passed` : `seed ${seed}: ${failure}`);
  return failure === undefined ? 0 : 1;
}

async function many(
  layout: KeyLayout,
  {minutes, seeds = 1_000, ...options}: Omit<Options, 'help' | 'seed' | 'layout'>,
): Promise<number> {
  const endMs = minutes === undefined ? Infinity : performance.now() + minutes * 60_000;
  const from = options.from ?? (minutes === undefined ? 1 : Date.now() % 2 ** 31);
  const runs = minutes === undefined ? seeds : Infinity;
  const startedMs = performance.now();
  const sums = {seeds: 0, actions: 0, reportLosses: 0, faults: new Map<Fault, number>()};
  let notifiedMs = startedMs;
  for (let seed = from; seed < from + runs && performance.now() < endMs; seed++) {
    const outcome = await simulate(seed, {layout});
    if (outcome.failure !== undefined) return failed(layout, outcome);
    sums.seeds++;
    sums.reportLosses += outcome.reportLosses;
    sums.actions += outcome.actions.length;
    for (const [fault, count] of outcome.faults)
      sums.faults.set(fault, (sums.faults.get(fault) ?? 0) + count);
    if (performance.now() - notifiedMs < PROGRESS_MS) continue;
    notifiedMs = performance.now();
    print(`${sums.seeds} seeds, ${sums.actions} actions`);
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  const faults = faultsOf(layout).map((fault) => `${fault} ${sums.faults.get(fault) ?? 0}`);
  print(
    `${sums.seeds} seeds from ${from}, ${sums.actions} actions in ${seconds} s, all passed; faults: ${faults.join(', ')}`,
  );
  if (layout === 'partitioned') print(`reports lost where that can happen: ${sums.reportLosses}`);
  return 0;
}

function failed(layout: KeyLayout, {seed, failure = '', actions}: Outcome): number {
  for (const action of actions) print(action);
  print(`seed ${seed}: ${failure}\nRun it again: npm run simulate -- --layout ${layout} --seed ${seed}`);
  return 1;
}

function layoutOf(text: string): KeyLayout {
  if (text === 'single' || text === 'partitioned') return text;
  throw new Error(`"${text}" is not a layout: single or partitioned`);
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new Error(`"${text}" is not a number of 0 or more`);
  return number;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
