/**
 * Row events as Debezium 3.6 writes them with connectors/orders.json and connectors/orders-compact.json. A test compares
 * these texts with recorded ones, byte by byte.
 */
import type {RowEvent} from './shop.js';

export type Form = 'envelope' | 'compact';

/** The binlog position and the time of an event. */
export interface BinlogPlace {
  readonly serverUuid: string;
  readonly transaction: number;
  readonly file: string;
  readonly pos: number;
  /** The index of the row within its statement. */
  readonly row: number;
  readonly thread: number;
  /** Microseconds since 1970. */
  readonly sourceUs: number;
  /** The time at which Debezium read the event, in nanoseconds since 1970. */
  readonly seenNs: bigint;
}

export function debeziumValue(form: Form, event: RowEvent, place: BinlogPlace): string {
  return form === 'envelope' ? envelope(event, place) : compact(event, place);
}

function envelope({table, op, before, after}: RowEvent, place: BinlogPlace): string {
  const {serverUuid, transaction, file, pos, row, thread, sourceUs, seenNs} = place;
  const sourceMs = Math.floor(sourceUs / 1_000);
  return (
    `{"before":${JSON.stringify(before)},"after":${JSON.stringify(after)},` +
    `"source":{"version":"3.6.1.Final","connector":"mysql","name":"shop","ts_ms":${sourceMs},"snapshot":null,"db":"shop",` +
    `"sequence":null,"ts_us":${sourceUs},"ts_ns":${sourceUs}000,"table":"${table}","server_id":1,` +
    `"gtid":"${serverUuid}:${transaction}","file":"${file}","pos":${pos},"row":${row},"thread":${thread},"query":null},` +
    `"transaction":null,"op":"${op}","ts_ms":${seenNs / 1_000_000n},"ts_us":${seenNs / 1_000n},"ts_ns":${seenNs}}`
  );
}

function compact({table, op, before, after}: RowEvent, place: BinlogPlace): string {
  const {serverUuid, transaction, sourceUs} = place;
  const row = JSON.stringify(after ?? before).slice(0, -1);
  return (
    `${row},"__deleted":"${op === 'd'}","__op":"${op}","__table":"${table}",` +
    `"__source_ts_ms":${Math.floor(sourceUs / 1_000)},"__source_gtid":"${serverUuid}:${transaction}"}`
  );
}
