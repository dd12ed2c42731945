/**
 * The differences of one partition that wait to be merged into counters and reports. Only in the layout `partitioned`.
 *
 * I18: the entries of a feed follow each other without a gap, from the merged offset on.
 *
 * Pure: no clock, no I/O.
 */
import {parsePosition} from '../redis-model/position.js';
import {parseOutboxEntry, type OutboxEntry} from '../redis-model/outbox.js';
import {Signal} from '../runtime/lifecycle.js';
import type {Merge} from './mergeScript.js';

/** A partition that has more entries than this one waits before it builds the next chunk (L18). */
const WAITING_MAX = 64;

/**
 * How long merged entries stay in the outbox. A replica that was disconnected for longer than `cluster-node-timeout` times
 * `cluster-replica-validity-factor` (by default 150 s) does not become master. So a failover loses only writes that are younger.
 * Source: redis.conf, "cluster-replica-validity-factor".
 */
export const KEPT_MS = 300_000;

/** At most one merge per interval of this length is remembered, so that the list stays short. */
const REMEMBERED_MS = 1_000;

export class ReportFeed {
  readonly partition: number;
  readonly holder: string;
  #merged: bigint;
  /** The merged offset when this feed began. The orders may have gone back to a position before it. */
  readonly #boundary: bigint;
  #waiting: OutboxEntry[];
  /** The outbox may remove entries up to this offset: they were merged so long ago that the slot of the reports cannot lose them. */
  #safe = 0n;
  /** Merges of this feed after `#safe`, oldest first. Merges before this feed count as part of its first one: their time is unknown. */
  readonly #merges: {readonly offset: bigint; readonly atMs: number}[] = [];
  readonly #moved = new Signal();
  #isLost = false;
  #isEnded = false;

  /** `merged`: the offset that the reports have; `entries` continue there. */
  constructor(place: {partition: number; holder: string}, merged: bigint, entries: readonly OutboxEntry[]) {
    this.partition = place.partition;
    this.holder = place.holder;
    this.#merged = merged;
    this.#boundary = merged;
    this.#waiting = [...entries];
  }

  /** A chunk that begins before this offset must not go beyond it: the reports contain all changes before it, and none after it. */
  get boundary(): bigint {
    return this.#boundary;
  }

  /** The offset up to which the reports contain this partition. */
  get merged(): bigint {
    return this.#merged;
  }

  /** The text that Redis must hold as merged offset; undefined while entries wait. */
  get restingText(): string | undefined {
    return this.#waiting.length > 0 || this.#isLost ? undefined : `${this.#merged} ${this.holder}`;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The argument of apply.lua for the outbox, for a chunk between these position texts. */
  orderFor(expected: string, next: string): string {
    return `${offsetIn(expected)} ${offsetIn(next)} ${this.#safe} ${KEPT_MS}`;
  }

  /**
   * Adds the entry of an applied chunk. An entry that does not follow the last one is ignored: the reports contain it already, or a chunk was
   * rejected and the partition joins again.
   */
  add(text: string): void {
    const entry = parseOutboxEntry(text);
    if (entry === undefined || this.#isLost) return;
    if (entry.from !== (this.#waiting.at(-1)?.to ?? this.#merged)) return;
    this.#waiting.push(entry);
  }

  /** The oldest entries, at most `limit` of them; undefined if none waits. */
  take(limit: number): Merge | undefined {
    const entries = this.#waiting.slice(0, limit);
    const last = entries.at(-1);
    if (last === undefined || this.#isLost) return undefined;
    const {partition, holder} = this;
    return {partition, holder, from: this.#merged, to: last.to, entries};
  }

  /**
   * Remembers that the reports contain the partition up to this offset since `nowMs`. The merge shows that they had not lost earlier merges at
   * `sentMs`. It does not show that for the time since then: a worker can receive the reply long after the slot has lost writes.
   */
  mergedTo(offset: bigint, nowMs: number, sentMs = nowMs): void {
    this.#waiting = this.#waiting.filter(({to}) => to > offset);
    this.#merged = offset;
    for (let at = this.#merges[0]; at !== undefined && at.atMs + KEPT_MS <= sentMs; at = this.#merges[0]) {
      this.#safe = at.offset;
      this.#merges.shift();
    }
    if (nowMs >= (this.#merges.at(-1)?.atMs ?? -Infinity) + REMEMBERED_MS)
      this.#merges.push({offset, atMs: nowMs});
    this.#moved.wake();
  }

  /** Ends this feed: another worker merges the partition, or it is unknown what was merged. The partition must join again. */
  lose(): void {
    this.#isLost = true;
    this.#waiting = [];
    this.#moved.wake();
  }

  /** Ends all waiting for room, because the partition ends. Entries that wait are still merged. */
  end(): void {
    this.#isEnded = true;
    this.#moved.wake();
  }

  /** Resolves when there is room for another entry, or the feed is lost, or the partition ends. */
  async room(): Promise<void> {
    while (!this.#isEnded && this.#waiting.length >= WAITING_MAX) await this.#moved.wait();
  }
}

/** The next offset of a position text; 0 for ''. */
export function offsetIn(text: string): bigint {
  return parsePosition(text)?.nextOffset ?? 0n;
}
