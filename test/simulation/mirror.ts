/**
 * What a Redis must hold, worked out beside it: the naive fold of the log up to the positions that it stores, without the records
 * that it has set aside. Grows with the positions, and is made anew when Redis goes back.
 *
 * A value that a foreign hand put there is not compared, but must stay as it is: no script may touch it. In its place the value
 * from before is compared: with its key out of order, an order stands still.
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
  /** Orders whose keys a foreign hand has touched at some time: only their records may be set aside as spoiled. */
  readonly everSpoiled: ReadonlySet<string>;
}

export class Mirror {
  readonly #settings: MirrorSettings;
  readonly #server: SimServer;
  #model = new OrderModel();
  /** Next offset of each partition, as far as the model goes. */
  #next: bigint[];
  #quarantined = 0;

  constructor(settings: MirrorSettings, server: SimServer) {
    this.#settings = settings;
    this.#server = server;
    this.#next = settings.topic.partitions.map(() => 0n);
  }

  /** The next offset that Redis stands at. */
  position(partition: number): bigint {
    return this.#next[partition] ?? 0n;
  }

  /** Redis holds another dump: everything is worked out again. */
  rebuild(): void {
    this.#model = new OrderModel();
    this.#next = this.#next.map(() => 0n);
    this.#quarantined = 0;
    this.#follow();
  }

  /** Follows the positions, then compares every key. Throws a Violation. */
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
      if (!/projector:(?:position|quarantine|chunks)/.test(key))
        throw new Violation(`${key} should not be there`);
    }
  }

  /** How many chunks there were depends on how the log was cut; that all that began were finished does not. */
  #requireWholeChunks(): void {
    const chunks = this.#server.view(`${this.#settings.prefix}projector:chunks`);
    const isWhole = chunks?.type === 'hash' && chunks.fields.get('begun') === chunks.fields.get('finished');
    if (chunks !== undefined && !isWhole) throw new Violation(`of the chunks, ${shown(chunks)} are finished`);
  }

  #follow(): void {
    for (const partition of this.#settings.topic.partitions) this.#followPartition(partition);
    const quarantine = this.#server.view(`${this.#settings.prefix}projector:quarantine`);
    const held = quarantine?.type === 'hash' ? quarantine.fields.size : 0;
    if (held === this.#quarantined) return;
    throw new Violation(
      `the quarantine holds ${held} records, not the ${this.#quarantined} that lie behind the positions`,
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
      if (outcome.kind === 'bad') throw new Violation(`the bad record ${name} was not set aside`);
      if (outcome.kind === 'change') this.#model.add(outcome.change);
      return;
    }
    this.#quarantined++;
    const {kind, orderId, value} = JSON.parse(entry) as Record<'kind' | 'orderId' | 'value', string | null>;
    const isSpoiled =
      outcome.kind === 'change' &&
      kind === 'order-corrupt' &&
      outcome.change.orderId === orderId &&
      this.#settings.everSpoiled.has(orderId);
    if (!isSpoiled && !(outcome.kind === 'bad' && outcome.error === kind)) {
      throw new Violation(`record ${name} was set aside as ${kind}`);
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
