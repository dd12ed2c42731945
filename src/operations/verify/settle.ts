/**
 * Suspects are looked at again until it is certain: equal, or different for good.
 *
 * A change is in MySQL before it is in Redis, and two replays of one log are never at the same place; so a difference says nothing
 * by itself. It is certain when neither side has changed for some time, and each that follows the log has meanwhile passed the end
 * that the log had when the difference was first seen in this form.
 * Values that never stand still for so long stay open; they are told, and are no differences.
 */
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {positionBehind} from '../../redis-model/fence.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {parsePosition} from '../../redis-model/position.js';
import type {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Comparison, Finding, Subject, SubjectKind} from './finding.js';

export interface SettleDeps {
  readonly compare: (kind: SubjectKind, ids: readonly string[]) => Promise<Comparison>;
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /** Of Redis; and of the expected side, where that follows the log too. */
  readonly positions: readonly StoredPositions[];
  readonly clock: Clock;
  /** A difference is certain when it has stood unchanged for so long. */
  readonly stillMs: number;
  /** After this time the rest is left open. */
  readonly waitMs: number;
  readonly progress: (open: number) => void;
  readonly signal: AbortSignal;
}

export interface Settled {
  readonly certain: readonly {readonly subject: Subject; readonly findings: readonly Finding[]}[];
  /** Changed too often to be compared. */
  readonly open: readonly Subject[];
  /** The end that the log had was not reached, or the time was too short: what is open may be lag, or a difference. */
  readonly isBehind: boolean;
}

interface Suspicion {
  readonly subject: Subject;
  text: string;
  findings: readonly Finding[];
  sinceMs: number;
  /** Where the log ended after this text was first seen; undefined until the next look. */
  goal: ReadonlyMap<number, bigint> | undefined;
  /** Looks in a row at which both sides were equal. */
  equalLooks: number;
  /** How often something else was found than before. */
  changes: number;
}

const LOOK_MS = 250;
const COMPARED_AT_ONCE = 500;
/** Two: one alone may be a coincidence, of a change under way that makes up for an error. */
const EQUAL_LOOKS = 2;

export async function settle(subjects: readonly Subject[], deps: SettleDeps): Promise<Settled> {
  const {clock, stillMs, waitMs, signal, progress} = deps;
  const startedMs = clock.nowMs();
  const open = new Map<string, Suspicion>();
  for (const subject of subjects) {
    const fresh = {text: '', findings: [], sinceMs: startedMs, goal: undefined, equalLooks: 0, changes: 0};
    open.set(`${subject.kind} ${subject.id}`, {subject, ...fresh});
  }
  const certain: {subject: Subject; findings: readonly Finding[]}[] = [];
  let isBehind = false;
  while (open.size > 0 && clock.nowMs() - startedMs < waitMs) {
    signal.throwIfAborted();
    const lookedMs = clock.nowMs();
    progress(open.size);
    const reached = await reachedOffsets(deps);
    const ends = await endsOf(deps);
    await look(open, deps, ends);
    isBehind = false;
    for (const [name, suspicion] of open) {
      if (suspicion.equalLooks >= EQUAL_LOOKS) open.delete(name);
      if (suspicion.equalLooks > 0 || clock.nowMs() - suspicion.sinceMs < stillMs) continue;
      // Seen once only, in a look that took long: the next one tells whether it stands still.
      if (suspicion.goal === undefined) continue;
      const isPassed = [...suspicion.goal].every(([partition, end]) => (reached.get(partition) ?? 0n) >= end);
      if (!isPassed) isBehind = true;
      else {
        open.delete(name);
        certain.push({subject: suspicion.subject, findings: suspicion.findings});
      }
    }
    // Where a look takes long, as sums over large tables do, the servers rest for as long.
    if (open.size > 0) await clock.sleep(Math.max(LOOK_MS, clock.nowMs() - lookedMs), signal);
  }
  const left = [...open.values()];
  // What has never changed is not hot; it was not looked at for long enough.
  const isUndecided = left.some(({changes, equalLooks}) => changes <= 1 && equalLooks === 0);
  return {certain, open: left.map(({subject}) => subject), isBehind: isBehind || isUndecided};
}

/** Compares everything that is open once more. */
async function look(
  open: ReadonlyMap<string, Suspicion>,
  {compare, clock}: SettleDeps,
  ends: ReadonlyMap<number, bigint>,
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
        if (suspicion !== undefined) note(suspicion, findings, {nowMs: clock.nowMs(), goal: ends});
      }
    }
  }
}

function note(
  suspicion: Suspicion,
  findings: readonly Finding[],
  {nowMs, goal}: {nowMs: number; goal: ReadonlyMap<number, bigint>},
): void {
  suspicion.equalLooks = findings.length === 0 ? suspicion.equalLooks + 1 : 0;
  const text = JSON.stringify(findings);
  if (text === suspicion.text) {
    suspicion.goal ??= goal;
    return;
  }
  suspicion.changes++;
  suspicion.text = text;
  suspicion.findings = findings;
  suspicion.sinceMs = nowMs;
  suspicion.goal = undefined;
}

async function endsOf({ranges}: SettleDeps): Promise<Map<number, bigint>> {
  return new Map([...(await ranges())].map(([partition, {high}]) => [partition, high]));
}

/** How far all are that follow the log. */
async function reachedOffsets({ranges, positions}: SettleDeps): Promise<Map<number, bigint>> {
  const partitions = [...(await ranges()).keys()];
  const reached = new Map<number, bigint>();
  for (const follower of positions) {
    const texts = await follower.read(partitions);
    partitions.forEach((partition, index) => {
      const next = parsePosition(positionBehind(texts[index] ?? ''))?.nextOffset ?? 0n;
      const others = reached.get(partition) ?? next;
      reached.set(partition, next < others ? next : others);
    });
  }
  return reached;
}
