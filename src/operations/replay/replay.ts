/**
 * Replays quarantined records. It does not apply an old record over newer ones. It rebuilds the whole order at the position
 * (rebuildRound.ts).
 */
import type {StoredEntry} from './entries.js';
import {makePlan, type Target} from './plan.js';
import {RebuildRound, type RebuildDeps, type RebuildResult} from './rebuildRound.js';

/** The result for one entry. */
export interface EntryResult {
  readonly name: string;
  readonly orderId: string | null;
  readonly replayed: boolean;
  /** Why the entry was not replayed; null if it was replayed. */
  readonly reason: string | null;
}

/** Largest number of orders in one script. */
const ORDERS_MAX = 100;
/** Largest number of rounds for a group of orders (L7). */
const ROUNDS_MAX = 10;

/** Reports the result of every chosen entry, and of every other entry that was settled with it. */
export async function replayEntries(
  chosen: readonly StoredEntry[],
  deps: RebuildDeps,
  notify: (result: EntryResult) => void,
): Promise<void> {
  const {targets, refused, orderless} = await makePlan(chosen, deps);
  for (const {stored, reason} of refused) {
    notify({name: stored.name, orderId: stored.entry?.orderId ?? null, replayed: false, reason});
  }
  for (const name of await deps.entries.remove(orderless)) {
    notify({name, orderId: null, replayed: true, reason: null});
  }
  const wanted = new Set(chosen.map(({name}) => name));
  for (const some of inGroups(targets)) {
    for (const result of await rebuild(some, deps)) printResult(result, {wanted, notify});
  }
}

/** Groups the targets by partition, so that one read of a partition serves up to ORDERS_MAX orders. */
function inGroups(targets: readonly Target[]): Target[][] {
  const byPartition = new Map<number, Target[]>();
  for (const target of targets) {
    const group = byPartition.get(target.partition);
    if (group === undefined) byPartition.set(target.partition, [target]);
    else group.push(target);
  }
  return [...byPartition.values()].flatMap((group) =>
    Array.from({length: Math.ceil(group.length / ORDERS_MAX)}, (_, i) =>
      group.slice(i * ORDERS_MAX, (i + 1) * ORDERS_MAX),
    ),
  );
}

/** Rebuilds the targets of one partition. Every target has exactly one result. */
async function rebuild(targets: readonly Target[], deps: RebuildDeps): Promise<RebuildResult[]> {
  const open = new Map(targets.map((target) => [target.orderId, target]));
  const results: RebuildResult[] = [];
  let reason = '';
  for (let round = 0; round < ROUNDS_MAX && open.size > 0; round++) {
    const outcome = await new RebuildRound(deps, targets[0]?.partition ?? 0, open).run();
    for (const result of outcome.results) {
      open.delete(result.target.orderId);
      results.push(result);
    }
    reason = outcome.again ?? '';
  }
  for (const target of open.values()) {
    results.push({kind: 'impossible', target, reason: `not rebuilt after ${ROUNDS_MAX} attempts: ${reason}`});
  }
  return results;
}

function printResult(
  result: RebuildResult,
  {wanted, notify}: {wanted: ReadonlySet<string>; notify: (result: EntryResult) => void},
): void {
  const {orderId, entries} = result.target;
  const settled = new Set(result.kind === 'rebuilt' ? result.settled : []);
  for (const name of entries.keys()) {
    if (settled.has(name)) notify({name, orderId, replayed: true, reason: null});
    else if (wanted.has(name)) {
      const reason =
        result.kind === 'rebuilt' ? 'the position in Redis is before this record' : result.reason;
      notify({name, orderId, replayed: false, reason});
    }
  }
}
