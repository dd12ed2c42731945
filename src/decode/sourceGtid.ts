/**
 * The GTID of the transaction that a record comes from: `source.gtid` of the envelope, `__source_gtid` of the flat form.
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
  const parsed = value === null ? undefined : parsedObject(value.toString('utf8'));
  if (parsed === undefined) return {kind: 'none'};
  const {payload} = parsed;
  const content = isJsonObject(payload) ? payload : parsed;
  const {source} = content;
  const [op, gtid] = isJsonObject(source)
    ? [content['op'], source['gtid']]
    : [content['__op'], content['__source_gtid']];
  if (!ROW_EVENTS.has(op)) return {kind: 'none'};
  return typeof gtid === 'string' && gtid !== '' ? {kind: 'gtid', gtid} : {kind: 'no-gtid'};
}

function parsedObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
