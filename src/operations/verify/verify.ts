/**
 * Compares Redis with MySQL, or with the topic, while both change.
 *
 * Each round surveys everything and settles the suspects. With a repair, another round follows until nothing differs,
 * nothing changes any more, or the limit of rounds is reached.
 */
import type {ExpectedOrders} from './expected.js';
import type {Finding, Subject} from './finding.js';
import type {Difference, Repair} from './repair.js';
import {settle, type SettleDeps, type Settled} from './settle.js';
import {Survey, type Looked, type SurveyOptions} from './survey.js';
import type {Sides} from './sides.js';

export interface VerifyDeps {
  readonly sides: Sides;
  readonly survey: SurveyOptions;
  readonly settle: Omit<SettleDeps, 'compare'>;
  /** Returns the orders of a sample. Null compares everything. */
  readonly sample: (() => AsyncIterable<ExpectedOrders>) | null;
  /** Null if differences are only reported. */
  readonly repair: Repair | null;
  readonly notify: (event: VerifyEvent) => void;
}

export type VerifyEvent =
  | {readonly kind: 'surveyed'; readonly looked: Looked; readonly suspects: number}
  | ({readonly kind: 'repairing'; readonly round: number} & Repairing);

/** What one round repairs. */
export interface Repairing {
  /** Values that differ. An order can have several. */
  readonly differences: number;
  readonly orders: number;
  /** Malformed keys. */
  readonly keys: number;
  /** Counters, scores and totals. */
  readonly sums: number;
  /** Whether an earlier round has repaired orders. This changes the sums that include them. */
  readonly hasRepairedOrders: boolean;
}

export interface Verdict {
  readonly looked: Looked;
  /** Certain differences. After a repair, these are the remaining ones. */
  readonly findings: readonly Finding[];
  /** Subjects whose comparison was not certain in time. */
  readonly open: readonly Subject[];
  /** Suspects beyond the limit that protects the memory. They were counted, and not compared again. */
  readonly unseen: number;
  /** A read model did not reach the goal in time, or the time was too short for a decision (settle.ts). */
  readonly isBehind: boolean;
  /**
   * How many differences the repairs removed: those of all rounds, each counted once, minus the remaining ones. A repair of an order
   * can change sums, which are then among the differences of the next round.
   */
  readonly repaired: number;
}

/** Several rounds are necessary: orders come first, then the sums that include them, and each round can find more differences. */
const REPAIR_ROUNDS_MAX = 5;

export async function verify(deps: VerifyDeps): Promise<Verdict> {
  const everFound = new Set<string>();
  let hasRepairedOrders = false;
  let before = '';
  for (let round = 1; ; round++) {
    const {survey, settled} = await lookAtEverything(deps);
    const {certain, open, isBehind} = settled;
    const findings = certain.flatMap((difference) => [...difference.findings]);
    for (const {kind, key, field} of findings) everFound.add(JSON.stringify([kind, key, field]));
    const repaired = everFound.size - findings.length;
    const {looked, overflow: unseen} = survey;
    const verdict: Verdict = {looked, findings, open, unseen, isBehind, repaired};
    const now = JSON.stringify(findings);
    // The last repair changed nothing, so another one is useless. An example is a MySQL row with an unusable value.
    const isStuck = now === before;
    before = now;
    if (deps.repair === null || certain.length === 0 || isStuck || round > REPAIR_ROUNDS_MAX) return verdict;
    // Sums are repaired only if no order differs or is open. Otherwise the orders would change the sums again.
    const hasOrders = [...certain.map(({subject}) => subject), ...open].some(({kind}) => kind === 'order');
    const isPartial = hasOrders || unseen > 0 || isBehind;
    const repairing = repairingOf(certain, {hasKeys: deps.repair.removesMalformed, hasSums: !isPartial});
    if (repairing.differences > 0) deps.notify({kind: 'repairing', round, ...repairing, hasRepairedOrders});
    if (repairing.orders > 0) hasRepairedOrders = true;
    if (certain.some(({subject: {kind}}) => kind === 'order' || kind === 'key'))
      await deps.repair.orders(certain);
    if (!isPartial) await deps.repair.sums(certain);
  }
}

async function lookAtEverything(deps: VerifyDeps): Promise<{survey: Survey; settled: Settled}> {
  const {sides, sample, notify} = deps;
  const survey = new Survey(sides, deps.survey);
  if (sample === null) await survey.everything();
  else await survey.sample(sample());
  notify({kind: 'surveyed', looked: survey.looked, suspects: survey.suspects.size + survey.overflow});
  const settled = await settle([...survey.suspects.values()], {
    ...deps.settle,
    compare: async (kind, ids) => await sides.compare(kind, ids),
  });
  return {survey, settled};
}

/** What a round repairs if it may remove malformed keys (`hasKeys`), and if it repairs sums (`hasSums`). */
function repairingOf(
  certain: readonly Difference[],
  {hasKeys, hasSums}: {readonly hasKeys: boolean; readonly hasSums: boolean},
): Omit<Repairing, 'hasRepairedOrders'> {
  const chosen = certain.filter(({subject: {kind}}) => {
    if (kind === 'order') return true;
    return kind === 'key' ? hasKeys : hasSums;
  });
  const orders = chosen.filter(({subject}) => subject.kind === 'order');
  const keys = chosen.filter(({subject}) => subject.kind === 'key');
  const count = (some: readonly Difference[]): number =>
    some.reduce((sum, {findings}) => sum + findings.length, 0);
  const differences = count(chosen);
  const sums = differences - count(orders) - count(keys);
  return {differences, orders: orders.length, keys: keys.length, sums};
}
