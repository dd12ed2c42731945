/**
 * Where a row event comes from: the GTID of its transaction (`source.gtid` of the envelope, `__source_gtid` of the flat form), and the time
 * at which MySQL began the statement (`source.ts_ms`, `__source_ts_ms`; whole seconds).
 *
 * Pure: no clock, no I/O.
 */
import {isJsonObject, type JsonObject} from './fields.js';

/** What a record says about its transaction. */
export type SourceTransaction =
  | {readonly kind: 'gtid'; readonly gtid: string}
  /** A row event without a GTID. MySQL writes none if GTIDs are off. */
  | {readonly kind: 'no-gtid'}
  /** No row event from the binlog: a snapshot reads rows that are visible, and other records name no transaction. */
  | {readonly kind: 'none'};

const ROW_EVENTS: ReadonlySet<unknown> = new Set(['c', 'u', 'd', 't']);

export function transactionOf(value: Buffer | null): SourceTransaction {
  const origin = originOf(value);
  if (origin === undefined) return {kind: 'none'};
  const {gtid} = origin;
  return typeof gtid === 'string' && gtid !== '' ? {kind: 'gtid', gtid} : {kind: 'no-gtid'};
}

/** In ms since 1970, by the clock of MySQL. Undefined if the record is no row event from the binlog. */
export function rowEventMs(value: Buffer | null): number | undefined {
  const timeMs = originOf(value)?.timeMs;
  return typeof timeMs === 'number' ? timeMs : undefined;
}

/** Undefined if the record is no row event from the binlog. */
function originOf(value: Buffer | null): {readonly gtid: unknown; readonly timeMs: unknown} | undefined {
  const parsed = value === null ? undefined : parsedObject(value.toString('utf8'));
  if (parsed === undefined) return undefined;
  const {payload} = parsed;
  const content = isJsonObject(payload) ? payload : parsed;
  const {source} = content;
  const [op, gtid, timeMs] = isJsonObject(source)
    ? [content['op'], source['gtid'], source['ts_ms']]
    : [content['__op'], content['__source_gtid'], content['__source_ts_ms']];
  return ROW_EVENTS.has(op) ? {gtid, timeMs} : undefined;
}

function parsedObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
