/**
 * One assigned partition: its records go through decode, reduce and apply, from the stored position on.
 *
 *   anchor --> stream --> anchor ...      until the assignment ends or the worker stops
 *
 * Anchor reads the stored position and the range of the log, and decides where to start. Stream applies chunks until
 * something unexpected happens: a refusal, an error, a lost reply, an offset that nobody asked for, a position that was
 * moved by someone else. There is one answer to all of them: let what is in flight settle, and anchor again (I4).
 */
import {ApplyChain} from '../apply/chain.js';
import type {ReadModel} from '../apply/readModel.js';
import type {ApplyOutcome, ApplyRequest} from '../apply/script.js';
import {ChunkBuilder, type FinishedChunk} from './chunkBuilder.js';
import type {TraceChunk} from './chunkTrace.js';
import {Intake} from './partitionBuffer.js';
import {decideStart, requireSamePartitions} from './resume.js';
import type {Decoded} from '../domain/change.js';
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import type {Failpoint} from '../runtime/failpoints.js';
import {asProjectorError, type ProjectorError} from '../runtime/errors.js';
import type {EventLog, LogBatch, LogRecord} from '../clients/kafka/eventLog.js';
import {Backoff, type Clock} from '../runtime/lifecycle.js';
import {formatPosition, NO_POSITION, parsePosition} from '../redis-model/position.js';
import type {WorkerObserver} from './observer.js';
import {QuarantineLimit, type QuarantineSettings} from './quarantineLimit.js';
import {SpoiledOrders} from './corruptOrders.js';
import {Ledger, noOutcomes, recordsOf, type Tally} from './outcomes.js';

export interface PartitionSettings extends QuarantineSettings {
  readonly topic: string;
  /** Partitions of the topic: what the read model was laid out for. */
  readonly partitions: number;
  /** A chunk ends at this many orders: it bounds how long one script blocks Redis. */
  readonly chunkOrdersMax: number;
  /** A chunk ends at this many records, whatever they touch: it bounds the time between two yields. */
  readonly chunkRecordsMax: number;
  readonly queueBytesMax: number;
}

export interface PartitionDeps {
  readonly log: EventLog;
  readonly model: ReadModel;
  readonly decode: (record: LogRecord) => Decoded;
  readonly clock: Clock;
  readonly tally: Tally;
  /** Told on every try: whether Redis and Kafka answer, and why not. */
  readonly dependency: (error: ProjectorError | null) => void;
  readonly rewound: (partition: number, reason: string) => void;
  /** Names of records that were set aside. */
  readonly quarantined: (names: readonly string[]) => void;
  readonly failpoint: Failpoint;
  readonly observer: WorkerObserver;
  readonly traceChunk: TraceChunk;
}

export class Partition {
  readonly number: number;
  readonly #settings: PartitionSettings;
  readonly #deps: PartitionDeps;
  readonly #intake: Intake;
  #chain: ApplyChain | undefined;
  #reanchorReason: string | undefined;
  readonly #end = new AbortController();
  #appliedNext: bigint | undefined;
  /** The last chunks were not applied, and none has been since. */
  #isFruitless = false;
  readonly #ledger: Ledger;
  readonly #limit: QuarantineLimit;
  readonly #spoiled = new SpoiledOrders();
  readonly #backoff = new Backoff(50, 1_000);
  /** It waits for its servers to tell where to start. */
  #isAnchoring = true;
  /** When it last got further. */
  #movedMs = 0;

  constructor(number: number, settings: PartitionSettings, deps: PartitionDeps) {
    this.number = number;
    this.#settings = settings;
    this.#deps = deps;
    this.#intake = new Intake(this.#where, deps.clock, settings.queueBytesMax);
    this.#ledger = new Ledger(deps.tally);
    this.#limit = new QuarantineLimit(settings);
  }

  /** The next offset as far as this worker has seen it applied; undefined before the first anchor. */
  get appliedNext(): bigint | undefined {
    return this.#appliedNext;
  }

  /** The position text that Redis must hold now; undefined while that is in motion. */
  get restingPosition(): string | undefined {
    if (this.#chain === undefined || !this.#chain.isIdle || this.#chain.broken !== undefined)
      return undefined;
    return this.#chain.tail;
  }

  /** For how long it has got no further, with records to apply; 0 while it waits for something else. */
  stuckMs(nowMs: number): number {
    return this.#isAnchoring || !this.#hasWork() ? 0 : Math.max(0, nowMs - this.#movedMs);
  }

  /** Throws `counts-differ` when a record was passed over, or counted twice (I6). */
  audit(): void {
    this.#ledger.requireBalance(this.#where, {settled: false});
  }

  /** Runs until `end`. Rejects with a halting ProjectorError. */
  async run(): Promise<void> {
    try {
      while (!this.#hasEnded()) {
        const stored = await this.#anchor();
        if (stored === undefined) break;
        await this.#stream(stored);
        // Not in a tight loop (L3): a server that can be read but not written (a replica, out of memory), or another worker
        // that still writes to this partition.
        if (this.#isFruitless) await this.#deps.clock.sleep(this.#backoff.nextMs(), this.#end.signal);
      }
    } finally {
      // Whoever comes next reads the position and knows better.
      this.#settleChain(NO_POSITION);
    }
  }

  /** Takes what was fetched; resolves when there is room for more. */
  async deliver(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    if (!this.#intake.isOpen) return;
    const doubt = this.#intake.doubtOf(batch);
    if (doubt !== undefined) {
      this.reanchor(doubt);
      return;
    }
    this.#deps.failpoint('after-fetch');
    if (!this.#hasWork()) this.#moved();
    await this.#intake.take(batch, keepAlive);
  }

  /** Drops what is not in flight, reads the stored position again, goes on there. */
  reanchor(reason: string): void {
    this.#reanchorReason ??= reason;
    this.#intake.close();
  }

  /** Ends the partition: what is in flight is finished, nothing more is sent. `run` then resolves. */
  end(): void {
    this.#end.abort();
    this.#chain?.close();
    this.#intake.close();
  }

  #hasEnded(): boolean {
    return this.#end.signal.aborted;
  }

  get #where(): string {
    return `${this.#settings.topic}[${this.number}]`;
  }

  /** Resolves with the stored position text once the log is told where to start; undefined when the partition ended. */
  async #anchor(): Promise<string | undefined> {
    const {log, clock, dependency} = this.#deps;
    this.#isAnchoring = true;
    this.#reanchorReason = undefined;
    this.#intake.clear();
    if (!this.#hasEnded()) log.hold(this.number);
    while (!this.#hasEnded()) {
      try {
        const anchored = await this.#tryAnchor();
        if (anchored !== undefined && !this.#isFruitless) this.#wellAgain();
        return anchored;
      } catch (error) {
        const failure = asProjectorError(error);
        if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
        dependency(failure);
        await clock.sleep(this.#backoff.nextMs(), this.#end.signal);
      }
    }
    return undefined;
  }

  async #tryAnchor(): Promise<string | undefined> {
    const {log, model} = this.#deps;
    const {topic, partitions} = this.#settings;
    const text = await model.anchor(this.number);
    this.#settleChain(text);
    this.#ledger.requireBalance(this.#where, {settled: true});
    this.#limit.reset(await model.quarantinedOffsets(this.number));
    const ranges = await log.ranges();
    if (this.#hasEnded()) return undefined;
    requireSamePartitions(partitions, ranges.size, topic);
    const stored = {text, key: model.positions.key(this.number)};
    const range = ranges.get(this.number);
    const start = decideStart(stored, range, this.#where);
    const next = parsePosition(text)?.nextOffset ?? 0n;
    // Redis went back, or others went on: what is known of its keys may no longer be so. The script tells it again.
    if (next !== this.#appliedNext) this.#spoiled.clear();
    this.#appliedNext = next;
    // Whatever failed here has been done by others: nothing is left that would show that writes pass again.
    if (this.#appliedNext === range?.high) this.#isFruitless = false;
    this.#intake.open(start);
    log.readFrom(this.number, start.fromOffset);
    return text;
  }

  /** What the last chain left open is decided by the position that Redis holds. */
  #settleChain(stored: string): void {
    this.#chain?.reconcile(stored);
    this.#chain = undefined;
  }

  async #stream(stored: string): Promise<void> {
    const {model, failpoint} = this.#deps;
    const apply = (request: ApplyRequest): Promise<ApplyOutcome> => {
      failpoint('before-apply');
      const answer = model.apply(this.number, request);
      failpoint('script-in-flight');
      return answer;
    };
    const chain = new ApplyChain({apply}, stored, () => this.#onBroken(chain));
    this.#chain = chain;
    this.#isAnchoring = false;
    this.#moved();
    const appliedBefore = this.#appliedNext;
    try {
      while (!this.#hasEnded() && this.#reanchorReason === undefined && chain.broken === undefined) {
        if (this.#intake.isEmpty) await this.#intake.arrival();
        else await this.#applyNext(chain);
      }
    } finally {
      await chain.settle();
    }
    this.#afterBreak(chain, this.#appliedNext !== appliedBefore);
  }

  #hasWork(): boolean {
    return !this.#intake.isEmpty || this.#chain?.isIdle === false;
  }

  #moved(): void {
    this.#movedMs = this.#deps.clock.nowMs();
  }

  /**
   * What keeps Redis from working is told as soon as it is known. Later, behind what is in flight and the turns of others, Redis
   * may be well again, and this would tell of a new trouble.
   */
  #onBroken({broken}: ApplyChain): void {
    if (broken?.kind === 'failed') {
      const failure = asProjectorError(broken.error);
      if (ERROR_POLICY[failure.kind].next !== 'halt') this.#deps.dependency(failure);
    }
    this.#intake.wake();
  }

  /** Halts on what cannot pass, and tells why the partition anchors again. */
  #afterBreak(chain: ApplyChain, hasApplied: boolean): void {
    const broken = chain.broken;
    if (broken?.kind === 'failed') {
      const failure = asProjectorError(broken.error);
      if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
      this.#isFruitless = true;
    } else if (broken?.kind === 'refused') this.#isFruitless = !hasApplied;
    else if (broken?.kind === 'spoiled') {
      const before = parsePosition(broken.chunkEnd)?.nextOffset ?? 0n;
      this.#spoiled.add(broken.orderId, broken.what, before);
    }
    if (this.#hasEnded()) return;
    this.#ledger.rewound({isRefused: broken?.kind === 'refused'});
    if (broken?.kind === 'failed') return;
    const found = broken?.kind === 'spoiled' ? broken.what : 'Redis holds another position';
    // A refusal is told before a doubt that came with it: it shows that someone else writes.
    const reason = broken === undefined ? (this.#reanchorReason ?? found) : found;
    this.#deps.rewound(this.number, reason);
  }

  /** Takes its turn among the partitions before it makes a chunk, so that no more are held than Redis can work on. */
  async #applyNext(chain: ApplyChain): Promise<void> {
    await chain.room();
    const release = await this.#deps.model.slots.take();
    // Much may have happened meanwhile, as in the loop that calls this.
    const isOver = this.#hasEnded() || this.#reanchorReason !== undefined || chain.broken !== undefined;
    try {
      if (isOver || this.#intake.isEmpty) release();
      else await this.#applyChunk(chain, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Decodes and reduces what the queue holds, up to a chunk, and sends it. */
  async #applyChunk(chain: ApplyChain, release: () => void): Promise<void> {
    const {chunkOrdersMax, chunkRecordsMax, topic} = this.#settings;
    const {decode, failpoint} = this.#deps;
    const spoiled = (orderId: string, offset: bigint): string | undefined =>
      this.#spoiled.reasonAt(orderId, offset);
    const builder = new ChunkBuilder({topic, partition: this.number}, {decode, limit: this.#limit, spoiled});
    if (this.#intake.takeKnown()) {
      this.#ledger.take();
      this.#ledger.enter({...noOutcomes(), duplicate: 1});
    }
    let halt: unknown;
    for (let taken = 0; taken < chunkRecordsMax && builder.orderCount < chunkOrdersMax; taken++) {
      const record = this.#intake.shift();
      if (record === undefined) break;
      this.#ledger.take();
      try {
        builder.add(record);
      } catch (error) {
        this.#ledger.handBack(1);
        halt = error;
        break;
      }
    }
    failpoint('after-decode');
    this.#intake.letMoreIn();
    const chunk = builder.finish();
    if (chunk === undefined) release();
    else await this.#sendChunk(chain, chunk, release);
    if (halt === undefined) return;
    // What stands before the bad record is applied first; the position then points at it.
    await chain.settle();
    if (chain.broken !== undefined || this.#hasEnded()) return;
    throw asProjectorError(halt);
  }

  async #sendChunk(chain: ApplyChain, chunk: FinishedChunk, release: () => void): Promise<void> {
    const {reduction, quarantine, end, outcomes, newestSourceMs} = chunk;
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
      next: formatPosition(end),
      within: (call) => trace.within(call),
      onApplied: () => {
        trace.end('applied');
        this.#deps.failpoint('after-apply');
        this.#appliedNext = end.nextOffset;
        this.#ledger.enter(outcomes, newestSourceMs);
        this.#moved();
        observer.chunkApplied({durationMs: clock.nowMs() - sentMs, records});
        if (quarantine.size > 0) trace.within(() => this.#deps.quarantined([...quarantine.keys()]));
        for (const kind of chunk.quarantinedKinds) observer.recordQuarantined(kind);
        this.#spoiled.forgetBefore(end.nextOffset);
        this.#wellAgain();
      },
      onReturned: () => {
        trace.end('returned');
        this.#ledger.handBack(records);
      },
      onDone: release,
    });
  }

  #wellAgain(): void {
    this.#isFruitless = false;
    this.#backoff.reset();
    this.#deps.dependency(null);
  }
}
