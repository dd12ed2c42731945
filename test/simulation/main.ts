/**
 * Runs the simulation from the command line.
 *
 *   npm run simulate -- --seed N             one run; prints every action
 *   npm run simulate -- --seeds N [--from M] N runs, with the seeds from M (default 1) on
 *   npm run simulate -- --minutes M          runs for M minutes, with the seeds from a random one on
 */
import {parseArgs} from 'node:util';
import {FAULT_NAMES, type Fault} from './plan.js';
import {simulate, type Outcome} from './simulate.js';

const PROGRESS_MS = 5_000;

const {values} = parseArgs({
  options: {
    seed: {type: 'string'},
    seeds: {type: 'string'},
    from: {type: 'string'},
    minutes: {type: 'string'},
  },
});
process.exitCode = await (values.seed === undefined ? many() : one(numberOf(values.seed)));

async function one(seed: number): Promise<number> {
  const {actions, failure} = await simulate(seed);
  actions.forEach((action, index) => print(`${String(index + 1).padStart(4)} ${action}`));
  print(failure === undefined ? `seed ${seed}: passed` : `seed ${seed}: ${failure}`);
  return failure === undefined ? 0 : 1;
}

async function many(): Promise<number> {
  const {minutes, seeds} = values;
  const endMs = minutes === undefined ? Infinity : performance.now() + numberOf(minutes) * 60_000;
  const from =
    values.from === undefined ? (minutes === undefined ? 1 : Date.now() % 2 ** 31) : numberOf(values.from);
  const runs = minutes === undefined ? numberOf(seeds ?? '1000') : Infinity;
  const startedMs = performance.now();
  const sums = {seeds: 0, actions: 0, faults: new Map<Fault, number>()};
  let notifiedMs = startedMs;
  for (let seed = from; seed < from + runs && performance.now() < endMs; seed++) {
    const outcome = await simulate(seed);
    if (outcome.failure !== undefined) return failed(outcome);
    sums.seeds++;
    sums.actions += outcome.actions.length;
    for (const [fault, count] of outcome.faults)
      sums.faults.set(fault, (sums.faults.get(fault) ?? 0) + count);
    if (performance.now() - notifiedMs < PROGRESS_MS) continue;
    notifiedMs = performance.now();
    print(`${sums.seeds} seeds, ${sums.actions} actions`);
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  const faults = FAULT_NAMES.map((fault) => `${fault} ${sums.faults.get(fault) ?? 0}`);
  print(
    `${sums.seeds} seeds from ${from}, ${sums.actions} actions in ${seconds} s, all passed; faults: ${faults.join(', ')}`,
  );
  return 0;
}

function failed({seed, failure = '', actions}: Outcome): number {
  for (const action of actions) print(action);
  print(`seed ${seed}: ${failure}\nRun it again: npm run simulate -- --seed ${seed}`);
  return 1;
}

function numberOf(text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new Error(`"${text}" is not a number of 0 or more`);
  return number;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
