/** The plan of a replay: which orders it rebuilds for the chosen entries, and which entries it cannot replay. */
import type {Decoded} from '../../domain/change.js';
import type {LogRecord} from '../../clients/kafka/eventLog.js';
import type {QuarantineEntry} from '../../redis-model/quarantineEntry.js';
import type {StoredEntry} from './entries.js';
import type {LogCursor} from './topicCursor.js';

/** An order to rebuild. */
export interface Target {
  readonly orderId: string;
  readonly partition: number;
  /** The known quarantined records of this order, by name. */
  readonly entries: Map<string, StoredEntry>;
  /** Products that these records name. Their counters must exist, even at 0 (I7). */
  readonly products: Set<string>;
}

export interface Plan {
  readonly targets: readonly Target[];
  /** Entries that cannot be replayed, and why. */
  readonly refused: readonly {readonly stored: StoredEntry; readonly reason: string}[];
  /** Records that concern no order under the present settings. Nothing must be rebuilt, so their entries are only removed. */
  readonly orderless: readonly StoredEntry[];
}

export interface PlanDeps {
  readonly topic: string;
  readonly cursor: LogCursor;
  readonly decode: (record: EncodedEntry) => Decoded;
  readonly partitionOf: (key: Buffer) => number;
}

type EncodedEntry = Pick<LogRecord, 'key' | 'value'>;

export const CORRUPT_ORDER_ADVICE =
  'the share of this order in the counters can no longer be computed; stop the program that writes to its keys, then run `projector rebuild`';

/** Makes the plan. Several entries of one order become one target. */
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

/** Returns why a corrupt order cannot be rebuilt. Returns undefined if no entry says that the order is corrupt. */
export function corruptReason(target: Target): string | undefined {
  const corrupt = [...target.entries.values()].find(({entry}) => entry?.kind === 'order-corrupt');
  // This holds even if the keys look correct again. The counters contain the former value, which may have been deleted or
  // changed.
  return corrupt?.entry === undefined ? undefined : `${corrupt.entry.reason}: ${CORRUPT_ORDER_ADVICE}`;
}

/**
 * Returns the whole record, from its entry or, if the entry keeps only a part, from the topic. Returns undefined if the topic
 * does not hold the record any more.
 */
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
  if (entry === undefined) {
    return {kind: 'refused', reason: 'the stored text is not a quarantine entry of this program'};
  }
  const {topic, partition, orderId} = entry;
  if (topic !== deps.topic) {
    return {kind: 'refused', reason: `the record is from another topic: KAFKA_TOPIC is ${deps.topic}`};
  }
  if (orderId !== null) return {kind: 'order', orderId, partition};
  const record = await recordOf(entry, deps.cursor);
  if (record === undefined) return {kind: 'refused', reason: 'the topic no longer contains the record'};
  const decoded = deps.decode(record);
  if (decoded.kind === 'change') {
    const expected = record.key === null ? partition : deps.partitionOf(record.key);
    if (expected === partition) return {kind: 'order', orderId: decoded.change.orderId, partition};
    const reason = `the record is in partition ${partition}, but its key belongs into partition ${expected}: correct the partitioner of its producer, then take a new snapshot into a new topic`;
    return {kind: 'refused', reason};
  }
  if (decoded.kind !== 'rejected') return {kind: 'orderless'};
  const {reason} = decoded.rejection;
  return {
    kind: 'refused',
    reason: `its order is not known, because the record still cannot be decoded: ${reason}`,
  };
}
