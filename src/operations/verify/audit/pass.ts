/**
 * One pass of the audit: it compares everything in Redis with MySQL, range by range, and repairs what differs.
 *
 * A range ends after RANGE_MS, or when it has many suspects. Its suspects are then settled as `verify` does it, the differences are
 * repaired, and the place is saved. It is also saved every second while there are no suspects. So a pass that was killed continues at its
 * order, or at its stage, and memory does not grow with the tables.
 *
 * Orders and keys come before the sums. A repair of an order moves the sums by the difference, so that sums differ afterwards only if
 * something else has changed them.
 */
import {NO_COUNTS, type AuditCounts, type AuditProgress} from '../../../redis-model/audit.js';
import type {Clock} from '../../../runtime/lifecycle.js';
import type {Finding, Subject} from '../finding.js';
import type {Difference} from '../repair.js';
import {settle, type SettleDeps, type Settled} from '../settle.js';
import type {Sides} from '../sides.js';
import {STAGES, Survey, type Stage} from '../survey.js';
import type {Pace} from './pace.js';

/** What a pass uses of a repair (operations/verify/repair.ts). */
export interface Repairs {
  orders(differences: readonly Difference[]): Promise<void>;
  sums(differences: readonly Difference[]): Promise<void>;
}

export interface PassDeps {
  readonly sides: Sides;
  readonly settle: Omit<SettleDeps, 'compare' | 'progress' | 'signal'>;
  /** Runs `work` while this process may repair. Null if differences are only reported. */
  readonly repair: ((work: (repairs: Repairs) => Promise<void>) => Promise<void>) | null;
  readonly pace: Pace;
  readonly clock: Clock;
  /**
   * Resolves when Redis has applied nearly all of the topic. A comparison before that would find little but lag. `isExact`: all records that the
   * topic has now.
   */
  readonly caughtUp: (signal: AbortSignal, isExact: boolean) => Promise<void>;
  readonly save: (progress: AuditProgress) => Promise<void>;
  readonly notify: (event: PassEvent) => void;
  /**
   * The differences of sums that the last pass found, by subject. This pass replaces them. A sum is repaired only if two passes in a row find the same
   * difference. Else the cause could be an order that changed silently after its stage, or a change that is not in the topic yet because one of
   * its partitions cannot be written (upstream/passage.ts). The sum would then be moved a second time, by the order.
   */
  readonly sumsBefore: Map<string, string>;
  /** Suspects of one range of sums, which is not interrupted. Further ones are counted and left to the next pass. */
  readonly suspectsMax: number;
  /** A whole number that differs from pass to pass (idFilter.ts). */
  readonly seed: number;
}

export type PassEvent =
  | {readonly kind: 'differs' | 'repaired'; readonly finding: Finding}
  /** A comparison did not become certain, because Redis or the topic was behind. */
  | {readonly kind: 'behind'; readonly values: number};

const RANGE_MS = 30_000;
const SAVE_MS = 1_000;
const RANGE_SUSPECTS = 2_000;

/** Where a new pass begins. */
export function passStart(startedMs: number, requested: string): AuditProgress {
  return {startedMs, requested, stage: STAGES[0], after: null, counts: NO_COUNTS};
}

/** Runs the pass from this place to its end. Resolves with the counts of the whole pass. */
export async function auditPass(
  deps: PassDeps,
  from: AuditProgress,
  signal: AbortSignal,
): Promise<AuditCounts> {
  return await new Pass(deps, from, signal).run();
}

type Counts = {-readonly [K in keyof AuditCounts]: AuditCounts[K]};

class Pass {
  readonly #deps: PassDeps;
  readonly #from: AuditProgress;
  readonly #signal: AbortSignal;
  readonly #survey: Survey;
  readonly #counts: Counts;
  readonly #sumsBefore: ReadonlyMap<string, string>;

  constructor(deps: PassDeps, from: AuditProgress, signal: AbortSignal) {
    this.#deps = deps;
    this.#from = from;
    this.#signal = signal;
    this.#counts = {...NO_COUNTS, ...from.counts};
    // A pass that continues in the middle has not looked at the orders since those differences were found.
    const isWhole = from.stage === STAGES[0] && from.after === null;
    this.#sumsBefore = new Map(isWhole ? deps.sumsBefore : []);
    deps.sumsBefore.clear();
    const {seed, suspectsMax} = deps;
    this.#survey = new Survey(deps.sides, {
      suspectsMax,
      progress: () => undefined,
      signal,
      seed,
    });
  }

  async run(): Promise<AuditCounts> {
    // A stage that this version does not have counts as the first one.
    const first = Math.max(
      0,
      STAGES.findIndex((stage) => stage === this.#from.stage),
    );
    for (const [index, stage] of STAGES.entries()) {
      if (index < first) continue;
      await this.#stage(stage, stage === this.#from.stage ? this.#from.after : null);
      const next = STAGES[index + 1];
      if (next !== undefined) await this.#save(next, null);
    }
    return this.#counts;
  }

  async #stage(stage: Stage, after: string | null): Promise<void> {
    const {clock, pace, caughtUp} = this.#deps;
    // An order whose record is older than the schema change, and not applied yet, would be missed.
    await caughtUp(this.#signal, stage === STAGES[0] && after === null && this.#from.requested !== '');
    let beganMs = clock.nowMs();
    let savedMs = beganMs;
    for await (const {rows, next} of this.#survey.steps(stage, after)) {
      await pace.spend(rows, this.#signal);
      this.#signal.throwIfAborted();
      // A listing of sums is one query to MySQL, which must be read to its end before there can be another one.
      const canStop = stage === 'orders' || stage === 'keys';
      const isFull = this.#survey.suspects.size >= RANGE_SUSPECTS || clock.nowMs() - beganMs >= RANGE_MS;
      if (canStop && isFull) {
        await this.#endRange(stage);
        beganMs = clock.nowMs();
      }
      // Without suspects, the pass can continue after this page.
      const isSavedLongAgo = clock.nowMs() - savedMs >= SAVE_MS;
      if (stage === 'orders' && next !== null && this.#survey.suspects.size === 0 && isSavedLongAgo) {
        this.#countOrders();
        await this.#save(stage, next);
        savedMs = clock.nowMs();
      }
    }
    await this.#endRange(stage);
  }

  async #save(stage: Stage, after: string | null): Promise<void> {
    const {startedMs, requested} = this.#from;
    await this.#deps.save({startedMs, requested, stage, after, counts: {...this.#counts}});
  }

  #countOrders(): void {
    const {looked} = this.#survey;
    this.#counts.orders += looked.orders;
    looked.orders = 0;
  }

  /** Settles the suspects of a range, and repairs the differences. */
  async #endRange(stage: Stage): Promise<void> {
    const {suspects, overflow} = this.#survey;
    const subjects = [...suspects.values()];
    suspects.clear();
    this.#survey.overflow = 0;
    this.#counts.unchecked += overflow;
    this.#countOrders();
    if (subjects.length === 0) return;
    const isOfOrders = stage === 'orders' || stage === 'keys';
    if (isOfOrders) this.#counts.openOrders += overflow;
    const settled = await this.#settled(subjects, isOfOrders);
    const certain = isOfOrders ? settled.certain : this.#foundTwice(settled.certain);
    const findings = certain.flatMap((difference) => difference.findings);
    this.#counts.differences += findings.length;
    for (const finding of findings) this.#deps.notify({kind: 'differs', finding});
    this.#counts.openOrders += await this.#repaired(certain, isOfOrders);
  }

  /** The sums whose difference the last pass has found too. The others are not decided before the next pass. */
  #foundTwice(certain: readonly Difference[]): readonly Difference[] {
    const {repair, sumsBefore} = this.#deps;
    if (repair === null) return certain;
    const twice: Difference[] = [];
    for (const difference of certain) {
      const [name, text] = [nameOf(difference.subject), JSON.stringify(difference.findings)];
      if (this.#sumsBefore.get(name) === text) twice.push(difference);
      sumsBefore.set(name, text);
    }
    const left = certain.length - twice.length;
    this.#counts.open += left;
    this.#counts.behind += left;
    return twice;
  }

  /** Compares subjects until the result is certain, and counts the open ones. */
  async #settled(subjects: readonly Subject[], isOfOrders: boolean): Promise<Settled> {
    const {sides, notify} = this.#deps;
    const settled = await settle(subjects, {
      ...this.#deps.settle,
      compare: async (kind, ids) => await sides.compare(kind, ids),
      progress: () => undefined,
      signal: this.#signal,
    });
    const {open, isBehind} = settled;
    this.#counts.open += open.length;
    if (isOfOrders) this.#counts.openOrders += open.length;
    if (isBehind) {
      this.#counts.behind += open.length;
      notify({kind: 'behind', values: open.length});
    }
    return settled;
  }

  /** Repairs these differences, and compares them again. Resolves with the number of orders that still differ. */
  async #repaired(certain: readonly Difference[], isOfOrders: boolean): Promise<number> {
    const {repair, notify} = this.#deps;
    // A malformed key may belong to another program. Sums would change again with the orders that still differ.
    const repairable = certain.filter(({subject: {kind}}) => kind !== 'key');
    const mayRepair = repair !== null && (isOfOrders || this.#counts.openOrders === 0);
    if (!mayRepair || repairable.length === 0) return isOfOrders ? repairable.length : 0;
    await repair(async (repairs) => {
      await (isOfOrders ? repairs.orders(repairable) : repairs.sums(repairable));
    });
    const {certain: left, open} = await this.#settled(
      repairable.map(({subject}) => subject),
      isOfOrders,
    );
    const [differing, changing] = [left.map(({subject}) => subject), open].map(
      (some) => new Set(some.map(nameOf)),
    );
    for (const {subject, findings} of repairable) {
      const name = nameOf(subject);
      if (differing?.has(name) === true) continue;
      // It has changed since the repair, so the difference that was found no longer exists. Whether there is another one is open.
      if (changing?.has(name) === true) this.#counts.differences -= findings.length;
      else {
        this.#counts.repaired += findings.length;
        for (const finding of findings) notify({kind: 'repaired', finding});
      }
    }
    return isOfOrders ? left.length : 0;
  }
}

function nameOf({kind, id}: Subject): string {
  return `${kind} ${id}`;
}
