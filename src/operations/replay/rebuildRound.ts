/**
 * Rebuilds orders of one partition at its position, all in one script. This file is one round of a replay.
 *
 * 1. The round reads the position P0.
 * 2. It reads the base of the orders (source.ts).
 * 3. It folds the topic onto the base, up to the position P that Redis holds.
 * 4. It sends one script that expects P and writes P again, with the full state of the orders. The script removes their
 *    entries.
 *
 * I1, C1: the script is rejected like that of a worker if the position has moved. Then the round folds the topic up to the
 * new position and sends the script again (L7). The script never changes the position, so it never causes a rejection for a
 * worker.
 * I3: the state is exact at P, whatever lies between P0 and P, because changes carry full rows.
 * I14: a record that still cannot be decoded is never skipped. Either the base contains its effect, or its order is not
 * changed.
 */
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import {decideStart} from '../../worker/resume.js';
import type {Decoded} from '../../domain/change.js';
import {orderIdOf} from '../../decode/recordKey.js';
import type {LogRecord} from '../../clients/kafka/eventLog.js';
import {Backoff, type Clock} from '../../runtime/lifecycle.js';
import type {OrderPatch} from '../../domain/patch.js';
import {
  fingerprintOf,
  NO_POSITION,
  parsePosition,
  sameFingerprint,
  type Position,
} from '../../redis-model/position.js';
import {entryName} from '../../redis-model/quarantineEntry.js';
import type {StoredPositions} from '../../redis-model/storedPositions.js';
import type {QuarantineEntries} from './entries.js';
import type {LogCursor} from './topicCursor.js';
import {OrderFold} from './orderFold.js';
import {recordOf, CORRUPT_ORDER_ADVICE, corruptReason, type Target} from './plan.js';
import type {ReplaySource} from './source.js';

/** The part of the read model that a replay needs (apply/readModel.ts). */
export interface ReplayModel {
  readonly positions: StoredPositions;
  apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
}

export interface RebuildDeps {
  readonly topic: string;
  readonly model: ReplayModel;
  readonly entries: QuarantineEntries;
  readonly cursor: LogCursor;
  readonly source: ReplaySource;
  readonly decode: (record: Pick<LogRecord, 'key' | 'value'>) => Decoded;
  readonly partitionOf: (key: Buffer) => number;
  readonly clock: Clock;
}

/** The result for one order and its entries. */
export type RebuildResult =
  | {readonly kind: 'rebuilt'; readonly target: Target; readonly settled: readonly string[]}
  | {readonly kind: 'impossible'; readonly target: Target; readonly reason: string};

/** How many scripts of one round may be rejected (L7). */
const TRIES_MAX = 3_000;
/** How many scripts may be rejected in a row before the round pauses for a moment. */
const TRIES_AT_ONCE = 20;

export interface RoundOutcome {
  /** The results of this round. Orders without a result need another round, and `again` says why. */
  readonly results: readonly RebuildResult[];
  readonly again: string | undefined;
}

export class RebuildRound {
  readonly #deps: RebuildDeps;
  readonly #partition: number;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #folds = new Map<string, OrderFold>();
  readonly #results: RebuildResult[] = [];
  readonly #backoff = new Backoff(1, 20);
  /** Offset of the position P0, which was read before the base. */
  #begin = 0n;
  /** The first offset that is folded onto the base. */
  #foldFrom = 0n;
  #uncovered: bigint | undefined;

  constructor(deps: RebuildDeps, partition: number, targets: ReadonlyMap<string, Target>) {
    this.#deps = deps;
    this.#partition = partition;
    this.#targets = targets;
  }

  async run(): Promise<RoundOutcome> {
    const text = await this.#prepare();
    const again = this.#folds.size === 0 ? undefined : await this.#tryUntilApplied(text);
    return {results: this.#results, again};
  }

  get #where(): string {
    return `${this.#deps.topic}[${this.#partition}]`;
  }

  /**
   * Reads position, entries and base, in this order, because the base must not be older than the position. Resolves with the
   * text of the position.
   */
  async #prepare(): Promise<string> {
    const {model, entries, cursor, source} = this.#deps;
    const [text = NO_POSITION] = await model.positions.read([this.#partition]);
    const range = await cursor.range(this.#partition);
    const stored = {text, key: model.positions.key(this.#partition)};
    // Throws the permanent errors of a resume: the position is outside the partition, or its text is unreadable.
    const start = decideStart(stored, range, this.#where);
    if (text === NO_POSITION || range === undefined) {
      for (const target of this.#targets.values())
        this.#fail(target, `${this.#where}: Redis holds no position`);
      return text;
    }
    this.#begin = parsePosition(text)?.nextOffset ?? 0n;
    this.#foldFrom = source.foldFrom(this.#begin, range, this.#where);

    for (const one of await entries.all()) {
      const {entry} = one;
      if (entry?.topic !== this.#deps.topic || entry.partition !== this.#partition) continue;
      if (entry.orderId !== null) this.#targets.get(entry.orderId)?.entries.set(one.name, one);
    }
    await this.#collectProducts();
    const at = {partition: this.#partition, position: this.#begin};
    const base = await source.base([...this.#targets.keys()], at);
    for (const target of this.#targets.values()) {
      const found = base.get(target.orderId);
      const reason =
        corruptReason(target) ?? (found === undefined ? 'the source did not return this order' : found.fault);
      if (reason !== undefined) this.#fail(target, reason);
      else this.#folds.set(target.orderId, new OrderFold(target.orderId, found?.changes ?? []));
    }
    // Starts one record before the position if possible. This record is compared with the position (I10).
    const from = this.#foldFrom < start.fromOffset ? this.#foldFrom : start.fromOffset;
    cursor.seek(this.#partition, from);
    return text;
  }

  /**
   * Collects the products that the quarantined records name. A counter exists once a line item has named its product (I7). A
   * base from MySQL holds only the present rows, so a product of an earlier row is known only from these records.
   */
  async #collectProducts(): Promise<void> {
    const {source, cursor, decode} = this.#deps;
    if (!source.coversBadRecords) return;
    for (const {entries, products} of this.#targets.values()) {
      for (const {entry} of entries.values()) {
        const record = entry === undefined ? undefined : await recordOf(entry, cursor);
        const decoded = record === undefined ? undefined : decode(record);
        if (decoded?.kind !== 'change' || decoded.change.kind !== 'item-upserted') continue;
        products.add(decoded.change.item.productId);
      }
    }
  }

  /**
   * Sends scripts until one is applied. Resolves with undefined if every order has a result, else with why a new round is
   * needed.
   */
  async #tryUntilApplied(first: string): Promise<string | undefined> {
    const {model, cursor, clock} = this.#deps;
    let text = first;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const position = parsePosition(text);
      if (position === undefined) return 'the position no longer exists';
      if (position.nextOffset < this.#begin || position.nextOffset < cursor.next) {
        return 'the position moved to an earlier offset';
      }
      await cursor.readTo(position.nextOffset, (record) => this.#take(record));
      if (!this.#isSameLog(position)) return 'the position belongs to another topic';
      if (this.#uncovered !== undefined) {
        return `the record at offset ${this.#uncovered} was quarantined meanwhile`;
      }
      this.#failFaulty();
      if (this.#folds.size === 0) return undefined;

      const outcome = await model.apply(this.#partition, this.#request(text, position));
      if (outcome.kind === 'applied') {
        this.#succeed(position);
        return undefined;
      }
      if (outcome.kind === 'corrupt') {
        this.#failOrder(outcome.orderId, `${outcome.what}: ${CORRUPT_ORDER_ADVICE}`);
        if (this.#folds.size === 0) return undefined;
      } else {
        // The reply to a rejected script contains the position. So no further request is needed.
        text = outcome.stored;
        if (tries % TRIES_AT_ONCE === TRIES_AT_ONCE - 1) await clock.sleep(this.#backoff.nextMs());
      }
    }
    const reason = `the position changed before each of ${TRIES_MAX} attempts; try again, or stop the workers`;
    for (const orderId of this.#folds.keys()) this.#failOrder(orderId, reason);
    return undefined;
  }

  #take(record: LogRecord): void {
    const {topic, decode, source} = this.#deps;
    const orderId = orderIdOf(record.key);
    const fold = orderId === null ? undefined : this.#folds.get(orderId);
    if (fold === undefined || record.offset < this.#foldFrom) return;
    const decoded = decode(record);
    const name = entryName(topic, this.#partition, record.offset);
    if (decoded.kind !== 'rejected') {
      fold.add(name, decoded.kind === 'change' ? decoded.change : undefined);
    } else if (source.coversBadRecords) {
      // The base may be older than this record. The next round reads a newer base, which contains its effect.
      this.#uncovered ??= record.offset;
    } else {
      fold.fault ??= {offset: record.offset, reason: decoded.rejection.reason};
    }
  }

  /**
   * Compares the last read record with the fingerprint in the position. If the position or the cursor has no last record, as
   * at the start of the topic, nothing is compared.
   */
  #isSameLog({last}: Position): boolean {
    const read = this.#deps.cursor.last;
    return last === null || read === undefined || sameFingerprint(last, fingerprintOf(read));
  }

  #request(text: string, {nextOffset}: Position): ApplyRequest {
    const patches = new Map<string, OrderPatch>();
    const products = new Set<string>();
    const settled = new Set<string>();
    for (const fold of this.#folds.values()) {
      const target = this.#targets.get(fold.orderId);
      const reduction = fold.reduction();
      for (const [orderId, patch] of reduction.patches) patches.set(orderId, patch);
      for (const product of [...reduction.products, ...(target?.products ?? [])]) products.add(product);
      for (const name of this.#covered(fold, nextOffset)) settled.add(name);
    }
    const reduction = {patches, products, created: new Set<string>()};
    return {expected: text, next: text, reduction, settled: [...settled]};
  }

  /**
   * Names of the entries that this state settles. Names without an entry are included, because their removal does no harm.
   */
  #covered(fold: OrderFold, nextOffset: bigint): string[] {
    const known = [...(this.#targets.get(fold.orderId)?.entries.values() ?? [])];
    const before = known.filter(({entry}) => entry !== undefined && entry.offset < nextOffset);
    return [...new Set([...before.map(({name}) => name), ...fold.names])];
  }

  #succeed({nextOffset}: Position): void {
    for (const fold of this.#folds.values()) {
      const target = this.#targets.get(fold.orderId);
      if (target === undefined) continue;
      const covered = new Set(this.#covered(fold, nextOffset));
      const settled = [...target.entries.keys()].filter((name) => covered.has(name));
      this.#results.push({kind: 'rebuilt', target, settled});
    }
    this.#folds.clear();
  }

  #failFaulty(): void {
    for (const {orderId, fault} of this.#folds.values()) {
      if (fault === undefined) continue;
      const what = `the record at offset ${fault.offset} still cannot be decoded: ${fault.reason}`;
      this.#failOrder(orderId, `${what}. Set MYSQL_URL to rebuild the order from MySQL, or rebuild Redis`);
    }
  }

  #failOrder(orderId: string, reason: string): void {
    const target = this.#targets.get(orderId);
    this.#folds.delete(orderId);
    if (target !== undefined) this.#fail(target, reason);
  }

  #fail(target: Target, reason: string): void {
    this.#results.push({kind: 'impossible', target, reason});
  }
}
