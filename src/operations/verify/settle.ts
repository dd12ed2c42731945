/**
 * Compares suspects again until the result is certain: both sides are equal, or they differ permanently.
 *
 * One observed difference proves nothing. A change is in MySQL before it is in Redis, and two replays of one topic are at different
 * positions. A difference becomes certain in these steps:
 *
 *   1. A look finds the difference in a new form, and records the time.
 *   2. The next look finds the same difference. The ends of the partitions that this look read before its comparison become the goal.
 *      Before the comparison, the look waited until MySQL shows every transaction before these ends.
 *   3. Every look has found the same difference for at least `stillMs`. So no look has seen a change on either side.
 *   4. Every read model that follows the topic had reached the goal before the comparison. So no record before the goal is missing.
 *
 * With `upstream`, step 2 also waits until the topic has a row event that MySQL executed after the difference was found. Then everything
 * that MySQL showed at that look is in the topic before the goal, even if the connector was stopped for some time. The heartbeats of
 * the connector are such events.
 *
 * If a later look finds another form of the difference, the steps begin again. A subject that changes more often than every
 * `stillMs` stays open. It is reported as open, and does not count as a difference.
 */
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {positionInFence} from '../../redis-model/fence.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {parsePosition} from '../../redis-model/position.js';
import type {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Visible} from '../../upstream/visibility.js';
import type {Comparison, Finding, Subject, SubjectKind} from './finding.js';

export interface SettleDeps {
  readonly compare: (kind: SubjectKind, ids: readonly string[]) => Promise<Comparison>;
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /**
   * The positions of Redis, and those of the expected side if that follows the topic too. In the layout `partitioned` also the merged offsets,
   * because counters and reports are behind the orders.
   */
  readonly positions: readonly Pick<StoredPositions, 'read'>[];
  /** Resolves when the expected side shows every record before these ends. */
  readonly visible: Visible;
  /** Tells whether the topic contains what MySQL shows. Null if the connector is known to be up to date. */
  readonly upstream: Upstream | null;
  readonly clock: Clock;
  /** How long a difference must remain unchanged before it can be certain, in ms. */
  readonly stillMs: number;
  /** After this time, in ms, and at least LOOKS_MIN looks, the remaining suspects stay open. */
  readonly waitMs: number;
  /** The pause after a look, as a multiple of its duration. With 1, the servers have half of the time for other work. */
  readonly pauseFactor: number;
  readonly progress: (open: number) => void;
  readonly signal: AbortSignal;
}

export interface Settled {
  readonly certain: readonly {readonly subject: Subject; readonly findings: readonly Finding[]}[];
  /** Subjects whose comparison was not certain within `waitMs`. */
  readonly open: readonly Subject[];
  /** A read model did not reach the goal, or `waitMs` was too short. An open subject can then be consumer lag or a difference. */
  readonly isBehind: boolean;
}

/** What is known of the way from MySQL to the topic (upstream/passage.ts). */
export interface Upstream {
  /** The time by the clock of MySQL, in ms since 1970. */
  nowMs(): Promise<number>;
  /** The time at which MySQL began the newest row event before these offsets. -Infinity if there is none. */
  newestMs(ends: ReadonlyMap<number, bigint>): Promise<number>;
}

interface Suspicion {
  readonly subject: Subject;
  text: string;
  findings: readonly Finding[];
  sinceMs: number;
  /** The clock of MySQL after this text was first seen. Undefined without `upstream`. */
  seenSourceMs: number | undefined;
  /** The partition ends that were read after this text was first seen. Undefined until a later look finds the same text. */
  goal: ReadonlyMap<number, bigint> | undefined;
  /** Consecutive looks that found both sides equal. */
  equalLooks: number;
  /** How often a look found other findings than the look before. The first look counts too. */
  changes: number;
}

const LOOK_MS = 250;
/** A difference needs two looks, and often a third one before Redis has reached the goal. */
const LOOKS_MIN = 3;
const COMPARED_AT_ONCE = 500;
/** Two equal looks are required, because a change under way can hide an error from a single look. */
const EQUAL_LOOKS = 2;

export async function settle(subjects: readonly Subject[], deps: SettleDeps): Promise<Settled> {
  const {clock, stillMs, waitMs, signal, progress} = deps;
  const startedMs = clock.nowMs();
  const open = new Map<string, Suspicion>();
  for (const subject of subjects) {
    const fresh = {text: '', findings: [], sinceMs: startedMs, equalLooks: 0, changes: 0};
    const unknown = {seenSourceMs: undefined, goal: undefined};
    open.set(`${subject.kind} ${subject.id}`, {subject, ...fresh, ...unknown});
  }
  const certain: {subject: Subject; findings: readonly Finding[]}[] = [];
  let isBehind = false;
  for (let looks = 0; open.size > 0 && (clock.nowMs() - startedMs < waitMs || looks < LOOKS_MIN); looks++) {
    signal.throwIfAborted();
    const lookedMs = clock.nowMs();
    progress(open.size);
    const reached = await reachedOffsets(deps);
    const ends = await endsOf(deps);
    await deps.visible(ends, signal);
    await look(open, deps, {ends, topicMs: await newestInTopic(open, deps, ends)});
    await dateBySource(open, deps);
    isBehind = false;
    for (const [name, suspicion] of open) {
      if (suspicion.equalLooks >= EQUAL_LOOKS) open.delete(name);
      if (suspicion.equalLooks > 0 || clock.nowMs() - suspicion.sinceMs < stillMs) continue;
      // Only one look has found this difference, and that look took long. Or the topic may lack what MySQL shows.
      if (suspicion.goal === undefined) {
        if (deps.upstream !== null) isBehind = true;
        continue;
      }
      const isPassed = [...suspicion.goal].every(([partition, end]) => (reached.get(partition) ?? 0n) >= end);
      if (!isPassed) isBehind = true;
      else {
        open.delete(name);
        certain.push({subject: suspicion.subject, findings: suspicion.findings});
      }
    }
    // A look can take long, such as sums over large tables. The pauses leave time for further looks.
    const pauseMs = (clock.nowMs() - lookedMs) * deps.pauseFactor;
    const pauseMsMax = Math.max(0, startedMs + waitMs - clock.nowMs()) / LOOKS_MIN;
    if (open.size > 0) await clock.sleep(Math.max(LOOK_MS, Math.min(pauseMs, pauseMsMax)), signal);
  }
  const left = [...open.values()];
  // A difference that has not changed since the first look does not change too often. The time was too short to decide on it.
  const isUndecided = left.some(({changes, equalLooks}) => changes <= 1 && equalLooks === 0);
  return {certain, open: left.map(({subject}) => subject), isBehind: isBehind || isUndecided};
}

/** Compares all open subjects again. */
async function look(
  open: ReadonlyMap<string, Suspicion>,
  {compare, clock}: SettleDeps,
  {ends, topicMs}: {ends: ReadonlyMap<number, bigint>; topicMs: number},
): Promise<void> {
  const byKind = new Map<SubjectKind, string[]>();
  for (const {subject} of open.values()) {
    const ids = byKind.get(subject.kind);
    if (ids === undefined) byKind.set(subject.kind, [subject.id]);
    else ids.push(subject.id);
  }
  for (const [kind, ids] of byKind) {
    for (let at = 0; at < ids.length; at += COMPARED_AT_ONCE) {
      const comparison = await compare(kind, ids.slice(at, at + COMPARED_AT_ONCE));
      for (const [id, findings] of comparison) {
        const suspicion = open.get(`${kind} ${id}`);
        if (suspicion !== undefined) note(suspicion, findings, {nowMs: clock.nowMs(), ends, topicMs});
      }
    }
  }
}

function note(
  suspicion: Suspicion,
  findings: readonly Finding[],
  {nowMs, ends, topicMs}: {nowMs: number; ends: ReadonlyMap<number, bigint>; topicMs: number},
): void {
  suspicion.equalLooks = findings.length === 0 ? suspicion.equalLooks + 1 : 0;
  const text = JSON.stringify(findings);
  if (text === suspicion.text) {
    if (topicMs > (suspicion.seenSourceMs ?? -Infinity)) suspicion.goal ??= ends;
    return;
  }
  suspicion.changes++;
  suspicion.text = text;
  suspicion.findings = findings;
  suspicion.sinceMs = nowMs;
  suspicion.goal = undefined;
  suspicion.seenSourceMs = undefined;
}

/** The time of the newest row event before these ends, by the clock of MySQL. Infinity if no suspicion depends on it. */
async function newestInTopic(
  open: ReadonlyMap<string, Suspicion>,
  {upstream}: SettleDeps,
  ends: ReadonlyMap<number, bigint>,
): Promise<number> {
  const isNeeded = [...open.values()].some(
    ({seenSourceMs, goal}) => seenSourceMs !== undefined && goal === undefined,
  );
  return upstream === null || !isNeeded ? Infinity : await upstream.newestMs(ends);
}

/** Sets the time at which MySQL showed each difference that this look has found in a new form. */
async function dateBySource(open: ReadonlyMap<string, Suspicion>, {upstream}: SettleDeps): Promise<void> {
  const found = [...open.values()].filter(
    ({findings, goal, seenSourceMs}) =>
      findings.length > 0 && goal === undefined && seenSourceMs === undefined,
  );
  if (upstream === null || found.length === 0) return;
  const seenSourceMs = await upstream.nowMs();
  for (const suspicion of found) suspicion.seenSourceMs = seenSourceMs;
}

async function endsOf({ranges}: SettleDeps): Promise<Map<number, bigint>> {
  return new Map([...(await ranges())].map(([partition, {high}]) => [partition, high]));
}

/** The next offset of each partition that every read model has reached. If there are two, it is the lower one. */
async function reachedOffsets({ranges, positions}: SettleDeps): Promise<Map<number, bigint>> {
  const partitions = [...(await ranges()).keys()];
  const reached = new Map<number, bigint>();
  for (const follower of positions) {
    const texts = await follower.read(partitions);
    partitions.forEach((partition, index) => {
      const next = parsePosition(positionInFence(texts[index] ?? ''))?.nextOffset ?? 0n;
      const others = reached.get(partition) ?? next;
      reached.set(partition, next < others ? next : others);
    });
  }
  return reached;
}
