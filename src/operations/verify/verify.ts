/**
 * Redis against MySQL, or against the log, while both change: survey, settle, and where asked for, repair and once more from the start.
 */
import type {ExpectedOrders} from './expected.js';
import type {Finding, Subject} from './finding.js';
import type {Repair} from './repair.js';
import {settle, type SettleDeps, type Settled} from './settle.js';
import {Survey, type Looked, type SurveyOptions} from './survey.js';
import type {Sides} from './sides.js';

export interface VerifyDeps {
  readonly sides: Sides;
  readonly survey: SurveyOptions;
  readonly settle: Omit<SettleDeps, 'compare'>;
  /** Orders of a sample; null for everything. */
  readonly sample: (() => AsyncIterable<ExpectedOrders>) | null;
  /** Null: differences are told only. */
  readonly repair: Repair | null;
  readonly tell: (event: VerifyEvent) => void;
}

export type VerifyEvent =
  | {readonly kind: 'surveyed'; readonly looked: Looked; readonly suspects: number}
  | {readonly kind: 'repairing'; readonly round: number; readonly differences: number};

export interface Verdict {
  readonly looked: Looked;
  /** Certain differences; after a repair those that are left. */
  readonly findings: readonly Finding[];
  /** Subjects that changed too often to be compared. */
  readonly open: readonly Subject[];
  /** Suspects beyond the bound of memory, which were not looked at again. */
  readonly unseen: number;
  /** Redis did not reach the end of the log while it was waited for. */
  readonly isBehind: boolean;
  /** How many differences there are less than before the first repair. */
  readonly repaired: number;
}

/** An order first, then the sums that it took part in, and again when more came to light. */
const REPAIR_ROUNDS_MAX = 5;

export async function verify(deps: VerifyDeps): Promise<Verdict> {
  let first: number | undefined;
  let before = '';
  for (let round = 1; ; round++) {
    const {survey, settled} = await lookAtEverything(deps);
    const {certain, open, isBehind} = settled;
    const findings = certain.flatMap((difference) => [...difference.findings]);
    first ??= findings.length;
    const repaired = Math.max(0, first - findings.length);
    const {looked, overflow: unseen} = survey;
    const verdict: Verdict = {looked, findings, open, unseen, isBehind, repaired};
    const now = JSON.stringify(findings);
    // A row of MySQL that cannot be used, for example, is not mended by trying again.
    const isStuck = now === before;
    before = now;
    if (deps.repair === null || certain.length === 0 || isStuck || round > REPAIR_ROUNDS_MAX) return verdict;
    // What orders are still to add to the sums is known only when no order differs, and none is open.
    const hasOrders = [...certain.map(({subject}) => subject), ...open].some(({kind}) => kind === 'order');
    const isPartial = hasOrders || unseen > 0 || isBehind;
    deps.tell({kind: 'repairing', round, differences: findings.length});
    if (certain.some(({subject: {kind}}) => kind === 'order' || kind === 'key'))
      await deps.repair.orders(certain);
    if (!isPartial) await deps.repair.sums(certain);
  }
}

async function lookAtEverything(deps: VerifyDeps): Promise<{survey: Survey; settled: Settled}> {
  const {sides, sample, tell} = deps;
  const survey = new Survey(sides, deps.survey);
  if (sample === null) await survey.everything();
  else await survey.sample(sample());
  tell({kind: 'surveyed', looked: survey.looked, suspects: survey.suspects.size + survey.overflow});
  const settled = await settle([...survey.suspects.values()], {
    ...deps.settle,
    compare: async (kind, ids) => await sides.compare(kind, ids),
  });
  return {survey, settled};
}
