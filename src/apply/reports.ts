/**
 * Merges the outboxes of partitions into counters and reports. Only in the layout `partitioned` (docs/cluster.md).
 *
 * I18: the merged offset of a partition moves only with the sums, and only for the worker that has taken over the partition. After an
 * error it is unknown whether Redis executed a merge (I4). So nothing is sent again: the partition resumes, and joins again.
 */
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../runtime/errors.js';
import type {Failpoint} from '../runtime/failpoints.js';
import {onAbort, Signal, type Clock} from '../runtime/lifecycle.js';
import {parseOutboxEntry, type OutboxEntry} from '../redis-model/outbox.js';
import type {KeySpace} from '../redis-model/keys.js';
import {offsetIn, ReportFeed} from './reportFeed.js';
import {
  MERGE_RIGHTS_SCRIPT,
  MERGE_SCRIPT,
  mergeArguments,
  parseMergeReply,
  parseTakeReply,
  TAKE_SCRIPT,
  type Merge,
} from './mergeScript.js';
import type {Script} from '../clients/redis/client.js';

/** The part of the Redis client that merging needs (clients/redis/client.ts). */
export interface MergeHost {
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
  hashFieldsOf(key: string, names: readonly string[]): Promise<(string | null)[]>;
  listRange(key: string, from: number, to: number): Promise<string[]>;
}

export interface ReportSettings {
  readonly keys: KeySpace;
  readonly layout: string;
  /** Identifies this process. It contains no blanks. */
  readonly processId: string;
}

export interface MergeEvents {
  /** The partition must resume: another worker merges it, or the result of a merge is unknown. If the failure lasts, the resume fails too. */
  readonly lost: (partition: number, reason: string) => void;
  /** Called after each merge, with the time since the oldest of its entries was applied. */
  readonly merged: (delayMs: number) => void;
  readonly failpoint: Failpoint;
}

/** Entries of one partition in one merge (L18). Together they take Redis about as long as a chunk. */
const ENTRIES_MAX = 16;
/** Pause between two merges. Entries gather in this time, because one merge of several entries costs much less than several merges. */
const PAUSE_MS = 20;
/** Entries of an outbox in one reply. */
const PAGE = 100;

export class Reports {
  readonly #redis: MergeHost;
  readonly #settings: ReportSettings;
  readonly #feeds = new Map<number, ReportFeed>();
  readonly #arrived = new Signal();
  readonly #merging = new Signal();
  /** The holder that joined last, by partition. */
  readonly #holders = new Map<number, string>();
  #joins = 0;
  #isMerging = false;

  constructor(redis: MergeHost, settings: ReportSettings) {
    this.#redis = redis;
    this.#settings = settings;
  }

  /** Rejects with `redis-denied` if this user lacks a right that the merge script needs (I5). */
  async requireRights(): Promise<void> {
    const {sharedPrefix, shared} = this.#settings.keys;
    await this.#redis.run(MERGE_RIGHTS_SCRIPT, shared.merged, [sharedPrefix]);
  }

  /**
   * Takes over the merging of a partition whose orders are at `position`, and reads the entries that are not merged from its outbox. Rejects
   * with `reports-lost` if the outbox no longer contains all of them.
   */
  async join(partition: number, position: string): Promise<ReportFeed> {
    this.#feeds.get(partition)?.lose();
    this.#feeds.delete(partition);
    const {keys, layout, processId} = this.#settings;
    const holder = `${processId}.${++this.#joins}`;
    this.#holders.set(partition, holder);
    const args = [String(partition), holder, keys.sharedPrefix, layout];
    const merged = parseTakeReply(await this.#redis.run(TAKE_SCRIPT, keys.shared.merged, args), layout);
    const next = offsetIn(position);
    const entries = merged < next ? await this.#entries(partition, merged, next) : [];
    const feed = new ReportFeed({partition, holder}, merged, entries);
    // If the partition has joined once more since then, only that feed counts.
    if (this.#holders.get(partition) === holder) this.#feeds.set(partition, feed);
    else feed.lose();
    if (entries.length > 0) this.#arrived.wake();
    return feed;
  }

  /** Adds the entry of an applied chunk. */
  add(feed: ReportFeed, entry: string): void {
    if (this.#feeds.get(feed.partition) !== feed) return;
    feed.add(entry);
    this.#arrived.wake();
  }

  /**
   * Ends the merging of partitions whose merged offset in Redis is not the one that this worker has written: the slot of the reports has
   * lost writes, or another worker has taken over the partition. Resolves with these partitions. They must join again.
   */
  async loseChanged(): Promise<number[]> {
    const resting = [...this.#feeds.values()].map((feed) => ({feed, text: feed.restingText}));
    const names = resting.map(({feed}) => String(feed.partition));
    const texts = await this.#redis.hashFieldsOf(this.#settings.keys.shared.merged, names);
    const changed = resting.filter(
      ({feed, text}, index) => text !== undefined && feed.restingText === text && texts[index] !== text,
    );
    for (const {feed} of changed) this.#end(feed);
    return changed.map(({feed}) => feed.partition);
  }

  /** How many records of a partition are in the orders and not in the reports. Undefined if this worker does not merge the partition. */
  behind(partition: number, appliedNext: bigint): bigint | undefined {
    const feed = this.#feeds.get(partition);
    if (feed === undefined) return undefined;
    return appliedNext > feed.merged ? appliedNext - feed.merged : 0n;
  }

  /** Merges until the signal aborts. Rejects with a halting error. */
  async run(events: MergeEvents, {clock, signal}: {clock: Clock; signal: AbortSignal}): Promise<void> {
    onAbort(signal, () => this.#arrived.wake());
    while (!signal.aborted) {
      const merges = this.#waiting();
      if (merges.length === 0) await this.#arrived.wait();
      else {
        await this.#merge(merges, events, clock);
        await clock.sleep(PAUSE_MS, signal);
      }
    }
  }

  /** Merges the entries that wait, before the worker stops. Entries that cannot be merged stay in the outboxes. */
  async drain(events: MergeEvents, clock: Clock): Promise<void> {
    while (this.#isMerging) await this.#merging.wait();
    for (let merges = this.#waiting(); merges.length > 0; merges = this.#waiting())
      await this.#merge(merges, events, clock);
  }

  #waiting(): Merge[] {
    return [...this.#feeds.values()].flatMap((feed) => feed.take(ENTRIES_MAX) ?? []);
  }

  async #merge(merges: readonly Merge[], events: MergeEvents, clock: Clock): Promise<void> {
    const {keys, layout} = this.#settings;
    const args = mergeArguments(merges, {sharedPrefix: keys.sharedPrefix, layout});
    this.#isMerging = true;
    const sentMs = clock.nowMs();
    try {
      const reply = this.#redis.run(MERGE_SCRIPT, keys.shared.merged, args);
      events.failpoint('merge-in-flight');
      const rejected = parseMergeReply(await reply, layout);
      events.failpoint('after-merge');
      if (rejected === undefined) this.#merged(merges, events, {sentMs, nowMs: clock.nowMs()});
      else
        this.#lose(rejected, 'Redis rejected a merge: another worker has taken the partition over', events);
    } catch (error) {
      const failure = asProjectorError(error);
      if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
      for (const {partition} of merges) this.#lose(partition, failure.detail, events);
    } finally {
      this.#isMerging = false;
      this.#merging.wake();
    }
  }

  #merged(
    merges: readonly Merge[],
    events: MergeEvents,
    {sentMs, nowMs}: {sentMs: number; nowMs: number},
  ): void {
    const oldestMs = Math.min(...merges.map(({entries}) => entries[0]?.atMs ?? Infinity));
    events.merged(Math.max(0, nowMs - oldestMs));
    for (const {partition, holder, to} of merges) {
      const feed = this.#feeds.get(partition);
      if (feed?.holder === holder) feed.mergedTo(to, nowMs, sentMs);
    }
  }

  #lose(partition: number, reason: string, {lost}: MergeEvents): void {
    const feed = this.#feeds.get(partition);
    if (feed === undefined) return;
    this.#end(feed);
    lost(partition, reason);
  }

  #end(feed: ReportFeed): void {
    feed.lose();
    this.#feeds.delete(feed.partition);
  }

  /** The entries from `merged` to `next`, read from the newest one backwards. */
  async #entries(partition: number, merged: bigint, next: bigint): Promise<OutboxEntry[]> {
    const key = this.#settings.keys.partition(partition).outbox;
    const found = new Map<bigint, OutboxEntry>();
    for (let last = -1; ; last -= PAGE) {
      const texts = await this.#redis.listRange(key, last - PAGE + 1, last);
      for (const text of texts) {
        const entry = parseOutboxEntry(text);
        if (entry !== undefined) found.set(entry.from, entry);
      }
      const oldest = parseOutboxEntry(texts[0] ?? '');
      if (oldest === undefined || oldest.from <= merged) break;
    }
    const entries: OutboxEntry[] = [];
    let at = merged;
    for (let entry = found.get(at); entry !== undefined && at < next; entry = found.get(at)) {
      entries.push(entry);
      at = entry.to;
    }
    if (at === next) return entries;
    throw new ProjectorError(
      'reports-lost',
      `counters and reports contain partition ${partition} up to offset ${merged}, its orders are at ${next}, and ${key} no longer has what is between`,
    );
  }
}
