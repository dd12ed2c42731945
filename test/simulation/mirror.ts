/**
 * The expected content of a Redis: the naive fold of the topic, without the quarantined records. It follows the offsets in Redis, and is
 * computed again when Redis is restored from a dump.
 *
 * In the layout `single` there is one fold, up to the positions. In `partitioned`, orders and line items of a partition are compared with
 * the fold up to its position, and counters and reports with the fold up to the merged offsets.
 *
 * A value that a foreign writer has put is not compared, but no script may change it. Instead the value that
 * the key held before is compared, because an order does not change while one of its keys is corrupt.
 */
import type {KeySpace} from '../../src/redis-model/keys.js';
import {parsePosition} from '../../src/redis-model/position.js';
import type {Content} from '../support/orderModel.js';
import {Fold} from './fold.js';
import type {StoredValue} from './keyspace.js';
import type {SimServer} from './server.js';
import type {Entry, SimTopic} from './topic.js';
import {Violation} from './violation.js';

export interface MirrorSettings {
  readonly topic: SimTopic;
  readonly keys: KeySpace;
  readonly isPartitioned: boolean;
  readonly layout: string;
  readonly extraColumns: readonly string[];
  /**
   * Orders whose keys a foreign writer has ever changed. Only their records may be quarantined as corrupt.
   */
  readonly everCorrupted: ReadonlySet<string>;
}

export class Mirror {
  readonly #settings: MirrorSettings;
  readonly #server: SimServer;
  /** By partition. In the layout `single` it is one fold for all of them. */
  #orders: Fold[] = [];
  /** Counters and reports. In the layout `single` it is the same fold. */
  #sums: Fold | undefined;
  #quarantined = 0;

  constructor(settings: MirrorSettings, server: SimServer) {
    this.#settings = settings;
    this.#server = server;
    this.#reset();
  }

  /** The position of a partition in Redis. */
  position(partition: number): bigint {
    return this.#orders[partition]?.next(partition) ?? 0n;
  }

  /** The offset up to which counters and reports contain a partition. */
  merged(partition: number): bigint {
    return (this.#sums ?? this.#orders[partition])?.next(partition) ?? 0n;
  }

  /** Computes everything again, because Redis was restored from a dump. */
  rebuild(): void {
    this.#reset();
    this.#follow();
  }

  #reset(): void {
    const {topic, keys, isPartitioned, extraColumns, layout} = this.#settings;
    const common = {extraColumns, layout};
    this.#quarantined = 0;
    if (isPartitioned) {
      this.#orders = topic.partitions.map(
        (partition) => new Fold({...common, prefix: keys.prefixOf(partition), shows: 'orders'}),
      );
      this.#sums = new Fold({...common, prefix: keys.sharedPrefix, shows: 'sums'});
    } else {
      const all = new Fold({...common, prefix: keys.sharedPrefix, shows: 'all'});
      this.#orders = topic.partitions.map(() => all);
      this.#sums = undefined;
    }
  }

  /** Follows the offsets, then compares every key. Throws a Violation if a key differs. */
  check(): void {
    this.#follow();
    const folds = new Set(this.#orders);
    if (this.#sums !== undefined) folds.add(this.#sums);
    const contents = [...folds].map((fold) => fold.content());
    for (const content of contents) this.#compare(content);
    for (const {prefix} of folds) this.#requireWholeChunks(prefix);
    for (const key of this.#server.foreign.keys()) this.#server.requireUntouched(key);
    for (const key of this.#server.redis.keys.keys()) {
      if (contents.some((content) => key in content) || this.#server.view(key) === undefined) continue;
      if (!/projector:(?:position|quarantine|chunks|outbox|merged)/.test(key))
        throw new Violation(`${key} must not exist`);
    }
  }

  #compare(content: Content): void {
    for (const [key, wanted] of Object.entries(content)) {
      const value = this.#server.view(key);
      if (isEqual(value, wanted)) continue;
      const offsets = this.#settings.topic.partitions.map(
        (partition) => `${this.position(partition)}/${this.merged(partition)}`,
      );
      throw new Violation(`${key} is ${shown(value)}, not ${JSON.stringify(wanted)} (${offsets.join()})`);
    }
  }

  /** Every chunk that began must be finished. The number of chunks depends on where the records were cut. */
  #requireWholeChunks(prefix: string): void {
    const chunks = this.#server.view(`${prefix}projector:chunks`);
    const isWhole = chunks?.type === 'hash' && chunks.fields.get('begun') === chunks.fields.get('finished');
    if (chunks !== undefined && !isWhole) throw new Violation(`a chunk is not finished: ${shown(chunks)}`);
  }

  #follow(): void {
    const {topic, keys} = this.#settings;
    for (const partition of topic.partitions) {
      this.#followPosition(partition);
      this.#followMerged(partition);
    }
    const quarantines = new Set(topic.partitions.map((partition) => keys.partition(partition).quarantine));
    let held = 0;
    for (const key of quarantines) {
      const quarantine = this.#server.view(key);
      if (quarantine?.type === 'hash') held += quarantine.fields.size;
    }
    if (held === this.#quarantined) return;
    throw new Violation(
      `the quarantine holds ${held} records, not the ${this.#quarantined} before the positions`,
    );
  }

  #followPosition(partition: number): void {
    const {topic, keys} = this.#settings;
    const value = this.#server.view(keys.partition(partition).position(topic.name, partition));
    const from = this.position(partition);
    const to = value?.type === 'string' ? parsePosition(value.text)?.nextOffset : 0n;
    if (to === undefined) throw new Violation(`the position of ${partition} is ${shown(value)}`);
    if (to < from) throw new Violation(`the position of ${partition} went back from ${from} to ${to} (G3)`);
    const fold = this.#orders[partition];
    for (const entry of topic.between(partition, from, to)) {
      this.#requireOutcome(partition, entry);
      if (this.#isApplied(partition, entry)) fold?.add(entry.event);
    }
    fold?.moveTo(partition, to);
  }

  #followMerged(partition: number): void {
    const fold = this.#sums;
    if (fold === undefined) return;
    const {topic, keys} = this.#settings;
    const value = this.#server.view(keys.shared.merged);
    const text = value?.type === 'hash' ? value.fields.get(String(partition)) : undefined;
    const [digits = '0'] = text?.split(' ') ?? [];
    const [from, to] = [fold.next(partition), BigInt(digits)];
    if (to < from)
      throw new Violation(`the merged offset of ${partition} went back from ${from} to ${to} (I18)`);
    for (const entry of topic.between(partition, from, to))
      if (this.#isApplied(partition, entry)) fold.add(entry.event);
    fold.moveTo(partition, to);
  }

  #isApplied(partition: number, {record, event}: Entry): boolean {
    return event.outcome.kind === 'change' && this.#quarantineEntry(partition, record.offset) === undefined;
  }

  #requireOutcome(partition: number, {record, event}: Entry): void {
    const {outcome} = event;
    const name = this.#nameOf(partition, record.offset);
    const entry = this.#quarantineEntry(partition, record.offset);
    if (entry === undefined) {
      if (outcome.kind === 'bad') throw new Violation(`the bad record ${name} was not quarantined`);
      return;
    }
    this.#quarantined++;
    const {kind, orderId, value} = JSON.parse(entry) as Record<'kind' | 'orderId' | 'value', string | null>;
    const isCorrupt =
      outcome.kind === 'change' &&
      kind === 'order-corrupt' &&
      outcome.change.orderId === orderId &&
      this.#settings.everCorrupted.has(orderId);
    if (!isCorrupt && !(outcome.kind === 'bad' && outcome.error === kind)) {
      throw new Violation(`record ${name} was quarantined as ${kind}`);
    }
    if (value !== (record.value?.toString('base64') ?? null)) {
      throw new Violation(`the entry of record ${name} holds another value`);
    }
  }

  #nameOf(partition: number, offset: bigint): string {
    return `${this.#settings.topic.name}:${partition}:${offset}`;
  }

  #quarantineEntry(partition: number, offset: bigint): string | undefined {
    const quarantine = this.#server.view(this.#settings.keys.partition(partition).quarantine);
    return quarantine?.type === 'hash' ? quarantine.fields.get(this.#nameOf(partition, offset)) : undefined;
  }
}

function isEqual(value: StoredValue | undefined, wanted: string | Record<string, string>): boolean {
  if (typeof wanted === 'string') return value?.type === 'string' && value.text === wanted;
  const members = Object.keys(wanted);
  if (value?.type === 'hash') {
    const {fields} = value;
    return fields.size === members.length && members.every((name) => fields.get(name) === wanted[name]);
  }
  if (value?.type === 'zset') {
    const {scores} = value;
    return (
      scores.size === members.length && members.every((name) => scores.get(name) === Number(wanted[name]))
    );
  }
  return false;
}

function shown(value: StoredValue | undefined): string {
  if (value === undefined) return 'missing';
  if (value.type === 'string') return JSON.stringify(value.text);
  if (value.type === 'hash') return JSON.stringify(Object.fromEntries(value.fields));
  if (value.type === 'zset') return JSON.stringify(Object.fromEntries(value.scores));
  return `a ${value.type}`;
}
