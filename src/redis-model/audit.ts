/**
 * What Redis holds of the audit (`projector audit`), in the hash `projector:audit`.
 *
 *   requested   why an audit is necessary: `ALTER TABLE at shop.order-events[3] offset 512`. The apply script writes it, together with the
 *               position after the record that asks for it
 *   answered    the request that the last complete pass answers. If it differs from `requested`, a pass is due at once
 *   last        the last complete pass, as JSON (`AuditPass`)
 *   current     the pass that is under way, as JSON (`AuditProgress`)
 *
 * In the layout `partitioned`, the slot of each partition has a hash with its newest request. The other fields are with the shared keys.
 *
 * Pure, except that it reads the hashes.
 */
import type {KeySpace} from './keys.js';

export const AUDIT_FIELDS = {
  requested: 'requested',
  answered: 'answered',
  last: 'last',
  current: 'current',
} as const;

export interface AuditCounts {
  /** Orders that were compared. */
  readonly orders: number;
  /** Certain differences, before any repair. */
  readonly differences: number;
  /** Differences that a repair removed. */
  readonly repaired: number;
  /** Values that were not decided, because they changed too often or because Redis or the topic was behind. */
  readonly open: number;
  /** Those of them that were not decided because Redis or the topic was behind, or because there was too little time. */
  readonly behind: number;
  /** Orders that still differ or are open. Sums are not repaired before there are none. */
  readonly openOrders: number;
  /** Values beyond the limit of one range. They were counted and not compared. */
  readonly unchecked: number;
}

/** A complete pass. */
export interface AuditPass extends AuditCounts {
  readonly startedMs: number;
  readonly endedMs: number;
  /** The longest time between the starts of two passes, in ms, unless a pass itself takes longer. Null for a single pass (`--once`). */
  readonly everyMs: number | null;
  readonly isRepairing: boolean;
}

/** How far a pass has come, so that another process can continue it. */
export interface AuditProgress {
  readonly startedMs: number;
  /** The request that this pass answers; '' if there was none. */
  readonly requested: string;
  readonly stage: string;
  /** Where the stage continues: after this id. Null for its start. */
  readonly after: string | null;
  readonly counts: AuditCounts;
}

export interface AuditState {
  readonly requested: string;
  readonly answered: string;
  readonly last: AuditPass | null;
  readonly current: AuditProgress | null;
}

export const NO_COUNTS: AuditCounts = {
  orders: 0,
  differences: 0,
  repaired: 0,
  open: 0,
  behind: 0,
  openOrders: 0,
  unchecked: 0,
};

export interface AuditKeys {
  readonly audit: string;
  readonly auditLease: string;
  /** The hashes with requests. In the layout `single` it is the one hash. */
  readonly requests: readonly string[];
  /** Where apply.lua looks for the lease, if it is in another slot than `auditLease`. */
  readonly leaseCopies: readonly string[];
}

export function auditKeys(space: KeySpace, partitions: number): AuditKeys {
  const {audit, auditLease} = space.shared;
  const each = Array.from({length: partitions}, (_, partition) => space.partition(partition));
  const copies = each.map((keys) => keys.auditLease).filter((key) => key !== auditLease);
  return {audit, auditLease, requests: [...new Set(each.map((keys) => keys.audit))], leaseCopies: copies};
}

/** Reads the state. The requests of several partitions become one text. */
export async function readAudit(
  redis: {hash(key: string): Promise<Readonly<Record<string, string>>>},
  {audit, requests}: Pick<AuditKeys, 'audit' | 'requests'>,
): Promise<AuditState & {readonly isEmpty: boolean}> {
  const [own = {}, ...others] = await Promise.all(
    [audit, ...requests.filter((key) => key !== audit)].map(async (key) => await redis.hash(key)),
  );
  const hashes = [own, ...others];
  const requested = hashes.map((hash) => hash[AUDIT_FIELDS.requested] ?? '').filter((text) => text !== '');
  const isEmpty = hashes.every((hash) => Object.keys(hash).length === 0);
  return {...auditState({...own, [AUDIT_FIELDS.requested]: requested.join('; ')}), isEmpty};
}

/** The state in the fields of the hash. A field that this version does not understand counts as absent. */
export function auditState(hash: Readonly<Record<string, string>>): AuditState {
  return {
    requested: hash[AUDIT_FIELDS.requested] ?? '',
    answered: hash[AUDIT_FIELDS.answered] ?? '',
    last: parsed<AuditPass>(hash[AUDIT_FIELDS.last], {
      startedMs: 'number',
      endedMs: 'number',
      orders: 'number',
      differences: 'number',
      repaired: 'number',
      open: 'number',
      behind: 'number',
      unchecked: 'number',
    }),
    current: parsed<AuditProgress>(hash[AUDIT_FIELDS.current], {
      startedMs: 'number',
      requested: 'string',
      stage: 'string',
      counts: 'object',
    }),
  };
}

/** Differences that a pass has found and not repaired. */
export function remaining({differences, repaired}: Pick<AuditCounts, 'differences' | 'repaired'>): number {
  return differences - repaired;
}

/** Values that a pass did not decide, and that the next pass must decide soon. */
export function undecided({behind, unchecked}: Pick<AuditCounts, 'behind' | 'unchecked'>): number {
  return behind + unchecked;
}

/**
 * How long the next pass has been late, in ms: the time since it should have ended, if it takes half as long again as the last one. 0 if it is
 * not late, or if no further pass is planned.
 */
export function overdueMs({startedMs, endedMs, everyMs}: AuditPass, nowMs: number): number {
  if (everyMs === null) return 0;
  const nextMs = Math.max(startedMs + everyMs, endedMs) + 1.5 * (endedMs - startedMs);
  return Math.max(0, nowMs - nextMs);
}

/** The latest time that JavaScript can print. */
const TIME_MAX_MS = 8.64e15;

/** The object in a JSON text. Null unless each of these fields has this type. */
function parsed<T>(
  text: string | undefined,
  fields: Readonly<Partial<Record<keyof T & string, string>>>,
): T | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    if (typeof value !== 'object' || value === null) return null;
    const found = value as Readonly<Record<string, unknown>>;
    const isKnown = Object.entries(fields).every(
      ([name, type]) =>
        typeof found[name] === type && (type !== 'number' || Math.abs(Number(found[name])) <= TIME_MAX_MS),
    );
    return isKnown ? (value as T) : null;
  } catch {
    return null;
  }
}

/** A request for an audit, which a chunk writes together with its position. */
export interface AuditRequest {
  /** The text of the field `requested`. */
  readonly text: string;
  /** What was truncated, and where. Such a chunk is applied only while a repairing audit runs. Undefined if nothing was truncated. */
  readonly truncated: string | undefined;
}

/**
 * True if the text of the lease (`projector:audit-lease`) is that of an audit that repairs: `ID audit-repair on HOST, ...`. apply.lua
 * compares it in the same way.
 */
export function isRepairLease(text: string): boolean {
  return /^\S+ audit-repair /.test(text);
}
