/**
 * One assigned partition: its records pass through decode, reduce and apply, from the stored position on.
 *
 *   resume --> stream --> resume ...      until the assignment ends or the worker stops
 *
 * `resume` reads the stored position and the range of the topic, and decides where to start. `stream` applies chunks
 * until something unexpected happens: a rejected write, an error, a lost reply, a corrupt order, an unexpected offset, or a position
 * that another process has moved. The reaction is always the same: the partition waits until the scripts in flight have settled,
 * and resumes (I4).
 */
import {ApplyChain} from '../apply/chain.js';
import type {ReportFeed} from '../apply/reportFeed.js';
import type {ApplyOutcome, ApplyRequest} from '../apply/script.js';
import {ChunkBuilder, type FinishedChunk} from './chunkBuilder.js';
import {takeRecords} from './chunkRecords.js';
import {FoldWindow} from './foldWindow.js';
import {PartitionBuffer} from './partitionBuffer.js';
import {decideStart, requireAvailable, requireSamePartitions} from './resume.js';
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../runtime/errors.js';
import type {LogBatch, Unavailable, UnreadableOffset} from '../clients/kafka/eventLog.js';
import {Backoff} from '../runtime/lifecycle.js';
import {formatPosition, NO_POSITION, parsePosition} from '../redis-model/position.js';
import type {PartitionDeps, PartitionSettings} from './partitionDeps.js';
import {QuarantineLimit} from './quarantineLimit.js';
import {CorruptOrders} from './corruptOrders.js';
import {OutcomeCounter, noOutcomes, recordsOf} from './outcomes.js';

export class Partition {
  readonly number: number;
  readonly #settings: PartitionSettings;
  readonly #deps: PartitionDeps;
  readonly #buffer: PartitionBuffer;
  #chain: ApplyChain | undefined;
  #resetReason: string | undefined;
  /** The error with which the partition ends. */
  #failure: ProjectorError | undefined;
  readonly #end = new AbortController();
  #appliedNext: bigint | undefined;
  readonly #window: FoldWindow;
  /** Where the differences of counters and reports go, in the layout `partitioned`. */
  #feed: ReportFeed | undefined;
  /** The last script failed, or was rejected before its stream had applied a chunk. No chunk was applied since. */
  #isWithoutProgress = false;
  readonly #outcomes: OutcomeCounter;
  readonly #limit: QuarantineLimit;
  readonly #corruptOrders = new CorruptOrders();
  readonly #backoff = new Backoff(50, 1_000);
  /** True while the partition waits for Redis and Kafka to find out where it resumes. */
  #isResuming = true;
  /** Time of the last progress. */
  #movedMs = 0;

  constructor(number: number, settings: PartitionSettings, deps: PartitionDeps) {
    this.number = number;
    this.#settings = settings;
    this.#deps = deps;
    this.#buffer = new PartitionBuffer(this.#where, deps.clock, settings.queueBytesMax);
    this.#window = new FoldWindow(this.#buffer, settings);
    this.#outcomes = new OutcomeCounter(deps.counts);
    this.#limit = new QuarantineLimit(settings);
  }

  /** The next offset after the last record that this worker knows to be applied; undefined before the first resume. */
  get appliedNext(): bigint | undefined {
    return this.#appliedNext;
  }

  /** The position text that Redis must hold; undefined while scripts are in flight or the position is unknown. */
  get restingPosition(): string | undefined {
    if (this.#chain === undefined || !this.#chain.isIdle || this.#chain.broken !== undefined)
      return undefined;
    return this.#chain.tail;
  }

  /** How long the partition has had records to apply without progress; 0 while it waits for something else. */
  stuckMs(nowMs: number): number {
    return this.#isResuming || !this.#hasWork() ? 0 : Math.max(0, nowMs - this.#movedMs);
  }

  /** The offset from which the partition waits for records. Undefined while it has some, or does not know its position. */
  get awaitedOffset(): bigint | undefined {
    return this.#isResuming || this.#hasWork() ? undefined : this.#buffer.awaitedOffset;
  }

  /** Throws `counts-differ` if a record was skipped, or counted twice (I6). */
  audit(): void {
    this.#outcomes.requireBalance(this.#where, {settled: false});
  }

  /** Runs until `end`. Rejects with a halting ProjectorError. */
  async run(): Promise<void> {
    try {
      while (!this.#hasEnded()) {
        const stored = await this.#resume();
        if (stored === undefined) break;
        await this.#stream(stored);
        // The backoff (L3) keeps this loop from spinning. Redis may accept reads but no writes (a replica, out of memory), or another
        // worker may still write to this partition.
        if (this.#isWithoutProgress) await this.#deps.clock.sleep(this.#backoff.nextMs(), this.#end.signal);
      }
    } finally {
      // The result of chunks without a reply stays unknown here, so they are handed back. The next owner of the partition reads the
      // position.
      this.#settleChain(NO_POSITION);
      this.#buffer.clear();
    }
  }

  /** Adds a fetched batch. Resolves when there is room for more. */
  async deliver(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    if (!this.#buffer.isOpen) return;
    const doubt = this.#buffer.whyUnexpected(batch);
    if (doubt !== undefined) {
      this.resetToPosition(doubt);
      return;
    }
    this.#deps.failpoint('after-fetch');
    if (!this.#hasWork()) this.#moved();
    await this.#buffer.take(batch, keepAlive);
  }

  /** The topic cannot be read at this offset. If that is final, the partition ends with `topic-unreadable`. */
  unreadable({offset, reason, isFinal}: UnreadableOffset): void {
    const failure = new ProjectorError('topic-unreadable', `${this.#where} offset ${offset}: ${reason}`);
    if (!isFinal) this.#deps.dependency(failure);
    else {
      this.#failure ??= failure;
      this.#buffer.close();
    }
  }

  /** The range of the partition cannot be read. So it waits in its resume until that is possible. */
  unavailable({reason}: Unavailable): void {
    if (!this.#isResuming) this.resetToPosition(reason);
  }

  /** Resets to the stored position: drops every record that is not in flight, and resumes. */
  resetToPosition(reason: string): void {
    this.#resetReason ??= reason;
    this.#buffer.close();
  }

  /** The partition no longer merges its reports. The pause before it resumes gives way to another worker that has taken them over. */
  lostReports(reason: string): void {
    this.#isWithoutProgress = true;
    this.resetToPosition(reason);
  }

  /** Ends the partition: it finishes the scripts in flight and sends nothing more. Then `run` resolves. */
  end(): void {
    this.#end.abort();
    this.#chain?.close();
    // A stop merges what waits only after the partitions have ended (I12).
    this.#feed?.end();
    this.#buffer.close();
  }

  #hasEnded(): boolean {
    return this.#end.signal.aborted;
  }

  get #where(): string {
    return `${this.#settings.topic}[${this.number}]`;
  }

  /** Resolves with the stored position text after it has requested the records from there; undefined if the partition ended. */
  async #resume(): Promise<string | undefined> {
    const {log, clock, dependency} = this.#deps;
    this.#isResuming = true;
    this.#resetReason = undefined;
    this.#buffer.clear();
    if (!this.#hasEnded()) log.hold(this.number);
    while (!this.#hasEnded()) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        const resumed = await this.#tryResume();
        if (resumed !== undefined && !this.#isWithoutProgress) this.#reportWorking();
        return resumed;
      } catch (error) {
        const failure = asProjectorError(error);
        if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
        dependency(failure);
        await clock.sleep(this.#backoff.nextMs(), this.#end.signal);
      }
    }
    return undefined;
  }

  async #tryResume(): Promise<string | undefined> {
    const {log, model} = this.#deps;
    const {topic, partitions} = this.#settings;
    const text = await model.positionToResume(this.number);
    this.#settleChain(text);
    this.#outcomes.requireBalance(this.#where, {settled: true});
    this.#limit.reset(await model.quarantinedOffsets(this.number));
    const ranges = await log.ranges();
    if (this.#hasEnded()) return undefined;
    requireSamePartitions(partitions, ranges.size, topic);
    const feed = await model.joinReports(this.number, text);
    if (feed === 'moved') return await this.#tryResume();
    this.#feed = feed;
    if (this.#hasEnded()) return undefined;
    const stored = {text, key: model.positions.key(this.number)};
    const range = requireAvailable(ranges.get(this.number), text, this.#where);
    const start = decideStart(stored, range, this.#where);
    const next = parsePosition(text)?.nextOffset ?? 0n;
    // Redis went back, or another worker has written. So corrupt orders may be correct again. If not, a script finds them again.
    if (next !== this.#appliedNext) this.#corruptOrders.clear();
    this.#appliedNext = next;
    this.#window.begin(range?.high ?? 0n);
    // Another worker has applied every record. So no chunk is left whose success would show that writes are possible again.
    if (this.#appliedNext === range?.high) this.#isWithoutProgress = false;
    this.#buffer.open(start);
    log.readFrom(this.number, start.fromOffset);
    return text;
  }

  /** Settles the chunks of the last chain that have no reply: the position in Redis shows which of them were applied (I4). */
  #settleChain(stored: string): void {
    this.#chain?.reconcile(stored);
    this.#chain = undefined;
  }

  async #stream(stored: string): Promise<void> {
    const {model, failpoint} = this.#deps;
    const feed = this.#feed;
    const apply = (request: ApplyRequest): Promise<ApplyOutcome> => {
      failpoint('before-apply');
      const answer = model.apply(this.number, request, feed);
      failpoint('script-in-flight');
      return answer;
    };
    const chain = new ApplyChain({apply}, stored, () => this.#onBroken(chain));
    this.#chain = chain;
    this.#isResuming = false;
    this.#moved();
    const appliedBefore = this.#appliedNext;
    try {
      while (this.#mayApply(chain)) {
        if (this.#buffer.isEmpty) await this.#buffer.arrival();
        else {
          await this.#window.filled(this.#deps.clock);
          await this.#applyNext(chain);
        }
      }
    } finally {
      await chain.settle();
    }
    if (this.#failure !== undefined && !this.#hasEnded()) throw this.#failure;
    this.#afterBreak(chain, this.#appliedNext !== appliedBefore);
  }

  /** False if the partition ends, or must resume before it applies more. */
  #mayApply({broken}: ApplyChain): boolean {
    if (this.#hasEnded() || this.#failure !== undefined) return false;
    return this.#resetReason === undefined && broken === undefined;
  }

  #hasWork(): boolean {
    return !this.#buffer.isEmpty || this.#chain?.isIdle === false;
  }

  #moved(): void {
    this.#movedMs = this.#deps.clock.nowMs();
  }

  /**
   * Reports a failure of Redis as soon as it is known. A later report could be wrong:
   * 1. A script fails, because Redis is not available.
   * 2. The partition waits for its scripts in flight, and for the slots of other partitions.
   * 3. Meanwhile Redis recovers, and another partition reports that.
   * 4. A report only now would announce a new trouble, although Redis is available.
   */
  #onBroken({broken}: ApplyChain): void {
    if (broken?.kind === 'failed') {
      const failure = asProjectorError(broken.error);
      if (ERROR_POLICY[failure.kind].next !== 'halt') this.#deps.dependency(failure);
    }
    this.#buffer.wake();
  }

  /** Throws permanent errors, which halt the worker. For other causes it reports why the partition resumes. */
  #afterBreak(chain: ApplyChain, hasApplied: boolean): void {
    const broken = chain.broken;
    if (broken?.kind === 'failed') {
      const failure = asProjectorError(broken.error);
      if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
      this.#isWithoutProgress = true;
    } else if (broken?.kind === 'rejected') this.#isWithoutProgress = !hasApplied;
    else if (broken?.kind === 'corrupt') {
      const before = parsePosition(broken.chunkEnd)?.nextOffset ?? 0n;
      this.#corruptOrders.add(broken.orderId, broken.what, before);
    }
    if (this.#hasEnded()) return;
    this.#outcomes.countReset({isRefused: broken?.kind === 'rejected'});
    if (broken?.kind === 'failed') return;
    const found =
      broken?.kind === 'corrupt'
        ? broken.what
        : 'Redis rejected a write: the stored position is not the expected one';
    // A rejected write has priority over an unexpected offset of the same moment, because it shows that another process writes.
    const reason = broken === undefined ? (this.#resetReason ?? found) : found;
    this.#deps.onReset(this.number, reason);
  }

  /** Takes a slot before it builds a chunk, so that the worker holds no more chunks than Redis can work on (L1). */
  async #applyNext(chain: ApplyChain): Promise<void> {
    // A window is applied in parts, and the next chunk expects the position that the last part writes.
    if (this.#window.isUsed) await chain.settle();
    else await chain.room();
    await this.#feed?.room();
    const release = await this.#deps.model.slots.take();
    // The state may have changed during both waits, so the conditions of the calling loop are checked again.
    try {
      if (!this.#mayApply(chain) || this.#buffer.isEmpty) release();
      else await this.#applyChunk(chain, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Decodes and reduces records of the buffer until the chunk is large enough, and sends it. */
  async #applyChunk(chain: ApplyChain, release: () => void): Promise<void> {
    const {topic} = this.#settings;
    const {decode, partitionOf, failpoint} = this.#deps;
    const corrupt = (orderId: string, offset: bigint): string | undefined =>
      this.#corruptOrders.reasonAt(orderId, offset);
    const builder = new ChunkBuilder(
      {topic, partition: this.number},
      {decode, partitionOf, limit: this.#limit, corrupt},
    );
    if (this.#buffer.takeLastApplied()) {
      this.#outcomes.take();
      this.#outcomes.enter({...noOutcomes(), duplicate: 1});
    }
    const limits = {...this.#window.limits, boundary: this.#feed?.boundary};
    const halt = takeRecords({buffer: this.#buffer, builder, outcomes: this.#outcomes}, limits);
    failpoint('after-decode');
    this.#buffer.resumeDelivery();
    const chunk = builder.finish();
    if (chunk === undefined) release();
    else await this.#sendChunk(chain, chunk, release);
    if (halt === undefined) return;
    // The records before the bad one are applied first. So the position points at the bad record when the worker halts.
    await chain.settle();
    if (chain.broken !== undefined || this.#hasEnded()) return;
    throw asProjectorError(halt);
  }

  async #sendChunk(chain: ApplyChain, chunk: FinishedChunk, release: () => void): Promise<void> {
    const {reduction, quarantine, audit, end, outcomes, newestSourceMs} = chunk;
    const {clock, observer} = this.#deps;
    const sentMs = clock.nowMs();
    const records = recordsOf(outcomes);
    const trace = this.#deps.traceChunk({
      partition: this.number,
      records,
      orders: reduction.patches.size,
      lastOffset: end.nextOffset - 1n,
    });
    await chain.send({
      reduction,
      quarantine,
      audit,
      next: formatPosition(end),
      within: (call) => trace.within(call),
      onApplied: () => {
        trace.end('applied');
        this.#deps.failpoint('after-apply');
        this.#appliedNext = end.nextOffset;
        this.#outcomes.enter(outcomes, newestSourceMs);
        this.#moved();
        observer.chunkApplied({durationMs: clock.nowMs() - sentMs, records});
        if (quarantine.size > 0) trace.within(() => this.#deps.quarantined([...quarantine.keys()]));
        if (chunk.otherTables.size > 0) this.#deps.otherTables(chunk.otherTables);
        if (chunk.schemaChanges.length > 0) this.#deps.schemaChanged(this.number, chunk.schemaChanges);
        for (const kind of chunk.quarantinedKinds) observer.recordQuarantined(kind);
        this.#corruptOrders.forgetBefore(end.nextOffset);
        this.#reportWorking();
      },
      onReturned: () => {
        trace.end('returned');
        this.#outcomes.handBack(records);
      },
      onDone: release,
    });
  }

  #reportWorking(): void {
    this.#isWithoutProgress = false;
    this.#backoff.reset();
    this.#deps.dependency(null);
  }
}
