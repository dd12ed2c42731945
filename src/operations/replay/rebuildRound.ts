/**
 * Rebuilds orders of one partition at its position, all in one script: one try, from reading the position P0 on.
 *
 *   read P0 -> read the base (source.ts) -> fold the log onto it up to the position P that Redis holds
 *   -> one script that expects P and leaves P: the full state of the orders, and their entries settled
 *
 * I1, C1: the script is fenced like that of a worker. While a worker moves the position the script is refused; then the log
 * is folded a little further and it is tried again (L7). The script never moves the position, so no worker notices.
 * I3: the state is exact at P whatever lies between P0 and P, since the log holds full rows.
 * I14: a record that still cannot be decoded is never passed over: either the base covers it, or its order stays as it is.
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
import {recordOf, SPOILED_ADVICE, spoiledReason, type Target} from './plan.js';
import type {ReplaySource} from './source.js';

/** The read model, as far as a replay needs it (apply/readModel.ts). */
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
  readonly clock: Clock;
}

/** What became of the entries of one order. */
export type RebuildResult =
  | {readonly kind: 'rebuilt'; readonly target: Target; readonly settled: readonly string[]}
  | {readonly kind: 'impossible'; readonly target: Target; readonly reason: string};

/** How often the script may be refused. */
const TRIES_MAX = 3_000;
/** Refused tries in a row before a short pause. */
const TRIES_AT_ONCE = 20;

export interface RoundOutcome {
  /** Orders without a result are to be tried again, for this reason. */
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
  /** The position that was read before the base. */
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

  /** Reads position, entries and base, in this order. Resolves with the position text. */
  async #prepare(): Promise<string> {
    const {model, entries, cursor, source} = this.#deps;
    const [text = NO_POSITION] = await model.positions.read([this.#partition]);
    const range = await cursor.range(this.#partition);
    const stored = {text, key: model.positions.key(this.#partition)};
    // Halts on what cannot pass, as a worker would: a position outside the log, or no readable one.
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
    const base = await source.base([...this.#targets.keys()]);
    for (const target of this.#targets.values()) {
      const found = base.get(target.orderId);
      const reason =
        spoiledReason(target) ?? (found === undefined ? 'the source gave no answer' : found.fault);
      if (reason !== undefined) this.#fail(target, reason);
      else this.#folds.set(target.orderId, new OrderFold(target.orderId, found?.changes ?? []));
    }
    // One record early where it can be: then the log is compared with the position (I10).
    const from = this.#foldFrom < start.fromOffset ? this.#foldFrom : start.fromOffset;
    cursor.seek(this.#partition, from);
    return text;
  }

  /** A base in MySQL does not tell which products its rows have named before: those of the settled records count (I7). */
  async #collectProducts(): Promise<void> {
    const {source, cursor, decode} = this.#deps;
    if (!source.coversBadRecords) return;
    for (const {entries, products} of this.#targets.values()) {
      for (const {entry} of entries.values()) {
        const record = entry === undefined ? undefined : await recordOf(entry, cursor);
        const decoded = record === undefined ? undefined : decode(record);
        if (decoded?.kind !== 'change' || decoded.change.kind !== 'line-upserted') continue;
        products.add(decoded.change.line.productId);
      }
    }
  }

  /** Resolves with undefined when every order has its result, else with why everything must be read anew. */
  async #tryUntilApplied(first: string): Promise<string | undefined> {
    const {model, cursor, clock} = this.#deps;
    let text = first;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const position = parsePosition(text);
      if (position === undefined) return 'the position is gone';
      if (position.nextOffset < this.#begin || position.nextOffset < cursor.next) {
        return 'the position went back';
      }
      await cursor.readTo(position.nextOffset, (record) => this.#take(record));
      if (!this.#isSameLog(position)) return 'the position belongs to another log';
      if (this.#uncovered !== undefined) {
        return `the record at offset ${this.#uncovered} was set aside meanwhile`;
      }
      this.#failFaulty();
      if (this.#folds.size === 0) return undefined;

      const outcome = await model.apply(this.#partition, this.#request(text, position));
      if (outcome.kind === 'applied') {
        this.#succeed(position);
        return undefined;
      }
      if (outcome.kind === 'spoiled') {
        this.#failOrder(outcome.orderId, `${outcome.what}: ${SPOILED_ADVICE}`);
        if (this.#folds.size === 0) return undefined;
      } else {
        // The refusal tells the position: no time is lost with asking for it.
        text = outcome.stored;
        if (tries % TRIES_AT_ONCE === TRIES_AT_ONCE - 1) await clock.sleep(this.#backoff.nextMs());
      }
    }
    const reason = `the position moved on ${TRIES_MAX} times before the script; try again, or stop the workers for it`;
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
      // It came after the base was read, perhaps. The next round reads a later base.
      this.#uncovered ??= record.offset;
    } else {
      fold.fault ??= {offset: record.offset, reason: decoded.rejection.reason};
    }
  }

  /** The record before the position is the one that it names; or none was read, at the start of the log. */
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

  /** Names of the entries that this state settles; of some of them there is no entry, which does no harm. */
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
      this.#failOrder(orderId, `${what}. Set MYSQL_URL to rebuild the order from there, or rebuild Redis`);
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
