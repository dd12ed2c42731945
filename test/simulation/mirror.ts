/**
 * The expected content of a Redis: the naive fold of the topic up to the stored positions, without the
 * quarantined records. It follows the positions, and is computed again when Redis is restored from a dump.
 *
 * A value that a foreign writer has put is not compared, but no script may change it. Instead the value that
 * the key held before is compared, because an order does not change while one of its keys is corrupt.
 */
import {parsePosition} from '../../src/redis-model/position.js';
import {OrderModel, type Content} from '../support/orderModel.js';
import type {StoredValue} from './keyspace.js';
import type {SimServer} from './server.js';
import type {Entry, SimTopic} from './topic.js';
import {Violation} from './violation.js';

export interface MirrorSettings {
  readonly topic: SimTopic;
  readonly prefix: string;
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
  #model = new OrderModel();
  /** The next offset of each partition that the model has not applied. */
  #next: bigint[];
  #quarantined = 0;

  constructor(settings: MirrorSettings, server: SimServer) {
    this.#settings = settings;
    this.#server = server;
    this.#next = settings.topic.partitions.map(() => 0n);
  }

  /** The position of a partition in Redis. */
  position(partition: number): bigint {
    return this.#next[partition] ?? 0n;
  }

  /** Computes everything again, because Redis was restored from a dump. */
  rebuild(): void {
    this.#model = new OrderModel();
    this.#next = this.#next.map(() => 0n);
    this.#quarantined = 0;
    this.#follow();
  }

  /** Follows the positions, then compares every key. Throws a Violation if a key differs. */
  check(): void {
    this.#follow();
    const {prefix, layout, extraColumns} = this.#settings;
    const isEmpty = this.#next.every((next) => next === 0n);
    const expected: Content = isEmpty ? {} : this.#model.content(prefix, extraColumns);
    if (!isEmpty) expected[`${prefix}projector:layout`] = layout;
    for (const [key, wanted] of Object.entries(expected)) {
      const value = this.#server.view(key);
      if (!isEqual(value, wanted)) {
        throw new Violation(
          `${key} is ${shown(value)}, not ${JSON.stringify(wanted)} (${this.#next.join()})`,
        );
      }
    }
    this.#requireWholeChunks();
    for (const key of this.#server.foreign.keys()) this.#server.requireUntouched(key);
    for (const key of this.#server.redis.keys.keys()) {
      if (key in expected || this.#server.view(key) === undefined) continue;
      if (!/projector:(?:position|quarantine|chunks)/.test(key)) throw new Violation(`${key} must not exist`);
    }
  }

  /** Every chunk that began must be finished. The number of chunks depends on where the records were cut. */
  #requireWholeChunks(): void {
    const chunks = this.#server.view(`${this.#settings.prefix}projector:chunks`);
    const isWhole = chunks?.type === 'hash' && chunks.fields.get('begun') === chunks.fields.get('finished');
    if (chunks !== undefined && !isWhole) throw new Violation(`a chunk is not finished: ${shown(chunks)}`);
  }

  #follow(): void {
    for (const partition of this.#settings.topic.partitions) this.#followPartition(partition);
    const quarantine = this.#server.view(`${this.#settings.prefix}projector:quarantine`);
    const held = quarantine?.type === 'hash' ? quarantine.fields.size : 0;
    if (held === this.#quarantined) return;
    throw new Violation(
      `the quarantine holds ${held} records, not the ${this.#quarantined} before the positions`,
    );
  }

  #followPartition(partition: number): void {
    const {topic, prefix} = this.#settings;
    const value = this.#server.view(`${prefix}projector:position:${topic.name}:${partition}`);
    const from = this.position(partition);
    const to = value?.type === 'string' ? parsePosition(value.text)?.nextOffset : 0n;
    if (to === undefined) throw new Violation(`the position of ${partition} is ${shown(value)}`);
    if (to === from) return;
    if (to < from) throw new Violation(`the position of ${partition} went back from ${from} to ${to} (G3)`);
    for (const entry of topic.entries(partition)) {
      if (entry.record.offset >= from && entry.record.offset < to) this.#add(partition, entry);
    }
    this.#next[partition] = to;
  }

  #add(partition: number, {record, event}: Entry): void {
    const {outcome} = event;
    const name = `${this.#settings.topic.name}:${partition}:${record.offset}`;
    const entry = this.#entry(name);
    if (entry === undefined) {
      if (outcome.kind === 'bad') throw new Violation(`the bad record ${name} was not quarantined`);
      if (outcome.kind === 'change') this.#model.add(outcome.change);
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

  #entry(name: string): string | undefined {
    const quarantine = this.#server.view(`${this.#settings.prefix}projector:quarantine`);
    return quarantine?.type === 'hash' ? quarantine.fields.get(name) : undefined;
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
