/**
 * The scripts that merge outboxes into counters and reports, in TypeScript, written from the headers of src/apply/merge.lua and take.lua.
 * test/integration/fakeRedisContract.test.ts runs random commands on both, and fails if they differ.
 */
import {countChunk, requireReportTypes, requireTotals, requireWholeChunks} from './fakeChecks.js';
import {REVENUE_UNIT} from './fakeOutbox.js';
import {corrupt, type ScriptFunction} from './keyspace.js';
import {moveCounters, moveReports, type Sums} from './scriptSums.js';

type Flat = readonly (string | number)[];

/** A partition in a merge: its number, and the texts of its merged offset before and after. */
export type Move = readonly [partition: string, expected: string, next: string];

interface MergeInput {
  readonly prefix: string;
  readonly layout: string;
  readonly moves: readonly Move[];
  readonly products: readonly string[];
  readonly sums: Sums;
}

export function readMerge([prefix = '', layout = '', json = '']: readonly string[]): MergeInput {
  const [flat, products, users, totals] = JSON.parse(json) as [string[], Flat, Flat, number[]];
  const moves: Move[] = [];
  for (let i = 0; i < flat.length; i += 3) moves.push([flat[i] ?? '', flat[i + 1] ?? '', flat[i + 2] ?? '']);
  const [orders, units, high, low] = totals.map(BigInt);
  const sums = {
    units: sumsOf(products),
    spent: sumsOf(users),
    orders: orders ?? 0n,
    totalUnits: units ?? 0n,
    revenue: (high ?? 0n) * REVENUE_UNIT + (low ?? 0n),
  };
  return {prefix, layout, moves, products: [...sums.units.keys()], sums};
}

function sumsOf(flat: Flat): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (let i = 0; i < flat.length; i += 2) sums.set(String(flat[i]), BigInt(flat[i + 1] ?? 0));
  return sums;
}

export const mergeOutboxes: ScriptFunction = (keys, mergedKey, args) => {
  const {prefix, layout, moves, products, sums} = readMerge(args);
  for (const [partition, expected] of moves) {
    const stored = keys.hash(mergedKey).get(partition) ?? '';
    if (stored !== expected) return ['rejected', partition, stored];
  }
  const layoutKey = `${prefix}projector:layout`;
  const stored = keys.string(layoutKey);
  if (stored !== null && stored !== layout) return ['layout', stored];
  requireReportTypes(keys, prefix);
  requireTotals(keys, prefix, stored !== null);
  if (stored === null && moves.some(([, expected]) => !expected.startsWith('0 ')))
    throw corrupt(layoutKey, 'is missing, although Redis holds a position');
  requireWholeChunks(keys, prefix);
  moveCounters(keys, {prefix, products}, sums);
  moveReports(keys, prefix, sums);
  if (stored === null) keys.setString(layoutKey, layout);
  keys.changeHash(
    mergedKey,
    [],
    moves.map(([partition, , next]) => [partition, next] as const),
  );
  countChunk(keys, prefix);
  return ['applied'];
};

export const takeMerging: ScriptFunction = (keys, mergedKey, args) => {
  const [partition = '', holder = '', prefix = '', layout = ''] = args;
  const stored = keys.string(`${prefix}projector:layout`);
  if (stored !== null && stored !== layout) return ['layout', stored];
  if (stored !== null && keys.get(mergedKey) === undefined)
    throw corrupt(mergedKey, 'is missing, although Redis holds reports');
  const [offset = '0'] = /^\d+/.exec(keys.hash(mergedKey).get(partition) ?? '') ?? [];
  keys.changeHash(mergedKey, [], [[partition, `${offset} ${holder}`]]);
  return ['taken', offset];
};
