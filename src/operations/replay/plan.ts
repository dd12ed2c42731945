/** Which orders are rebuilt for the entries that shall be replayed, and which entries cannot be. */
import type {Decoded} from '../../domain/change.js';
import type {LogRecord} from '../../clients/kafka/eventLog.js';
import type {QuarantineEntry} from '../../redis-model/quarantineEntry.js';
import type {StoredEntry} from './entries.js';
import type {LogCursor} from './topicCursor.js';

/** An order to rebuild. */
export interface Target {
  readonly orderId: string;
  readonly partition: number;
  /** By name: what was set aside of this order, as far as it is known. */
  readonly entries: Map<string, StoredEntry>;
  /** Products that these records name. */
  readonly products: Set<string>;
}

export interface Plan {
  readonly targets: readonly Target[];
  /** What cannot be replayed. */
  readonly refused: readonly {readonly stored: StoredEntry; readonly reason: string}[];
  /** Records that are about no order with the present settings: there is nothing to rebuild. */
  readonly orderless: readonly StoredEntry[];
}

export interface PlanDeps {
  readonly topic: string;
  readonly cursor: LogCursor;
  readonly decode: (record: EncodedEntry) => Decoded;
}

type EncodedEntry = Pick<LogRecord, 'key' | 'value'>;

export const SPOILED_ADVICE =
  'what this order has added to the counters can no longer be worked out; stop what writes there, then rebuild Redis';

/** Several entries of one order are one target. */
export async function makePlan(chosen: readonly StoredEntry[], deps: PlanDeps): Promise<Plan> {
  const targets = new Map<string, Target>();
  const refused: {stored: StoredEntry; reason: string}[] = [];
  const orderless: StoredEntry[] = [];
  for (const stored of chosen) {
    const found = await orderOf(stored.entry, deps);
    if (found.kind === 'refused') refused.push({stored, reason: found.reason});
    else if (found.kind === 'orderless') orderless.push(stored);
    else {
      const {partition, orderId} = found;
      const place = `${partition}:${orderId}`;
      const target = targets.get(place) ?? {partition, orderId, entries: new Map(), products: new Set()};
      target.entries.set(stored.name, stored);
      targets.set(place, target);
    }
  }
  return {targets: [...targets.values()], refused, orderless};
}

/** Why this order cannot be rebuilt, when something else wrote to its keys; else undefined. */
export function spoiledReason(target: Target): string | undefined {
  const spoiled = [...target.entries.values()].find(({entry}) => entry?.kind === 'order-spoiled');
  // Also when the keys look well again: the value that was counted may have been deleted or changed.
  return spoiled?.entry === undefined ? undefined : `${spoiled.entry.reason}: ${SPOILED_ADVICE}`;
}

/** The whole record: as it was kept, else from the log; undefined when the log no longer holds it. */
export async function recordOf(entry: QuarantineEntry, cursor: LogCursor): Promise<EncodedEntry | undefined> {
  const {partition, offset, key, value, valueBytes} = entry;
  if ((value?.length ?? 0) === valueBytes) return {key, value};
  const range = await cursor.range(partition);
  if (range === undefined || offset < range.low || offset >= range.high) return undefined;
  let found: LogRecord | undefined;
  cursor.seek(partition, offset);
  await cursor.readTo(offset + 1n, (record) => (found = record));
  return found;
}

type OrderOf =
  | {readonly kind: 'order'; readonly orderId: string; readonly partition: number}
  | {readonly kind: 'orderless'}
  | {readonly kind: 'refused'; readonly reason: string};

async function orderOf(entry: QuarantineEntry | undefined, deps: PlanDeps): Promise<OrderOf> {
  if (entry === undefined) return {kind: 'refused', reason: 'this is no entry of this program'};
  const {topic, partition, orderId} = entry;
  if (topic !== deps.topic) return {kind: 'refused', reason: `KAFKA_TOPIC is ${deps.topic}`};
  if (orderId !== null) return {kind: 'order', orderId, partition};
  const record = await recordOf(entry, deps.cursor);
  if (record === undefined) return {kind: 'refused', reason: 'the log no longer holds the record'};
  const decoded = deps.decode(record);
  if (decoded.kind === 'change') return {kind: 'order', orderId: decoded.change.orderId, partition};
  if (decoded.kind !== 'rejected') return {kind: 'orderless'};
  const {reason} = decoded.rejection;
  return {kind: 'refused', reason: `it is not known which order it is about, and still: ${reason}`};
}
