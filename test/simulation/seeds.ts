/** Runs the simulation with many seeds. */
import type {KeyLayout} from '../../src/redis-model/keys.js';
import {faultsOf, type Fault} from './plan.js';
import {simulate, type Outcome, type SimulationOptions} from './simulate.js';

/** Runs the seeds from 1. Rejects if one fails, or if a kind of fault was too rare. */
export async function runSeeds(layout: KeyLayout, seeds: number): Promise<void> {
  const faults = new Map<Fault, number>();
  for (let seed = 1; seed <= seeds; seed++) {
    const outcome = await simulate(seed, {layout});
    if (outcome.failure !== undefined) throw new Error(described(layout, outcome));
    for (const [fault, count] of outcome.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
  }
  expect(faultsOf(layout).filter((fault) => (faults.get(fault) ?? 0) < seeds / 20)).toEqual([]);
}

function described(layout: KeyLayout, {seed, failure, actions}: Outcome): string {
  const command = `npm run simulate -- --layout ${layout} --seed ${seed}`;
  return [...actions.slice(-200), `seed ${seed}: ${failure ?? 'passed'}; run it again: ${command}`].join(
    '\n',
  );
}

/** Expects that each of these seeds gives the same run twice. */
export async function expectRepeatable(layout: KeyLayout): Promise<void> {
  for (const seed of [3, 33, 333, 3_333]) {
    const [first, again] = [await simulate(seed, {layout}), await simulate(seed, {layout})];
    expect(again.actions).toEqual(first.actions);
    expect(first.actions.length).toBeGreaterThan(20);
  }
}

/** Expects that one of so many seeds finds the fault. */
export async function expectFound(
  seeds: {readonly from: number; readonly count: number},
  options: SimulationOptions,
): Promise<void> {
  let found: Outcome | undefined;
  for (let seed = seeds.from; seed < seeds.from + seeds.count && found === undefined; seed++) {
    const outcome = await simulate(seed, options);
    if (outcome.failure !== undefined) found = outcome;
  }
  expect(found?.failure).toMatch(/./);
}
